package kpi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/transbotai/tenon"
)

// The properties of an event are written in one pass that checks them too: names in order, without white space, and
// without the escapes that only pages need.

func appendMap(b []byte, field string, m map[string]any, depth int) ([]byte, error) {
	if err := checkDepth(b, depth); err != nil {
		return nil, err
	}
	b = append(b, '{')
	names := slices.AppendSeq(make([]string, 0, len(m)), maps.Keys(m))
	slices.Sort(names)
	for i, name := range names {
		if err := checkUTF8("properties", name); err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, name), ':')
		var err error
		if b, err = appendValue(b, field, name, m[name], depth); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// checkDepth ends what never would, or what is too large to begin with.
func checkDepth(b []byte, depth int) error {
	if depth > maxDepth {
		return tenon.Invalid("properties", "nest deeper than %d levels", maxDepth)
	}
	if len(b) > maxProperties {
		return tenon.Invalid("properties", "have more than %d bytes", maxProperties)
	}
	return nil
}

func appendValue(b []byte, field, name string, v any, depth int) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case string:
		if checkUTF8("", v) != nil { // the field's name is put together for errors alone
			return nil, checkUTF8(field+"."+name, v)
		}
		return appendString(b, v), nil
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case json.Number:
		return append(b, v...), checkNumber(field+"."+name, v)
	case map[string]any:
		return appendMap(b, field+"."+name, v, depth+1)
	case []any:
		return appendList(b, field+"."+name, v, depth+1)
	}
	return appendOther(b, field, name, v, depth)
}

func appendList(b []byte, field string, list []any, depth int) ([]byte, error) {
	if err := checkDepth(b, depth); err != nil {
		return nil, err
	}
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendValue(b, field, strconv.Itoa(i), v, depth); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

// appendOther takes the way through package json.
func appendOther(b []byte, field, name string, v any, depth int) ([]byte, error) {
	written, err := json.Marshal(v)
	if err != nil {
		return nil, tenon.Invalid(field+"."+name, "%v", err)
	}
	var plain any
	d := json.NewDecoder(bytes.NewReader(written))
	d.UseNumber()
	if err := d.Decode(&plain); err != nil {
		return nil, tenon.Invalid(field+"."+name, "%v", err)
	}
	return appendValue(b, field, name, plain, depth)
}

// checkNumber refuses what no float64 and no database could hold.
func checkNumber(field string, n json.Number) error {
	if !json.Valid([]byte(n)) || len(n) > maxLiteral {
		return tenon.Invalid(field, "is no number of at most %d bytes", maxLiteral)
	}
	if _, err := strconv.ParseFloat(string(n), 64); err != nil {
		return tenon.Invalid(field, "is no number within ±1.8e308")
	}
	if i := strings.IndexAny(string(n), "eE"); i >= 0 { // 0 may have any exponent, and what is next to nothing rounds to it
		if exponent, err := strconv.Atoi(string(n[i+1:])); err != nil || exponent < -maxExponent || exponent > maxExponent {
			return tenon.Invalid(field, "has an exponent beyond ±%d", maxExponent)
		}
	}
	return nil
}

// appendString quotes s, which is UTF-8, or is refused.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = fmt.Appendf(b, "\\u%04x", c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
