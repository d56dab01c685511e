package kpi

import (
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
	maxExponent   = 400      // of a number, either way: Postgres keeps 16,383 digits after the point
	unixEpoch     = int64(0) // events are from 1970 on
)

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
	e.At, e.ReceivedAt = tenon.Instant(e.At), now
	if e.At.Unix() < unixEpoch {
		return tenon.Invalid("at", "%s is before 1970", e.At.Format(time.RFC3339))
	}
	if e.At.Sub(now) > time.Duration(maxAhead) {
		return tenon.Invalid("at", "%s is more than a day ahead", e.At.Format(time.RFC3339))
	}
	return e.prepareProperties()
}

// prepareProperties writes the properties as JSON.
func (e *Event) prepareProperties() error {
	b, err := appendMap(make([]byte, 0, 128), "properties", e.Properties, 1)
	if err != nil {
		return err
	}
	if len(b) > maxProperties {
		return tenon.Invalid("properties", "have %d bytes, more than %d", len(b), maxProperties)
	}
	e.JSON = b
	return nil
}
