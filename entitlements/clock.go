package entitlements

import (
	"context"
	"math"
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
	store int64     // the store's time, in nanoseconds since 1970
	local time.Time // when it was that, with the monotonic reading
}

func (s *sample) now() int64 { return s.store + int64(time.Since(s.local)) }

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
	return time.Unix(0, s.now()).UTC().Truncate(time.Microsecond), nil
}

// read asks the store. The answer is taken to be of the middle of the call.
func (c *clock) read(ctx context.Context, store timed) (*sample, error) {
	asked := time.Now()
	t, err := store.clock(ctx)
	if err != nil {
		return nil, err
	}
	s := &sample{store: t.UnixNano(), local: asked.Add(time.Since(asked) / 2)}
	c.sample.Store(s)
	return s, nil
}

// nanos returns t in nanoseconds since 1970; zero and what is too far ahead to count are never.
func nanos(t time.Time) int64 {
	if t.IsZero() || t.Year() > 2200 {
		return never
	}
	return t.UnixNano()
}

const never = math.MaxInt64
