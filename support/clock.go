package support

import (
	"context"
	"sync"
	"time"
)

// Timekeeper is what a store offers whose clock several machines share.
type Timekeeper interface {
	// Clock returns the store's present time.
	Clock(ctx context.Context) (time.Time, error)
}

// Instant returns t as stores keep it: UTC, truncated to microseconds.
func Instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// trusted is how long the local clock carries on a reading of the store's.
const trusted = time.Minute

// timepiece is the store's time, asked once a minute and carried on by the local monotonic clock, so that machines
// whose clocks differ agree. A store without a [Timekeeper] has the local time.
type timepiece struct {
	mu    sync.Mutex
	store time.Time
	local time.Time // when store was read
}

func (p *timepiece) now(ctx context.Context, s any) (time.Time, error) {
	shared, ok := s.(Timekeeper)
	if !ok {
		return Instant(time.Now()), nil
	}
	if at, ok := p.carried(); ok {
		return at, nil
	}
	before := time.Now()
	at, err := shared.Clock(ctx)
	if err != nil {
		return time.Time{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.store, p.local = at, before
	return Instant(at), nil
}

func (p *timepiece) carried() (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	since := time.Since(p.local)
	return Instant(p.store.Add(since)), !p.local.IsZero() && since < trusted
}
