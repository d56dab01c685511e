package support

import (
	"math"
	"sync/atomic"
	"time"
)

// Calendar counts the time within [Hours]. An instant is open when the local clock then shows a time of day within a
// span of the local date; so where clocks are put forward a missing hour counts nothing, where they are put back a
// doubled hour counts twice, and a date that a country skipped never was. It knows the years 1 to 9999.
//
// A Calendar is immutable. Its methods may be called concurrently, and allocate nothing once they have seen a year.
type Calendar struct {
	hours Hours
	rules *compiled
	years [keptYears]atomic.Pointer[year]
}

// The years whose tables are kept; those of others are made each time.
const (
	keptSince = 1970
	keptYears = 200
)

// NewCalendar returns the calendar of h. Hours that cannot be right give a [tenon.FieldError]; those that are never
// open, [ErrAlwaysClosed].
func NewCalendar(h Hours) (*Calendar, error) {
	rules, err := compile(h)
	if err != nil {
		return nil, prefix(err)
	}
	return &Calendar{hours: h, rules: rules}, nil
}

// Hours returns what the calendar was made of. The caller must not change it.
func (c *Calendar) Hours() Hours { return c.hours }

// Add returns the first instant at which d of open time has passed since t: Between(t, Add(t, d)) is d. With a negative
// d it is the last instant from which -d of open time passes until t. Add(t, 0) is t. The answer is in UTC; one that
// lies outside the years 1 to 9999 is their first or last instant.
func (c *Calendar) Add(t time.Time, d time.Duration) time.Time {
	switch {
	case d > 0:
		if at := c.forward(t, int64(d)); at.Before(lastInstant) {
			return at
		}
		return lastInstant
	case d < 0:
		return c.backward(t, -max(int64(d), -math.MaxInt64))
	default:
		return t.UTC()
	}
}

func (c *Calendar) forward(t time.Time, d int64) time.Time {
	y, at := c.find(t)
	for passed := y.before(at); ; passed = 0 {
		left := y.total() - passed
		if d <= left {
			return y.instant(y.reached(passed + d))
		}
		if d -= left; y.number >= lastYear {
			return lastInstant
		}
		y = c.year(y.number + 1)
	}
}

func (c *Calendar) backward(t time.Time, d int64) time.Time {
	y, at := c.find(t)
	left := y.before(at)
	for left < d {
		if d -= left; y.number <= firstYear {
			return yearStart(firstYear)
		}
		y = c.year(y.number - 1)
		left = y.total()
	}
	return y.instant(y.left(left - d))
}

// Between returns the open time from a to b; it is negative when b is before a. More than 292 years of it do not fit.
func (c *Calendar) Between(a, b time.Time) time.Duration {
	if b.Before(a) {
		return -c.Between(b, a)
	}
	from, at := c.find(a)
	to, until := c.find(b)
	sum := to.before(until) - from.before(at)
	for n := from.number; n < to.number; n++ {
		sum += c.year(n).total()
	}
	return time.Duration(sum)
}

// IsOpen says whether t is open.
func (c *Calendar) IsOpen(t time.Time) bool {
	y, at := c.find(t)
	i := y.interval(at)
	return i >= 0 && at < y.ends[i]
}

// find returns the year of t, and where in it t is.
func (c *Calendar) find(t time.Time) (*year, int64) {
	n := t.UTC().Year()
	if n < firstYear {
		y := c.year(firstYear)
		return y, -1
	}
	if n > lastYear {
		y := c.year(lastYear)
		return y, y.length
	}
	y := c.year(n)
	return y, (t.Unix()-y.start)*int64(time.Second) + int64(t.Nanosecond())
}

// year returns the table of a year. Two goroutines that need it first may both make it, and make the same.
func (c *Calendar) year(n int) *year {
	if n < keptSince || n >= keptSince+keptYears {
		return c.rules.year(n)
	}
	kept := &c.years[n-keptSince]
	y := kept.Load()
	if y == nil {
		y = c.rules.year(n)
		kept.Store(y)
	}
	return y
}
