package flags

import (
	"context"
	"sync/atomic"
	"time"
)

// clock tells the store's time without asking each time: it asked once a while, and counts on from there by the
// machine's monotonic clock. So processes whose wall clocks differ agree on when a stage begins.
type clock struct {
	from   *clock // where set, the clock that is asked instead
	sample atomic.Pointer[sample]
}

type sample struct {
	store time.Time
	local time.Time // when it was that, with the monotonic reading
}

// freshFor is how long a sample serves.
const freshFor = time.Minute

// now returns the store's time, truncated as instants are.
func (c *clock) now(ctx context.Context, store timed) (time.Time, error) {
	if c.from != nil {
		return c.from.now(ctx, store)
	}
	s := c.sample.Load()
	if s == nil || time.Since(s.local) > freshFor {
		asked := time.Now()
		at, err := store.clock(ctx)
		if err != nil {
			return time.Time{}, err
		}
		s = &sample{store: at, local: asked.Add(time.Since(asked) / 2)}
		c.sample.Store(s)
	}
	return s.store.Add(time.Since(s.local)).UTC().Truncate(time.Microsecond), nil
}
