package demo

import (
	"context"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
)

// keysFor is how long a key of the demo is good.
const keysFor = 7 * 24 * time.Hour

// Key opens one of the demo's companies.
type Key struct {
	Plan    string
	Company string
	Key     string
}

// Keys makes a key for one company on each plan. Only hashes are kept, so each start makes new ones; older ones stay
// good until they expire.
func Keys(ctx context.Context, store *freight.Store, now time.Time) ([]Key, error) {
	keys := []Key{{"starter", StarterCompany, ""}, {"pro", ProCompany, ""}, {"enterprise", EnterpriseCompany, ""}}
	expires := now.Add(keysFor)
	for i := range keys {
		keys[i].Key = freight.NewKey()
		err := store.AddKey(ctx, freight.APIKey{
			CompanyID: keys[i].Company, ID: tenon.NewID(now), Name: "demo", Hash: freight.KeyHash(keys[i].Key),
			CreatedAt: now, ExpiresAt: &expires,
		})
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}
