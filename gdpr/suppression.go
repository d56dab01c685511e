package gdpr

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/transbotai/tenon"
)

// Suppression says that a subject was erased, without saying who it was. Keep the list away from the backups: after a
// restore it tells whom to erase again.
type Suppression struct {
	Deletion string    `json:"deletion"`
	Subject  string    `json:"subject"` // see [Pseudonym]
	Person   bool      `json:"person,omitempty"`
	At       time.Time `json:"at"` // the erasure ended
}

// Pseudonym returns a keyed digest (HMAC-SHA-256, in hexadecimal) of a subject: the same for the same subject and key,
// and nothing that can be turned back without trying every subject with the key.
func Pseudonym(key []byte, s tenon.Subject) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(strconv.Itoa(len(s.Tenant)) + ":" + s.Tenant + s.User))
	return hex.EncodeToString(h.Sum(nil))
}
