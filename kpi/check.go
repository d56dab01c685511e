package kpi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/transbotai/tenon"
)

const (
	maxName       = 200      // bytes of a name, a key, a tenant, a user
	maxProperties = 32 << 10 // bytes of the properties in JSON
	maxDepth      = 20       // levels of lists and objects in them, themselves included
	maxAhead      = Day      // how far ahead of the time of tracking an event may be
	maxLiteral    = 100      // bytes of a number
	unixEpoch     = int64(0) // events are from 1970 on
)

// Instant returns t as stores keep it: UTC, truncated to microseconds.
func Instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// checkText refuses what Postgres cannot keep as text, and what is long.
func checkText(field, s string) error {
	if len(s) > maxName {
		return tenon.Invalid(field, "has %d bytes, more than %d", len(s), maxName)
	}
	return checkUTF8(field, s)
}

func checkUTF8(field, s string) error {
	if !utf8.ValidString(s) {
		return tenon.Invalid(field, "is not UTF-8")
	}
	if strings.IndexByte(s, 0) >= 0 {
		return tenon.Invalid(field, "holds the character U+0000")
	}
	return nil
}

func checkName(field, s string) error {
	if s == "" {
		return tenon.Invalid(field, "is empty")
	}
	return checkText(field, s)
}

// prepare checks e as of now and gives it the form in which it is stored. The caller's maps stay as they are.
func (e *Event) prepare(now time.Time) error {
	for _, f := range []struct{ name, value string }{{"tenant", e.Tenant}, {"name", e.Name}} {
		if err := checkName(f.name, f.value); err != nil {
			return err
		}
	}
	for _, f := range []struct{ name, value string }{{"user", e.User}, {"key", e.Key}} {
		if err := checkText(f.name, f.value); err != nil {
			return err
		}
	}
	if e.At.IsZero() {
		e.At = now
	}
	e.At, e.ReceivedAt = Instant(e.At), now
	if e.At.Unix() < unixEpoch {
		return tenon.Invalid("at", "%s is before 1970", e.At.Format(time.RFC3339))
	}
	if e.At.Sub(now) > time.Duration(maxAhead) {
		return tenon.Invalid("at", "%s is more than a day ahead", e.At.Format(time.RFC3339))
	}
	return e.prepareProperties()
}

func (e *Event) prepareProperties() error {
	properties, err := plainMap("properties", e.Properties, 1)
	if err != nil {
		return err
	}
	b, err := marshal(properties)
	if err != nil {
		return tenon.Invalid("properties", "%v", err)
	}
	if len(b) > maxProperties {
		return tenon.Invalid("properties", "have %d bytes, more than %d", len(b), maxProperties)
	}
	e.Properties, e.JSON = properties, b
	return nil
}

// marshal writes JSON without the escapes that only pages need.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func plainMap(field string, m map[string]any, depth int) (map[string]any, error) {
	if depth > maxDepth {
		return nil, tenon.Invalid("properties", "nest deeper than %d levels", maxDepth)
	}
	plain := make(map[string]any, len(m))
	for name, v := range m {
		if err := checkUTF8("properties", name); err != nil {
			return nil, err
		}
		p, err := plainValue(field+"."+name, v, depth)
		if err != nil {
			return nil, err
		}
		plain[name] = p
	}
	return plain, nil
}

// plainValue returns v as package json reads it, with numbers as [json.Number].
func plainValue(field string, v any, depth int) (any, error) {
	switch v := v.(type) {
	case nil, bool:
		return v, nil
	case string:
		return v, checkUTF8(field, v)
	case int:
		return json.Number(strconv.Itoa(v)), nil
	case int64:
		return json.Number(strconv.FormatInt(v, 10)), nil
	case json.Number:
		return v, checkNumber(field, v)
	case map[string]any:
		return plainMap(field, v, depth+1)
	case []any:
		return plainList(field, v, depth+1)
	}
	return plainOther(field, v, depth)
}

func plainList(field string, list []any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, tenon.Invalid("properties", "nest deeper than %d levels", maxDepth)
	}
	plain := make([]any, len(list))
	for i, v := range list {
		p, err := plainValue(fmt.Sprintf("%s[%d]", field, i), v, depth)
		if err != nil {
			return nil, err
		}
		plain[i] = p
	}
	return plain, nil
}

// plainOther takes the way through JSON.
func plainOther(field string, v any, depth int) (any, error) {
	b, err := marshal(v)
	if err != nil {
		return nil, tenon.Invalid(field, "%v", err)
	}
	if len(b) > 2*maxProperties {
		return nil, tenon.Invalid("properties", "have more than %d bytes", maxProperties)
	}
	var plain any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&plain); err != nil {
		return nil, tenon.Invalid(field, "%v", err)
	}
	return plainValue(field, plain, depth)
}

// checkNumber refuses what no float64 and no database could hold.
func checkNumber(field string, n json.Number) error {
	if !json.Valid([]byte(n)) || len(n) > maxLiteral {
		return tenon.Invalid(field, "is no number of at most %d bytes", maxLiteral)
	}
	if _, err := strconv.ParseFloat(string(n), 64); err != nil {
		return tenon.Invalid(field, "is no number within ±1.8e308")
	}
	return nil
}
