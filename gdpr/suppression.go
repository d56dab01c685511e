package gdpr

import (
	"crypto/ed25519"
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
	Subject  string    `json:"subject"` // see [Secret.Pseudonym]
	Person   bool      `json:"person,omitempty"`
	At       time.Time `json:"at"` // the erasure ended
}

// Pseudonym returns a keyed digest (HMAC-SHA-256, in hexadecimal) of a subject: the same for the same subject and
// secret, and nothing that can be turned back without the secret.
func (s Secret) Pseudonym(of tenon.Subject) string {
	return hex.EncodeToString(s.derive("tenon gdpr pseudonym 1\n" + strconv.Itoa(len(of.Tenant)) + ":" + of.Tenant + of.User))
}

// CertificateKey returns the public part of the key by which this secret signs certificates.
func (s Secret) CertificateKey() ed25519.PublicKey {
	return s.signer().Public().(ed25519.PublicKey)
}

func (s Secret) signer() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(s.derive("tenon gdpr certificate 1\n"))
}

func (s Secret) derive(purpose string) []byte {
	h := hmac.New(sha256.New, []byte(s.Reveal()))
	h.Write([]byte(purpose))
	return h.Sum(nil)
}
