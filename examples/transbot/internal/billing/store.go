package billing

import (
	"context"
	"time"

	"github.com/transbotai/tenon/entitlements/entitlementspg"
)

// Store is the platform's store. Where the clock of a fake Stripe was moved on, its own goes with it, so that trials,
// periods and grace end on both sides.
type Store struct {
	*entitlementspg.Store
	fake *Fake
}

// NewStore returns a store that keeps the time of a fake Stripe; nil leaves it the database's.
func NewStore(store *entitlementspg.Store, fake *Fake) Store { return Store{Store: store, fake: fake} }

// Clock implements [tenon.Clock].
func (s Store) Clock(ctx context.Context) (time.Time, error) {
	t, err := s.Store.Clock(ctx)
	return t.Add(s.ahead()), err
}

// ahead is how far the clock was moved on.
func (s Store) ahead() time.Duration {
	if s.fake == nil {
		return 0
	}
	return s.fake.Ahead()
}
