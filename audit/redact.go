package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
)

// Redact erases the parts that chosen says yes to, with their salts, and keeps their digests, so that the leaf stays as
// it is. Value is a part's text, or its number in canonical form; by is the record that tells of the redaction. It
// returns how many parts it erased. Tenant, action, time and outcome stay.
func (e *Entry) Redact(by string, chosen func(path, value string) bool) (int, error) {
	c := compositions.Get().(*composition)
	defer compositions.Put(c)
	if err := c.read(e); err != nil {
		return 0, err
	}
	digests := map[string]Hash{}
	salts := map[string][]byte{}
	for i := range c.parts {
		p := &c.parts[i]
		switch path := string(c.where(p)); {
		case p.gone:
		case c.kind(p) != kindNull && chosen(path, string(c.what(p))):
			digests[path] = c.digests[i]
		default:
			salts[path] = bytes.Clone(c.salt(p))
		}
	}
	if len(digests) == 0 {
		return 0, nil
	}
	if err := e.blank(digests); err != nil {
		return 0, err
	}
	if e.Redacted == nil {
		e.Redacted = map[string]Hash{}
	}
	maps.Copy(e.Redacted, digests)
	e.Seed, e.Salts, e.RedactedBy = nil, salts, by
	return len(digests), nil
}

// blank empties the parts.
func (e *Entry) blank(paths map[string]Hash) error {
	text := func(path string, value *string) {
		if _, gone := paths[path]; gone {
			*value = ""
		}
	}
	text("actor", &e.Actor)
	text("on_behalf_of", &e.OnBehalfOf)
	for i := range e.Targets {
		text(fmt.Sprintf("targets[%d].type", i), &e.Targets[i].Type)
		text(fmt.Sprintf("targets[%d].id", i), &e.Targets[i].ID)
	}
	text("ip_address", &e.IP)
	text("user_agent", &e.UserAgent)
	text("request_id", &e.RequestID)
	text("trace_id", &e.TraceID)
	text("key", &e.Key)
	if e.Payload == nil {
		return nil
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(e.Payload))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return err
	}
	payload, err := json.Marshal(blanked(v, []byte("payload"), paths))
	e.Payload = payload
	return err
}

// blanked returns v with null in place of the parts at paths.
func blanked(v any, path []byte, paths map[string]Hash) any {
	if _, gone := paths[string(path)]; gone {
		return nil
	}
	path = path[:len(path):len(path)] // so that children do not share what they append
	switch v := v.(type) {
	case map[string]any:
		for name, child := range v {
			v[name] = blanked(child, appendMember(path, []byte(name)), paths)
		}
	case []any:
		for i, child := range v {
			v[i] = blanked(child, append(strconv.AppendInt(append(path, '['), int64(i), 10), ']'), paths)
		}
	}
	return v
}
