package audit

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/transbotai/tenon"
)

// JSON returns v as a payload. What has no JSON, such as a value that contains itself, a channel or NaN, is a
// [tenon.ErrInvalid].
func JSON(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, tenon.Invalid("payload", "%v", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// raw returns nil for no text at all, so that it can be left out.
func raw(text json.RawMessage) any {
	if text == nil {
		return nil
	}
	return text
}

// Difference returns a payload with the members of two JSON objects that differ, as {"before": …, "after": …}. When one
// is nil, it has all of the other; when nothing differs, or one is no object, it says so.
func Difference(before, after json.RawMessage) (payload json.RawMessage, differs bool, err error) {
	was, err := members("before", before)
	if err != nil {
		return nil, false, err
	}
	is, err := members("after", after)
	if err != nil {
		return nil, false, err
	}
	for name, value := range was {
		if other, ok := is[name]; ok && sameJSON(value, other) {
			delete(was, name)
			delete(is, name)
		}
	}
	payload, err = JSON(struct {
		Before map[string]json.RawMessage `json:"before,omitempty"`
		After  map[string]json.RawMessage `json:"after,omitempty"`
	}{was, is})
	return payload, len(was)+len(is) > 0, err
}

func members(field string, text json.RawMessage) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	if text == nil {
		return nil, nil
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, tenon.Invalid(field, "not a JSON object")
	}
	return m, nil
}

// sameJSON says whether two texts mean the same.
func sameJSON(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, errX := meaning(a)
	y, errY := meaning(b)
	return errX == nil && errY == nil && x == y
}

// meaning returns a text that is the same for all JSON that means the same.
func meaning(text json.RawMessage) (string, error) {
	type meant struct {
		path, value string
		kind        byte
	}
	var parts []meant
	err := flatten(text, "", func(s scalar) { parts = append(parts, meant{string(s.path), string(s.value), s.kind}) })
	if err != nil {
		return "", err
	}
	slices.SortFunc(parts, func(a, b meant) int { return strings.Compare(a.path, b.path) })
	var b []byte
	for _, p := range parts {
		b = append(appendText(appendText(b, p.path), p.value), p.kind)
	}
	return string(b), nil
}
