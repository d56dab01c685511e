package entitlementsstripe

import (
	"context"
	"fmt"
	"sync"

	"github.com/transbotai/tenon"
)

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
