package directory

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/transbotai/tenon"
)

// sealer signs cursors and invitations.
type sealer tenon.Secret

// newKey returns a key that no other process has.
func newKey() tenon.Secret { return tenon.NewSecret(rand.Text() + rand.Text()) }

// sum signs a message for a purpose, so that what was signed for one does not serve another.
func (k sealer) sum(purpose string, message []byte) []byte {
	h := hmac.New(sha256.New, []byte(tenon.Secret(k).Reveal()))
	fmt.Fprintf(h, "tenon/directory/%s\n", purpose)
	h.Write(message)
	return h.Sum(nil)
}

// seal returns a message with its signature, as text that fits into an address.
func (k sealer) seal(purpose string, message []byte) string {
	return base64.RawURLEncoding.EncodeToString(append(k.sum(purpose, message), message...))
}

// open returns the message of a text that seal returned.
func (k sealer) open(purpose, text string) ([]byte, bool) {
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
type cursors struct{ key sealer }

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
