package entitlements

import (
	"context"
	"sync/atomic"
	"time"
)

// clock tells the store's time without asking each time: it asked once, and counts on from there by the machine's
// monotonic clock. So processes whose wall clocks differ agree, and a wall clock that is set does no harm.
type clock struct {
	from   *clock // where set, the clock that is asked instead
	sample atomic.Pointer[sample]
}

type sample struct {
	store time.Time // the store's time
	local time.Time // when it was that, with the monotonic reading
}

func (s *sample) now() time.Time { return s.store.Add(time.Since(s.local)) }

// now returns the store's time, truncated as instants are.
func (c *clock) now(ctx context.Context, store timed) (time.Time, error) {
	if c.from != nil {
		return c.from.now(ctx, store)
	}
	s := c.sample.Load()
	if s == nil {
		var err error
		if s, err = c.read(ctx, store); err != nil {
			return time.Time{}, err
		}
	}
	return s.now().Truncate(time.Microsecond), nil
}

// read asks the store. The answer is taken to be of the middle of the call.
func (c *clock) read(ctx context.Context, store timed) (*sample, error) {
	asked := time.Now()
	t, err := store.clock(ctx)
	if err != nil {
		return nil, err
	}
	s := &sample{store: t.UTC(), local: asked.Add(time.Since(asked) / 2)}
	s.store = s.store.Round(0) // without a monotonic reading of its own
	c.sample.Store(s)
	return s, nil
}
