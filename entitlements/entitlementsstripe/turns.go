package entitlementsstripe

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// alone does work on a customer while no other process and no webhook does, within the time that a lease lasts.
func (b *Biller) alone(ctx context.Context, customer string, work func(context.Context, entitlements.Lease) error) error {
	release, err := b.turns.take(ctx, customer)
	if err != nil {
		return err
	}
	defer release()
	known, err := b.lease(ctx, entitlements.BillingEvent{Customer: customer}, tenon.NewID(time.Now()))
	if err != nil {
		return err
	}
	defer b.giveBack(ctx, known)
	within, cancel := context.WithTimeout(ctx, b.options.LeaseTTL)
	defer cancel()
	return work(within, known)
}

// giveBack ends a lease. Should it fail, the lease ends by itself.
func (b *Biller) giveBack(ctx context.Context, l entitlements.Lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, err := b.store.Conclude(ctx, entitlements.Conclusion{Customer: l.Customer, Holder: l.Holder}); err != nil {
		b.options.Logger.WarnContext(ctx, "a lease is not given back", "customer", l.Customer, "err", b.scrub(err.Error()))
	}
}

// turns lets the events of one customer that reach this process go one after another, so that they do not ask the
// database for the lease again and again. The zero value is ready.
type turns struct {
	mu      sync.Mutex
	waiting map[string]*turn
}

type turn struct {
	free  chan struct{} // holds a token while nobody has the turn
	users int
}

// take waits for the customer's turn. The caller must release it.
func (t *turns) take(ctx context.Context, customer string) (release func(), err error) {
	one := t.join(customer)
	select {
	case <-one.free:
		return func() {
			one.free <- struct{}{}
			t.leave(customer, one)
		}, nil
	case <-ctx.Done():
		t.leave(customer, one)
		return nil, fmt.Errorf("%w: %w", tenon.ErrUnavailable, ctx.Err())
	}
}

func (t *turns) join(customer string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting == nil {
		t.waiting = map[string]*turn{}
	}
	one := t.waiting[customer]
	if one == nil {
		one = &turn{free: make(chan struct{}, 1)}
		one.free <- struct{}{}
		t.waiting[customer] = one
	}
	one.users++
	return one
}

func (t *turns) leave(customer string, one *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if one.users--; one.users == 0 {
		delete(t.waiting, customer)
	}
}
