package entitlementsstripe

import "log/slog"

// hidden is what a Secret shows.
const hidden = "[secret]"

// Secret is a key that no format, encoder or logger shows. The zero Secret is empty.
//
// It holds a function and not the text, since package fmt looks through unexported fields without asking the methods
// of what it finds there.
type Secret struct{ reveal func() string }

// NewSecret returns s as a Secret.
func NewSecret(s string) Secret { return Secret{func() string { return s }} }

func (s Secret) text() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// String hides the secret.
func (s Secret) String() string { return hidden }

// GoString hides the secret.
func (s Secret) GoString() string { return hidden }

// MarshalText hides the secret; so does JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue hides the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
