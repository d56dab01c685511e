package audithttp

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// kept is the beginning of a body, as the handler read it.
type kept struct {
	io.ReadCloser
	text    bytes.Buffer
	limit   int
	tooLong bool
}

// keep puts itself between the handler and the body when some of its fields are wanted. A form that was parsed already is
// taken from there.
func (m *recorder) keep(r *http.Request) *kept {
	k := &kept{limit: m.options.MaxBody}
	if len(m.options.Fields) > 0 && r.PostForm == nil && r.Body != nil {
		k.ReadCloser = r.Body
		r.Body = k
	}
	return k
}

// Read implements [io.Reader].
func (k *kept) Read(b []byte) (int, error) {
	n, err := k.ReadCloser.Read(b)
	if k.tooLong = k.tooLong || k.text.Len()+n > k.limit; !k.tooLong {
		k.text.Write(b[:n])
	}
	return n, err
}

// chosen returns the fields that the body has.
func (k *kept) chosen(r *http.Request, fields []string) map[string]any {
	if len(fields) == 0 || k.tooLong {
		return nil
	}
	if r.PostForm != nil {
		return fromForm(r.PostForm, fields)
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err != nil:
	case kind == "application/x-www-form-urlencoded":
		if form, err := url.ParseQuery(k.text.String()); err == nil {
			return fromForm(form, fields)
		}
	case kind == "application/json", strings.HasSuffix(kind, "+json"):
		return fromJSON(k.text.Bytes(), fields)
	}
	return nil
}

func fromForm(form url.Values, fields []string) map[string]any {
	found := map[string]any{}
	for _, f := range fields {
		switch values := form[f]; len(values) {
		case 0:
		case 1:
			found[f] = values[0]
		default:
			found[f] = values
		}
	}
	return found
}

func fromJSON(text []byte, fields []string) map[string]any {
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return nil
	}
	found := map[string]any{}
	for _, f := range fields {
		if v, ok := members[f]; ok {
			found[f] = v
		}
	}
	return found
}
