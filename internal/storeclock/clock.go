// Package storeclock tells a store's time without asking the store each time, for every core that goes by one.
package storeclock

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/transbotai/tenon"
)

// hurried bounds how long who cannot wait for the store waits for its clock.
const hurried = time.Second

// Clock is a store's time, asked once a while and carried on by the local monotonic clock, so that machines whose wall
// clocks differ agree, and a wall clock that is set does no harm. The zero Clock is ready. Its methods may be called
// concurrently.
type Clock struct {
	// Trust is how long the local clock carries on a reading of the store's; 0 means 1 minute.
	Trust time.Duration

	mu    sync.Mutex
	store time.Time
	local time.Time // when store was read, with the monotonic reading
	asked time.Time // when somebody who cannot wait asked last
}

// Now returns the time of a store that is a [tenon.Clock], and this machine's beside any other.
func (c *Clock) Now(ctx context.Context, store any) (time.Time, error) {
	shared, ok := store.(tenon.Clock)
	if !ok {
		return tenon.Instant(time.Now()), nil
	}
	if at, ok := c.carried(); ok {
		return at, nil
	}
	asked := time.Now()
	at, err := shared.Clock(ctx)
	if err != nil {
		return time.Time{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.store, c.local = at, asked.Add(time.Since(asked)/2) // the answer is taken to be of the middle of the call
	return tenon.Instant(at), nil
}

// Best returns the store's time, or while the store is away what the local clock makes of it. One call in 10 seconds
// asks a store that is away, and waits a second for it.
func (c *Clock) Best(ctx context.Context, store any) time.Time {
	if at, ok := c.carried(); ok {
		return at
	}
	if c.mayAsk() {
		ctx, cancel := context.WithTimeout(ctx, hurried)
		defer cancel()
		if at, err := c.Now(ctx, store); err == nil {
			return at
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.local.IsZero() {
		return tenon.Instant(time.Now())
	}
	return c.at()
}

// at returns what the local clock makes of the last reading.
func (c *Clock) at() time.Time { return tenon.Instant(c.store.Add(time.Since(c.local))) }

func (c *Clock) carried() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at(), !c.local.IsZero() && time.Since(c.local) < cmp.Or(c.Trust, time.Minute)
}

// mayAsk says whether it is time to ask the store again.
func (c *Clock) mayAsk() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.asked.IsZero() && time.Since(c.asked) < 10*hurried {
		return false
	}
	c.asked = time.Now()
	return true
}
