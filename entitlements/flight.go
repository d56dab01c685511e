package entitlements

import (
	"context"
	"sync"
)

// flights lets concurrent loads of one tenant be one. The zero value is ready.
type flights struct {
	mu   sync.Mutex
	open map[string]*flight
}

type flight struct {
	done  chan struct{}
	found *view
	err   error
}

// do returns what load returns, from a load of the same tenant that is under way if there is one. It returns early
// when ctx is done; the load goes on for the others.
func (f *flights) do(ctx context.Context, tenant string, load func() (*view, error)) (*view, error) {
	f.mu.Lock()
	one := f.open[tenant]
	if one == nil {
		one = &flight{done: make(chan struct{})}
		if f.open == nil {
			f.open = map[string]*flight{}
		}
		f.open[tenant] = one
		go f.fly(tenant, one, load)
	}
	f.mu.Unlock()
	select {
	case <-one.done:
		return one.found, one.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// under says whether a load of the tenant is under way.
func (f *flights) under(tenant string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open[tenant] != nil
}

func (f *flights) fly(tenant string, one *flight, load func() (*view, error)) {
	one.found, one.err = load()
	f.mu.Lock()
	delete(f.open, tenant)
	f.mu.Unlock()
	close(one.done)
}
