package notify

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/transbotai/tenon"
)

// The longest that each part of a notification may be, in bytes.
const (
	maxKey    = 1024
	maxTenant = 255
	maxKind   = 255
	maxTitle  = 4096
	maxText   = 64 << 10
	maxData   = 64 << 10 // names and values together
)

// Check returns a [tenon.FieldError] when n cannot be delivered by whatever means: it has no key, kind or title, its
// severity is unknown, a text is too long, or is not text.
func Check(n tenon.Notification) error {
	for _, f := range []struct {
		name, value string
		max         int
		required    bool
	}{
		{"key", n.Key, maxKey, true},
		{"kind", n.Kind, maxKind, true},
		{"tenant", n.Tenant, maxTenant, false},
		{"title", n.Title, maxTitle, true},
		{"text", n.Text, maxText, false},
	} {
		if f.required && f.value == "" {
			return tenon.Invalid(f.name, "is empty")
		}
		if err := checkText(f.name, f.value, f.max); err != nil {
			return err
		}
	}
	if !slices.Contains(severities, n.Severity) {
		return tenon.Invalid("severity", "%q is none of %q", n.Severity, severities)
	}
	return checkData(n.Data)
}

func checkData(data map[string]string) error {
	size := 0
	for _, name := range slices.Sorted(maps.Keys(data)) {
		value := data[name]
		size += len(name) + len(value)
		if err := checkText("data", name, maxData); err != nil {
			return err
		}
		if err := checkText("data["+name+"]", value, maxData); err != nil {
			return err
		}
	}
	if size > maxData {
		return tenon.Invalid("data", "is %d bytes, more than %d", size, maxData)
	}
	return nil
}

func checkText(name, value string, longest int) error {
	switch {
	case len(value) > longest:
		return tenon.Invalid(name, "is %d bytes, more than %d", len(value), longest)
	case !utf8.ValidString(value), strings.ContainsRune(value, 0):
		return tenon.Invalid(name, "is not text")
	}
	return nil
}
