package kpi

import (
	"context"
	"sync"
	"time"
)

const (
	// trusted is how long the local clock carries on a reading of the store's.
	trusted = time.Minute
	// hurried bounds how long who cannot wait for the store waits for its clock.
	hurried = time.Second
)

// clock is the store's time, asked once a minute and carried on by the local monotonic clock, so that machines whose
// clocks differ agree. A store without a [Clock] has the local time.
type clock struct {
	mu    sync.Mutex
	store time.Time
	local time.Time // when store was read
	asked time.Time // when somebody who cannot wait asked last
}

func (c *clock) now(ctx context.Context, s Store) (time.Time, error) {
	shared, ok := s.(Clock)
	if !ok {
		return Instant(time.Now()), nil
	}
	if at, ok := c.carried(); ok {
		return at, nil
	}
	before := time.Now()
	at, err := shared.Clock(ctx)
	if err != nil {
		return time.Time{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.store, c.local = at, before
	return Instant(at), nil
}

func (c *clock) carried() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	since := time.Since(c.local)
	return Instant(c.store.Add(since)), !c.local.IsZero() && since < trusted
}

// best returns the store's time, or while the store is away what the local clock makes of it. One call in 10 seconds
// asks a store that is away, and waits a second for it.
func (c *clock) best(ctx context.Context, s Store) time.Time {
	if at, ok := c.carried(); ok {
		return at
	}
	if c.mayAsk() {
		ctx, cancel := context.WithTimeout(ctx, hurried)
		defer cancel()
		if at, err := c.now(ctx, s); err == nil {
			return at
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.local.IsZero() {
		return Instant(time.Now())
	}
	return Instant(c.store.Add(time.Since(c.local)))
}

// mayAsk says whether it is time to ask the store again.
func (c *clock) mayAsk() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.asked.IsZero() && time.Since(c.asked) < 10*hurried {
		return false
	}
	c.asked = time.Now()
	return true
}
