package ratelimit

import (
	"math"
	"slices"
	"time"
)

// Account is what is counted for one key: the rule that every store keeps, in whole microseconds. A store that can
// run Go locks the key, reads its Account, calls Settle and writes the Account back, after a refusal as well; another
// decides alike. The zero Account has counted nothing.
type Account struct {
	Latest int64   // the latest time that was seen, in microseconds since 1970: time does not go back
	Counts []Count // by Limit.ID
}

// Count is what is counted under one limit.
type Count struct {
	ID      string
	Expires int64 // from when on it is as if nothing had been counted, in microseconds since 1970
	// Full is when a TokenBucket is full again (the theoretical arrival time of GCRA), in microseconds since 1970.
	Full int64
	// Cells are what was taken, by cell, the oldest first: of a Calendar one, whose Cell is the start of its period.
	Cells []Cell
}

// Cell is units that count together.
type Cell struct {
	Cell  int64 // Strict and Concurrency: steps since 1970; Calendar: microseconds since 1970
	Units int64
}

// Settle carries out op at now.
func (a *Account) Settle(op Op, now time.Time) Outcome {
	a.Latest = max(a.Latest, now.UnixMicro())
	outcome := Outcome{At: time.UnixMicro(a.Latest).UTC(), Lapse: op.Lapse}
	switch op.Kind {
	case OpRefund:
		for _, l := range op.Limits {
			a.window(l).refund(op.N, op.At.UnixMicro(), op.Lapse)
		}
	case OpReset:
		for _, l := range op.Limits {
			a.remove(l.ID())
		}
	default:
		return a.take(op, outcome)
	}
	a.fill(&outcome, op)
	return outcome
}

// Expires returns from when on the Account is the same as none.
func (a *Account) Expires() time.Time {
	var latest int64
	for _, c := range a.Counts {
		latest = max(latest, c.Expires)
	}
	return time.UnixMicro(latest).UTC()
}

func (a *Account) take(op Op, outcome Outcome) Outcome {
	units, longest := op.N, time.Duration(-1)
	for i, l := range op.Limits {
		free, retry := a.window(l).ask(op)
		if free < op.Least && retry > longest {
			outcome.Limit, longest = i, retry
		}
		units = min(units, free)
	}
	outcome.Granted = units >= op.Least
	if !outcome.Granted && longest < unknown {
		outcome.RetryAfter = longest
	}
	if outcome.Granted && op.Kind == OpTake {
		outcome.Units = units
		for _, l := range op.Limits {
			outcome.Lapse = min(outcome.Lapse, a.window(l).take(op, units))
		}
	}
	a.fill(&outcome, op)
	return outcome
}

// fill says how op's limits stand: the one that refused, or else the one that has least left.
func (a *Account) fill(outcome *Outcome, op Op) {
	least := int64(-1)
	for i, l := range op.Limits {
		w := a.window(l)
		left := w.left()
		if outcome.Granted || op.Kind == OpRefund || op.Kind == OpReset {
			if least < 0 || left < least {
				outcome.Limit, least = i, left
			}
		} else if i == outcome.Limit {
			least = left
		}
		outcome.ResetAfter = max(outcome.ResetAfter, w.reset())
	}
	outcome.Remaining = least
}

func (a *Account) remove(id string) {
	a.Counts = slices.DeleteFunc(a.Counts, func(c Count) bool { return c.ID == id })
}

// count returns what is counted under id. What has expired is as if it had not been.
func (a *Account) count(id string) *Count {
	for i := range a.Counts {
		if c := &a.Counts[i]; c.ID == id {
			if c.Expires <= a.Latest {
				*c = Count{ID: id}
			}
			return c
		}
	}
	a.Counts = append(a.Counts, Count{ID: id})
	return &a.Counts[len(a.Counts)-1]
}

// window returns l's view of what is counted.
func (a *Account) window(l Limit) window {
	switch {
	case l.Algorithm == TokenBucket, l.Unlimited():
		w := &bucketWindow{limit: l, count: a.count(l.ID()), now: a.Latest}
		w.clip()
		return w
	case l.Algorithm == Calendar:
		return &calendarWindow{limit: l, count: a.count(l.ID()), now: a.Latest}
	default:
		return &cellWindow{limit: l, count: a.count(l.ID()), now: a.Latest}
	}
}

// window is one limit at one instant. Times are microseconds since 1970.
type window interface {
	// ask returns how many of the N units of op are free, and after how long Least are: unknown when nobody can say, never
	// when they never will be.
	ask(op Op) (free int64, retry time.Duration)
	// take counts n units, which are free, and returns for how long they may be given out, at most op.Lapse.
	take(op Op, n int64) time.Duration
	// refund gives back n units that were taken at at, to be given out within lapse.
	refund(n, at int64, lapse time.Duration)
	left() int64
	reset() time.Duration
}

// What ask returns instead of a time; longer than all times.
const (
	unknown time.Duration = math.MaxInt64 - 1
	never   time.Duration = math.MaxInt64
)

func micros(us int64) time.Duration { return time.Duration(max(us, 0)) * time.Microsecond }
