package entitlements

import (
	"context"
	"time"

	"github.com/transbotai/tenon"
)

// timed bounds every call of a store, so that a server that hangs holds up nobody for longer. What looks back over long
// times ([Reporter]) is the caller's to bound.
type timed struct {
	Store
	timeout time.Duration
}

func (s timed) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.timeout)
}

// settledInTime is how many operations one timeout is meant for.
const settledInTime = 500

func (s timed) Settle(ctx context.Context, ops []Op) ([]Outcome, error) {
	many := time.Duration(1 + len(ops)/settledInTime)
	ctx, cancel := context.WithTimeout(ctx, many*s.timeout)
	defer cancel()
	return s.Store.Settle(ctx, ops)
}

func (s timed) Load(ctx context.Context, tenants []string, now time.Time) ([]Standing, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	return s.Store.Load(ctx, tenants, now)
}

func (s timed) Change(ctx context.Context, tenant string, now time.Time, edit Edit) (*Rights, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	return s.Store.Change(ctx, tenant, now, edit)
}

func (s timed) Versions(ctx context.Context) (*Versions, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	return s.Store.Versions(ctx)
}

func (s timed) Declare(ctx context.Context, c Catalog, now time.Time) (CatalogDiff, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	return s.Store.Declare(ctx, c, now)
}

// clock returns the store's time, or the machine's when the store has no clock of its own.
func (s timed) clock(ctx context.Context) (time.Time, error) {
	shared, ok := s.Store.(tenon.Clock)
	if !ok {
		return time.Now(), nil
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	return shared.Clock(ctx)
}
