package entitlementshttp

import (
	"context"
	"errors"
	"sync"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// Reserved is the hold of a request that [Meter] lets through. Its methods may be called concurrently.
type Reserved struct {
	entitlements.Reservation // as it was made, before the handler ran
	service

	mu     sync.Mutex
	actual int64
	fixed  bool // a commit was tried: only the same quantity can be tried again
	state  state
}

// state is where a hold stands.
type state uint8

const (
	open      state = iota
	committed       // by this request
	counted         // by an earlier request with the same idempotency key
	released
)

type reservedKey struct{}

// Reservation returns the hold of the innermost [Meter] that the request of ctx came through, and whether there is
// one: a request without a Meter, or of quantity 0, has none.
func Reservation(ctx context.Context) (*Reserved, bool) {
	r, ok := ctx.Value(reservedKey{}).(*Reserved)
	return r, ok
}

// SetActual says how many units the request really used, from 0 to [entitlements.MaxQuantity]; otherwise it is what
// was reserved. What exceeds the hold is guarded again at the commit, and recorded even where it does not fit. After
// the answer has begun it is [entitlements.ErrHoldClosed]. In a request that was counted before, under its idempotency
// key, it changes nothing.
func (r *Reserved) SetActual(quantity int64) error {
	if quantity < 0 || quantity > entitlements.MaxQuantity {
		return tenon.Invalid("actual", "%d is not within 0 and %d", quantity, entitlements.MaxQuantity)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.state == counted:
		return nil
	case r.state != open || r.fixed:
		return entitlements.ErrHoldClosed
	}
	r.actual = quantity
	return nil
}

// Replayed says that an earlier request with the same idempotency key was counted, so that this one is not.
func (r *Reserved) Replayed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state == counted
}

// Commit counts the actual quantity now, whatever the answer will be: for work that stands even if the client has
// gone. It does not end with ctx. Committing twice counts once. After a failure it may be called again, and the
// beginning of a 2xx does. After the hold was released it is [entitlements.ErrHoldClosed].
func (r *Reserved) Commit(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.state {
	case committed, counted:
		return nil
	case released:
		return entitlements.ErrHoldClosed
	}
	r.fixed = true
	ctx, cancel := r.detached(ctx)
	defer cancel()
	s, err := r.gate.Commit(ctx, r.Hold, r.actual)
	if err != nil {
		r.options.Logger.ErrorContext(ctx, "hold not committed", "tenant", r.Hold.Tenant, "hold", r.Hold.ID, "err", err)
		return err
	}
	r.state = committed
	if s.Ungated > 0 {
		r.options.Logger.WarnContext(ctx, "use beyond the limit", "tenant", r.Hold.Tenant, "feature", r.Hold.Feature, "quantity", s.Ungated)
	}
	return nil
}

// release gives the hold back, unless it was committed. When that fails it expires by itself.
func (r *Reserved) release(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != open {
		return
	}
	r.state = released
	ctx, cancel := r.detached(ctx)
	defer cancel()
	err := r.gate.Release(ctx, r.Hold)
	arrived := r.fixed && errors.Is(err, entitlements.ErrHoldClosed) // a commit that was thought lost
	if err != nil && !arrived {
		r.options.Logger.WarnContext(ctx, "hold not released", "tenant", r.Hold.Tenant, "hold", r.Hold.ID, "err", err)
	}
}

// settled says whether what the request used is counted.
func (r *Reserved) settled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state == committed || r.state == counted
}
