package tenon

import (
	"fmt"
	"log/slog"
)

// hidden is what a Secret shows.
const hidden = "[hidden]"

// Secret is a key or a password. It shows itself to no format, encoder or logger, also as a part of something else. The
// zero Secret is empty.
type Secret struct {
	value *string // a pointer, so that formats which look into fields find an address
}

// NewSecret returns a Secret of this value; one of the empty value is the zero Secret. A key that signs should have 32
// random bytes or more.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{&value}
}

// Reveal returns the value; empty of the zero Secret.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero says whether s is empty.
func (s Secret) IsZero() bool { return s.value == nil }

// String hides the value.
func (s Secret) String() string { return hidden }

// Format hides the value from every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// MarshalText hides the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue hides the value.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
