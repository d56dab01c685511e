package ratelimitredis

import (
	_ "embed"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/msgpack"
	"github.com/transbotai/tenon/ratelimit"
)

//go:embed settle.lua
var settleSource string

var settleScript = redis.NewScript(settleSource)

// call is one run of the script, for operations whose counts lie in one slot.
type call struct {
	keys    []string
	numbers []int64 // the time or 0, how many limits, the limits, how many operations, the operations
	places  []int   // of the operations in the batch
}

// caller makes calls out of operations. Counts and limits that occur again are named by their place.
type caller struct {
	prefix string
	now    time.Time // by our own clock: in which periods of a calendar it may be there
	fixed  bool      // it is that time there too
	limits []ratelimit.Limit
	ids    []string // of the limits
	keys   map[string]int64
	call   call
	ops    []int64
}

// newCaller returns a caller for about n operations.
func (s *Store) newCaller(n int) *caller {
	c := &caller{
		prefix: s.options.Prefix, now: time.Now(), keys: make(map[string]int64, n), ops: make([]int64, 0, n*perOp),
		call: call{keys: make([]string, 0, n), places: make([]int, 0, n)},
	}
	if s.options.Now != nil {
		c.now, c.fixed = s.options.Now(), true
	}
	return c
}

// perOp is how many numbers describe an operation on one limit.
const perOp = 8

// add takes an operation in.
func (c *caller) add(place int, op ratelimit.Op) {
	taken := int64(0)
	if !op.At.IsZero() {
		taken = max(op.At.UnixMicro(), 0)
	}
	c.ops = append(c.ops, int64(op.Kind), op.N, op.Least, op.Lapse.Microseconds(), taken, int64(len(op.Limits)))
	base := c.prefix + tag(op.Key)
	for _, l := range op.Limits {
		limit := c.limit(l)
		c.ops = append(c.ops, c.key(base+c.ids[limit-1]), limit)
	}
	c.call.places = append(c.call.places, place)
}

// key returns the place of a Redis key, from 1.
func (c *caller) key(key string) int64 {
	n, ok := c.keys[key]
	if !ok {
		c.call.keys = append(c.call.keys, key)
		n = int64(len(c.call.keys))
		c.keys[key] = n
	}
	return n
}

// limit returns the place of a limit, from 1. There are few different ones, so they are looked for one by one.
func (c *caller) limit(l ratelimit.Limit) int64 {
	for i := range c.limits {
		if c.limits[i] == l {
			return int64(i + 1)
		}
	}
	c.limits, c.ids = append(c.limits, l), append(c.ids, l.ID())
	return int64(len(c.limits))
}

// done returns the call of all that was added.
func (c *caller) done() call {
	numbers := make([]int64, 2, 3+4*len(c.limits)+len(c.ops))
	numbers[1] = int64(len(c.limits))
	if c.fixed {
		numbers[0] = c.now.UnixMicro()
	}
	for _, l := range c.limits {
		numbers = appendLimit(numbers, l, c.now)
	}
	c.call.numbers = append(append(numbers, int64(len(c.call.places))), c.ops...)
	return c.call
}

// unlimited stands for the algorithm of a limit that denies nothing.
const unlimited = 4

// appendLimit appends what the script needs to know of a limit. In which of the periods around our time it is by the
// server's, it finds out.
func appendLimit(numbers []int64, l ratelimit.Limit, now time.Time) []int64 {
	if l.Unlimited() {
		return append(numbers, unlimited, ratelimit.MaxUnits)
	}
	numbers = append(numbers, int64(l.Algorithm), l.Ceiling())
	switch l.Algorithm {
	case ratelimit.TokenBucket:
		if l.Rate == 0 {
			return append(numbers, 0)
		}
		return append(numbers, l.Interval())
	case ratelimit.Calendar:
		for _, t := range l.Bounds(now) {
			numbers = append(numbers, t.UnixMicro())
		}
		return numbers
	default:
		return append(numbers, l.Step().Microseconds())
	}
}

// The first fact of an outcome.
const (
	_ = iota // refused
	granted
	apart
)

var errApart = fmt.Errorf("the clocks of this process and of Redis are a period apart: %w", tenon.ErrUnavailable)

// facts is how many numbers describe an outcome.
const facts = 8

// outcomes reads the script's answer into the batch's outcomes.
func (c *call) outcomes(answer string, to []ratelimit.Outcome) error {
	v, err := msgpack.Unpack(answer)
	if err != nil {
		return fmt.Errorf("the script's answer is %w", err)
	}
	if len(v) != facts*len(c.places) {
		return fmt.Errorf("the script's answer has %d numbers for %d outcomes", len(v), len(c.places))
	}
	for i, place := range c.places {
		f := v[facts*i:]
		to[place] = ratelimit.Outcome{
			Granted: f[0] == granted, Units: f[1], Limit: int(f[2]), Remaining: f[3], RetryAfter: micros(f[4]),
			ResetAfter: micros(f[5]), Lapse: micros(f[6]), At: time.UnixMicro(f[7]).UTC(),
		}
		if f[0] == apart {
			to[place].Err = errApart
		}
	}
	return nil
}

func micros(us int64) time.Duration { return time.Duration(us) * time.Microsecond }
