package audit

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/transbotai/tenon"
)

// Policy says what becomes of a field before it is stored. A key of Options.Fields names the field: a member of a
// payload by its name, at any depth ("password"), or by its whole path, in which "*" is any one step
// ("payload.after.rate", "payload.lanes.*.note"), or one of actor, on_behalf_of, ip_address, user_agent, request_id,
// trace_id. Names are compared without regard to the case of ASCII letters; a path goes before a name.
type Policy int

// The policies.
const (
	Keep   Policy = iota // as it is
	Digest               // an HMAC of it, so that equal values can be told, and none be read
	Redact               // the text "[redacted]"
	Ignore               // not at all
)

// redactedText stands for a value that was not to be stored.
const redactedText = "[redacted]"

// digestPrefix begins what [Digest] leaves.
const digestPrefix = "hmac-sha256:"

// secrets are names of members that are redacted unless the host says otherwise.
var secrets = []string{
	"password", "passwd", "secret", "client_secret", "token", "access_token", "refresh_token", "id_token", "api_key",
	"apikey", "authorization", "cookie", "set_cookie", "private_key", "card_number", "cvc", "cvv", "otp",
}

// policies are Options.Fields, made ready.
type policies struct {
	names map[string]Policy
	paths map[string]Policy // without a "*"
	globs []glob
	key   []byte
}

type glob struct {
	steps  []string
	policy Policy
}

func newPolicies(o Options) *policies {
	p := &policies{names: map[string]Policy{}, paths: map[string]Policy{}, key: o.DigestKey}
	for _, name := range secrets {
		p.names[name] = Redact
	}
	for field, policy := range o.Fields {
		field = lower(field)
		switch {
		case strings.Contains(field, "*"):
			p.globs = append(p.globs, glob{strings.Split(field, "."), policy})
		case strings.HasPrefix(field, "payload.") || plainField[field]:
			p.paths[field] = policy
		default:
			p.names[field] = policy
		}
	}
	return p
}

var plainField = map[string]bool{
	"actor": true, "on_behalf_of": true, "ip_address": true, "user_agent": true, "request_id": true, "trace_id": true,
}

// of returns the policy of what stands at the end of steps.
func (p *policies) of(steps []string) (Policy, bool) {
	if policy, ok := p.paths[strings.Join(steps, ".")]; ok {
		return policy, true
	}
	for _, g := range p.globs {
		if g.matches(steps) {
			return g.policy, true
		}
	}
	policy, ok := p.names[steps[len(steps)-1]]
	return policy, ok
}

func (g glob) matches(steps []string) bool {
	if len(g.steps) != len(steps) {
		return false
	}
	for i, s := range g.steps {
		if s != "*" && s != steps[i] {
			return false
		}
	}
	return true
}

// apply changes r as the policies say.
func (p *policies) apply(r *Record) error {
	for _, f := range []struct {
		name  string
		value *string
	}{
		{"actor", &r.Actor},
		{"on_behalf_of", &r.OnBehalfOf},
		{"ip_address", &r.IP},
		{"user_agent", &r.UserAgent},
		{"request_id", &r.RequestID},
		{"trace_id", &r.TraceID},
	} {
		if err := p.plain(f.name, f.value); err != nil {
			return err
		}
	}
	if r.Action == ActionRedacted || r.Action == ActionDropped {
		return nil // verifying reads what these say
	}
	if r.Payload == nil || len(r.Payload) > MaxPayload || !p.concerns(r.Payload) {
		return nil // what is too long is refused later, unread
	}
	return p.payload(r)
}

func (p *policies) plain(field string, value *string) error {
	policy := p.paths[field]
	if *value == "" || policy == Keep {
		return nil
	}
	if field == "ip_address" || policy == Ignore {
		*value = "" // an address is one, or nothing
		return nil
	}
	if policy == Redact {
		*value = redactedText
		return nil
	}
	digest, err := p.digest([]byte(*value))
	*value = digest
	return err
}

// concerns says whether a payload may have a member that a policy names, at the cost of one look.
func (p *policies) concerns(payload []byte) bool {
	if len(p.paths) > 0 || len(p.globs) > 0 || bytes.IndexByte(payload, '\\') >= 0 {
		return true
	}
	for len(payload) > 0 {
		begin := bytes.IndexByte(payload, '"')
		if begin < 0 {
			return false
		}
		end := bytes.IndexByte(payload[begin+1:], '"')
		if end < 0 {
			return false
		}
		if p.named(payload[begin+1 : begin+1+end]) {
			return true
		}
		payload = payload[begin+end+2:]
	}
	return false
}

func (p *policies) named(word []byte) bool {
	var b [32]byte
	if len(word) > len(b) {
		_, ok := p.names[lower(string(word))]
		return ok
	}
	for i, c := range word {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		b[i] = c
	}
	_, ok := p.names[string(b[:len(word)])]
	return ok
}

// payload rewrites a payload. One that is no JSON, or that no store would take, is refused before, since reading it would hide that.
func (p *policies) payload(r *Record) error {
	if err := flatten(r.Payload, "payload", func(scalar) {}); err != nil {
		return err
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(r.Payload))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return tenon.Invalid("payload", "%v", err)
	}
	v, err := p.rewritten(v, []string{"payload"})
	if err != nil {
		return err
	}
	r.Payload, err = JSON(v)
	return err
}

func (p *policies) rewritten(v any, steps []string) (any, error) {
	var err error
	switch v := v.(type) {
	case map[string]any:
		for name, child := range v {
			below := append(steps[:len(steps):len(steps)], lower(name))
			policy, named := p.of(below)
			switch {
			case named && policy == Ignore:
				delete(v, name)
				continue
			case named && policy != Keep:
				v[name], err = p.replaced(child, policy)
			case !named:
				v[name], err = p.rewritten(child, below)
			}
			if err != nil {
				return nil, err
			}
		}
	case []any:
		for i, child := range v {
			if v[i], err = p.rewritten(child, append(steps[:len(steps):len(steps)], strconv.Itoa(i))); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

func (p *policies) replaced(v any, policy Policy) (any, error) {
	if v == nil {
		return nil, nil
	}
	if policy == Redact {
		return redactedText, nil
	}
	text, err := JSON(v)
	if err != nil {
		return nil, err
	}
	if s, ok := v.(string); ok {
		text = []byte(s)
	}
	return p.digest(text)
}

func (p *policies) digest(value []byte) (string, error) {
	if len(p.key) < SeedSize {
		return "", tenon.Invalid("fields", "a digest needs Options.DigestKey of at least %d bytes", SeedSize)
	}
	mac := hmac.New(sha256.New, p.key)
	mac.Write(value)
	return digestPrefix + hex.EncodeToString(mac.Sum(nil)), nil
}
