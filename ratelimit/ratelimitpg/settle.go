package ratelimitpg

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/ratelimit"
)

// row names a row of tenon.ratelimits.
type row struct {
	key     ratelimit.Key
	limitID string
}

func compareRows(a, b row) int {
	return cmp.Or(
		cmp.Compare(a.key.Tenant, b.key.Tenant), cmp.Compare(a.key.Name, b.key.Name), cmp.Compare(a.limitID, b.limitID))
}

// call is the arguments of tenon.settle_ratelimits.
type call struct {
	tenants, names, limitIDs []string // of the rows, each once, in the order of locks
	numbers                  []int64
}

// newCall makes the arguments. The clock is the test's; nil is the server's.
func newCall(ops []ratelimit.Op, clock func() time.Time) call {
	now, fixed := time.Now(), int64(0)
	if clock != nil {
		now = clock()
		fixed = now.UnixMicro()
	}
	limits := distinctLimits(ops)
	rows := distinctRows(ops)
	c := call{numbers: []int64{fixed, int64(len(limits))}}
	for _, r := range rows {
		c.tenants = append(c.tenants, text(r.key.Tenant))
		c.names = append(c.names, text(r.key.Name))
		c.limitIDs = append(c.limitIDs, text(r.limitID))
	}
	for _, l := range limits {
		c.addLimit(l, now)
	}
	c.numbers = append(c.numbers, int64(len(ops)))
	for _, op := range ops {
		c.addOp(op, rows, limits)
	}
	return c
}

func distinctRows(ops []ratelimit.Op) []row {
	var rows []row
	for _, op := range ops {
		for _, l := range op.Limits {
			rows = append(rows, row{op.Key, l.ID()})
		}
	}
	slices.SortFunc(rows, compareRows)
	return slices.Compact(rows)
}

// distinctLimits returns the limits of a batch. There are few, so they are looked for one by one.
func distinctLimits(ops []ratelimit.Op) []ratelimit.Limit {
	var limits []ratelimit.Limit
	for _, op := range ops {
		for _, l := range op.Limits {
			if !slices.Contains(limits, l) {
				limits = append(limits, l)
			}
		}
	}
	return limits
}

// unlimited stands for the algorithm of a limit that denies nothing.
const unlimited = 4

// addLimit adds a limit's numbers. In which of the periods around our time it is by the server's, it finds out.
func (c *call) addLimit(l ratelimit.Limit, now time.Time) {
	if l.Unlimited() {
		c.numbers = append(c.numbers, unlimited, ratelimit.MaxUnits)
		return
	}
	c.numbers = append(c.numbers, int64(l.Algorithm), l.Ceiling())
	switch l.Algorithm {
	case ratelimit.TokenBucket:
		interval := int64(0)
		if l.Rate > 0 {
			interval = l.Interval()
		}
		c.numbers = append(c.numbers, interval)
	case ratelimit.Calendar:
		for _, t := range l.Bounds(now) {
			c.numbers = append(c.numbers, t.UnixMicro())
		}
	default:
		c.numbers = append(c.numbers, l.Step().Microseconds())
	}
}

// addOp adds an operation's numbers. Places in SQL count from 1.
func (c *call) addOp(op ratelimit.Op, rows []row, limits []ratelimit.Limit) {
	taken := int64(0)
	if !op.At.IsZero() {
		taken = op.At.UnixMicro()
	}
	c.numbers = append(c.numbers, int64(op.Kind), op.N, op.Least, op.Lapse.Microseconds(), taken, int64(len(op.Limits)))
	for _, l := range op.Limits {
		place, _ := slices.BinarySearchFunc(rows, row{op.Key, l.ID()}, compareRows)
		c.numbers = append(c.numbers, int64(place+1), int64(slices.Index(limits, l)+1))
	}
}

// The first fact of an outcome.
const (
	_ = iota // refused
	granted
	apart
)

// facts is how many numbers describe an outcome.
const facts = 8

var errApart = fmt.Errorf("the clocks of this process and of Postgres are a period apart: %w", tenon.ErrUnavailable)

// outcomes reads the answer of tenon.settle_ratelimits.
func outcomes(answer []int64, n int) ([]ratelimit.Outcome, error) {
	if len(answer) != n*facts {
		return nil, fmt.Errorf("tenon.settle_ratelimits answers %d numbers to %d operations", len(answer), n)
	}
	all := make([]ratelimit.Outcome, n)
	for i := range all {
		f := answer[i*facts:]
		all[i] = ratelimit.Outcome{
			Granted: f[0] == granted, Units: f[1], Limit: int(f[2]), Remaining: f[3], RetryAfter: micros(f[4]),
			ResetAfter: micros(f[5]), Lapse: micros(f[6]), At: time.UnixMicro(f[7]).UTC(),
		}
		if f[0] == apart {
			all[i].Err = errApart
		}
	}
	return all, nil
}

func micros(us int64) time.Duration { return time.Duration(us) * time.Microsecond }
