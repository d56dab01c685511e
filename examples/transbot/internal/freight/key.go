package freight

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// keyPrefix lets people and scanners of leaked secrets tell a key from other text.
const keyPrefix = "tb_"

// NewKey returns a new API key, of 130 random bits. Show it once and keep its [KeyHash].
func NewKey() string { return keyPrefix + strings.ToLower(rand.Text()) }

// KeyHash returns what is kept of a key or a session: its SHA-256. They are random and long, so that nobody guesses
// what a plain hash was made of.
func KeyHash(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:]
}

// APIKey is what is kept of a key.
type APIKey struct {
	CompanyID string
	ID        string
	Name      string
	Hash      []byte
	CreatedAt time.Time
	ExpiresAt *time.Time // nil: never
}

const insertKey = `
insert into public.api_keys (company_id, id, name, hash, created_at, expires_at)
values ($1, $2, $3, $4, $5, $6)`

// AddKey adds k.
func (s *Store) AddKey(ctx context.Context, k APIKey) error {
	_, err := exec(ctx, s.db, insertKey, k.CompanyID, k.ID, k.Name, k.Hash, k.CreatedAt, k.ExpiresAt)
	return err
}

// Holder is whom a key belongs to.
type Holder struct {
	CompanyID string
	KeyID     string
}

// The index finds the key by its hash. How long that takes tells nothing about the key: a hash cannot be steered.
const selectHolder = `
select k.company_id, k.id::text
from public.api_keys k
join public.companies c on c.id = k.company_id
where k.hash = $1
  and k.revoked_at is null
  and (k.expires_at is null or k.expires_at > $2)
  and c.deleted_at is null`

// FindKey returns whose key it is; [tenon.ErrDenied] for one that is unknown, revoked or expired.
func (s *Store) FindKey(ctx context.Context, key string, now time.Time) (Holder, error) {
	if !strings.HasPrefix(key, keyPrefix) || len(key) > 100 {
		return Holder{}, tenon.ErrDenied
	}
	h, err := one[Holder](ctx, s.db, selectHolder, KeyHash(key), now)
	if errors.Is(err, tenon.ErrNotFound) {
		return h, tenon.ErrDenied
	}
	return h, err
}
