package ratelimit

import (
	"fmt"
	"math"
	"time"

	"github.com/transbotai/tenon/internal/civil"

	"golang.org/x/time/rate"
)

// What stores that compute by themselves, in SQL or Lua, need to know of a limit. Everything is a whole number below
// 2⁵³, so that Lua can count with it.

// ID tells apart what is counted under one key: the limit's Name and what its counts cannot be carried over from.
// Limits of other numbers but the same ID share their counts, so limiters over one store that shall not share give
// their limits different names.
func (l Limit) ID() string {
	switch l.Algorithm {
	case TokenBucket:
		return l.Name + "/b"
	case Calendar:
		return fmt.Sprintf("%s/%c/%s", l.Name, l.Period.String()[0], l.zone())
	case Concurrency:
		return fmt.Sprintf("%s/c%d", l.Name, l.Window.Microseconds())
	default:
		return fmt.Sprintf("%s/s%d", l.Name, l.Window.Microseconds())
	}
}

func (l Limit) zone() *time.Location {
	if l.Zone == nil {
		return time.UTC
	}
	return l.Zone
}

// Step is the length of a cell of Strict and Concurrency in a store, in whole microseconds: 1/Cells of the window,
// rounded up. The cell of an instant is the number of whole steps since 1970. At an instant in the cell c, units of the
// cell e are counted while e ≥ c − Cells; those of cells to come (Op.Lapse) always.
func (l Limit) Step() time.Duration {
	us := l.Window.Microseconds()
	return time.Duration((us+Cells-1)/Cells) * time.Microsecond
}

// Interval is in how many nanoseconds a TokenBucket gains a unit, rounded up. In a store n units cost
// ⌈n × Interval / 1,000⌉ microseconds, and the bucket is the cost of Burst units deep.
func (l Limit) Interval() int64 { return int64(math.Ceil(1e9 / float64(l.Rate))) }

// Bounds are where the periods of a Calendar begin: the one before that which holds at, that one, the next, and the one
// after. A store that does not know zones counts in the one of the three that holds its own time; when none does, the
// clocks are apart and the operation's error is of the class [tenon.ErrUnavailable].
func (l Limit) Bounds(at time.Time) [4]time.Time {
	start := l.Period.start(at.In(l.zone()))
	end := l.Period.after(start)
	return [4]time.Time{l.Period.start(start.Add(-time.Microsecond)), start, end, l.Period.after(end)}
}

// start returns when the period that holds t begins, in t's zone.
func (p Period) start(t time.Time) time.Time {
	y, m, d := t.Date()
	switch p {
	case Hourly:
		return hourStart(t)
	case Weekly:
		d -= (int(t.Weekday()) + 6) % 7
	case Monthly:
		d = 1
	}
	return civil.DayStart(y, m, d, t.Location())
}

// after returns when the period after the one that begins at start begins.
func (p Period) after(start time.Time) time.Time {
	y, m, d := start.Date()
	switch p {
	case Hourly:
		return hourEnd(start)
	case Weekly:
		d += 7
	case Monthly:
		m, d = m+1, 1
	default:
		d++
	}
	return civil.DayStart(y, m, d, start.Location())
}

// hourStart takes off what is past the hour on the clock: a zone may be half an hour off. Where clocks are put back or
// forward another hour begins, which need not be a whole one.
func hourStart(t time.Time) time.Time {
	start := t.Add(-pastHour(t))
	if changed, _ := t.ZoneBounds(); start.Before(changed) {
		return changed.In(t.Location())
	}
	return start
}

func hourEnd(start time.Time) time.Time {
	end := start.Add(time.Hour - pastHour(start))
	if _, changed := start.ZoneBounds(); !changed.IsZero() && changed.Before(end) {
		return changed.In(start.Location())
	}
	return end
}

func pastHour(t time.Time) time.Duration {
	return time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
}

const (
	minWindow = time.Millisecond
	maxWindow = 10 * 366 * 24 * time.Hour
	// maxFill bounds how long a bucket takes to fill, so that its nanoseconds fit into 53 bits.
	maxFill = 100 * 24 * time.Hour
	// MaxUnits bounds a limit and what one call asks for.
	MaxUnits = 1 << 53
)

// Check returns what is wrong with l, by field, or nil.
func (l Limit) Check() error {
	if math.IsNaN(float64(l.Rate)) || l.Rate < 0 {
		return invalid("rate", "%v is not a rate", float64(l.Rate))
	}
	if l.Away > AwayLocal {
		return invalid("away", "%d is no policy", l.Away)
	}
	if l.Lease < 0 || l.Lease > MaxUnits {
		return invalid("lease", "%d is not within 0 and 2⁵³", l.Lease)
	}
	if l.Unlimited() {
		return nil
	}
	return l.checkNumbers()
}

func (l Limit) checkNumbers() error {
	if l.Max < 0 || l.Max > MaxUnits {
		return invalid("max", "%d is not within 0 and 2⁵³", l.Max)
	}
	switch l.Algorithm {
	case Strict, Concurrency:
		if l.Window < minWindow || l.Window > maxWindow {
			return invalid("window", "%s is not within %s and 10 years", l.Window, minWindow)
		}
	case TokenBucket:
		return l.checkBucket()
	case Calendar:
		if l.Period == NoPeriod || l.Period > Monthly {
			return invalid("period", "%d is no period", l.Period)
		}
	default:
		return invalid("algorithm", "%d is none", l.Algorithm)
	}
	return nil
}

func (l Limit) checkBucket() error {
	if l.Burst < 0 || int64(l.Burst) > MaxUnits {
		return invalid("burst", "%d is not within 0 and 2⁵³", l.Burst)
	}
	if l.Rate > 0 && float64(l.Burst)/float64(l.Rate) > maxFill.Seconds() || l.Rate > 0 && l.Rate < rate.Every(maxFill) {
		return invalid("burst", "takes longer than 100 days to fill")
	}
	return nil
}

// checkLimits returns what is wrong with limits that are decided together, shared by so many processes.
func checkLimits(limits []Limit, processes int) error {
	if len(limits) == 0 || len(limits) > MaxLimits {
		return invalid("limits", "%d is not within 1 and %d", len(limits), MaxLimits)
	}
	seen := map[string]bool{}
	for _, l := range limits {
		if err := l.Check(); err != nil {
			return err
		}
		if l.Away == AwayLocal && processes <= 0 {
			return invalid("processes", "is needed for a local share")
		}
		if seen[l.ID()] || seen[l.Policy()] {
			return invalid("limits", "two have the name %q and count alike", l.Policy())
		}
		seen[l.ID()], seen[l.Policy()] = true, true
	}
	return nil
}
