package gdpr

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"time"
)

// Certificate says what an erasure did. It holds no data of the subject: who it was can only be found out by those who
// know the subject and the key of the digest.
type Certificate struct {
	ID         string    `json:"id"`      // the deletion's
	Subject    string    `json:"subject"` // keyed digest of the subject
	PlanHash   string    `json:"plan_hash"`
	StartedAt  time.Time `json:"started_at"`
	EndedAt    time.Time `json:"ended_at"`
	Tables     []Proof   `json:"tables"`
	Satellites []Proof   `json:"satellites,omitempty"`
	Scan       Scan      `json:"scan"`
	Key        []byte    `json:"key"`                 // the public key, Ed25519
	Signature  []byte    `json:"signature,omitempty"` // of the JSON form without it
}

// Proof is what was done with one table.
type Proof struct {
	Satellite string    `json:"satellite,omitempty"`
	Table     string    `json:"table"`
	Relation  Relation  `json:"relation,omitempty"`
	Rule      Rule      `json:"rule,omitempty"`
	Basis     string    `json:"basis,omitempty"`
	Until     time.Time `json:"until,omitzero"`
	Rows      int64     `json:"rows"` // deleted or anonymised
}

// Scan is what a search for the subject's known values found after the erasure, in every text, json and array column.
type Scan struct {
	Tables  int       `json:"tables"`
	Columns int       `json:"columns"`
	Values  int       `json:"values"`          // how many were looked for
	Short   int       `json:"short,omitempty"` // how many were not, since they are too short to mean anybody
	Cut     bool      `json:"cut,omitempty"`   // as many values as were looked for at most: there may be more
	Found   []Finding `json:"found,omitempty"`
}

// Finding is a column in which a known value was found. In rows of others it may be theirs as well: a person judges.
type Finding struct {
	Table  string `json:"table"`
	Column string `json:"column"`
	Own    bool   `json:"own,omitempty"` // the subject's own rows, where the law wants the column kept
	Rows   int64  `json:"rows"`
}

// Certifier is what [Tables] may be beside: it proves an erasure.
type Certifier interface {
	// Certify looks for what is left and returns the signed certificate. Satellites are the rows that each erased, by
	// table. It keeps what a replay needs and forgets the rest of the deletion. Called again, it returns the same
	// certificate.
	Certify(ctx context.Context, d Deletion, satellites map[string]map[string]int64) (Certificate, error)
}

// Sign returns c signed with a key that is derived from s.
func (c Certificate) Sign(s Secret) Certificate {
	c.Key = s.CertificateKey()
	c.Signature = ed25519.Sign(s.signer(), c.signed())
	return c
}

// Verify returns [ErrSignature] unless c was signed with the private part of key and is unchanged since. Keep the key
// apart from the certificates: see [Secret.CertificateKey].
func (c Certificate) Verify(key ed25519.PublicKey) error {
	if len(key) != ed25519.PublicKeySize || !key.Equal(ed25519.PublicKey(c.Key)) || !ed25519.Verify(key, c.signed(), c.Signature) {
		return fmt.Errorf("certificate %s: %w", c.ID, ErrSignature)
	}
	return nil
}

func (c Certificate) signed() []byte {
	c.Signature = nil
	body, err := json.Marshal(c)
	if err != nil {
		panic(err) // of text, numbers and times
	}
	return body
}
