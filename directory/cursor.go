package directory

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
)

// Key is a secret with which cursors and invitations are signed. It does not show itself.
type Key []byte

// String hides the key.
func (Key) String() string { return "[hidden]" }

// Format hides the key from every verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[hidden]")) }

// MarshalJSON hides the key.
func (Key) MarshalJSON() ([]byte, error) { return []byte(`"[hidden]"`), nil }

// LogValue hides the key.
func (Key) LogValue() slog.Value { return slog.StringValue("[hidden]") }

// newKey returns a key that no other process has.
func newKey() Key {
	k := make(Key, 32)
	_, _ = rand.Read(k) // never fails: crypto/rand
	return k
}

// sum signs a message for a purpose, so that what was signed for one does not serve another.
func (k Key) sum(purpose string, message []byte) []byte {
	h := hmac.New(sha256.New, k)
	fmt.Fprintf(h, "tenon/directory/%s\n", purpose)
	h.Write(message)
	return h.Sum(nil)
}

// seal returns a message with its signature, as text that fits into an address.
func (k Key) seal(purpose string, message []byte) string {
	return base64.RawURLEncoding.EncodeToString(append(k.sum(purpose, message), message...))
}

// open returns the message of a text that seal returned.
func (k Key) open(purpose, text string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) < sha256.Size {
		return nil, false
	}
	message := b[sha256.Size:]
	return message, hmac.Equal(b[:sha256.Size], k.sum(purpose, message))
}

// maxCursor is more than any cursor is long: a name of 200 characters, escaped.
const maxCursor = 4000

// cursors makes and reads cursors.
type cursors struct{ key Key }

func (c cursors) seal(p Position, search uint64) string {
	b, _ := json.Marshal(p) // text and numbers
	return c.key.seal(fmt.Sprintf("cursor %x", search), b)
}

func (c cursors) open(text string, search uint64) (*Position, error) {
	if text == "" {
		return nil, nil
	}
	b, ok := c.key.open(fmt.Sprintf("cursor %x", search), text)
	p := &Position{}
	if !ok || json.Unmarshal(b, p) != nil {
		return nil, ErrCursor
	}
	return p, nil
}
