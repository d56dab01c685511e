package notifyhttp

import (
	"log/slog"
)

// Secret is a key that signs. It does not show what it is when it is printed, logged or marshalled. The zero Secret
// signs nothing.
type Secret struct {
	value *string // fmt shows where it is, not what: inside a struct of somebody else it cannot ask String
}

// NewSecret returns a Secret of this value, which the receiver has too. It should have 32 random bytes or more.
func NewSecret(value string) Secret { return Secret{&value} }

// reveal returns the value; empty of the zero Secret.
func (s Secret) reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// hidden stands for a secret wherever one is shown.
const hidden = "[secret]"

// String returns a word that says that there is a secret.
func (s Secret) String() string { return hidden }

// GoString returns what String does, for %#v.
func (s Secret) GoString() string { return hidden }

// MarshalText returns what String does.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue returns what String does.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
