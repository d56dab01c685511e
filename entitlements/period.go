package entitlements

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// Unit is the length that a [Period] counts in.
type Unit uint8

// The units. A day is 24 hours and a week 7 days, since periods are counted in UTC; a month and a year follow the
// calendar.
const (
	Lifetime Unit = iota // one period without end
	Hour
	Day
	Week
	Month
	Year
)

var unitNames = [...]string{"lifetime", "hour", "day", "week", "month", "year"}

// Period is how long a limit counts before it starts again: Count units, anchored at the tenant's billing cycle.
// The zero Period is one lifetime, which never starts again. Its text is "lifetime", "month" or "5 hours".
type Period struct {
	Unit  Unit
	Count int // 1 to 1000; 0 means 1
}

// The periods that are used most.
var (
	Hourly  = Period{Unit: Hour, Count: 1}
	Daily   = Period{Unit: Day, Count: 1}
	Weekly  = Period{Unit: Week, Count: 1}
	Monthly = Period{Unit: Month, Count: 1}
	Yearly  = Period{Unit: Year, Count: 1}
)

// Every returns the period of count units: Every(5, Hour).
func Every(count int, unit Unit) Period { return Period{Unit: unit, Count: count} }

// maxCount bounds Period.Count, so that no arithmetic on it overflows.
const maxCount = 1000

var (
	// lifetimeStart and lifetimeEnd bound the one period of a lifetime. They lie in what every store can keep.
	lifetimeStart = time.Unix(0, 0).UTC()
	lifetimeEnd   = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
)

func (p Period) count() int {
	if p.Unit == Lifetime || p.Count == 0 {
		return 1
	}
	return p.Count
}

// normal returns p in the one form in which it is compared and stored.
func (p Period) normal() Period {
	if p.Unit == Lifetime {
		return Period{}
	}
	return Period{Unit: p.Unit, Count: p.count()}
}

func (p Period) validate(field string) error {
	if int(p.Unit) >= len(unitNames) {
		return tenon.Invalid(field, "unknown unit %d", p.Unit)
	}
	if p.Count < 0 || p.Count > maxCount {
		return tenon.Invalid(field, "count %d is not within 1 and %d", p.Count, maxCount)
	}
	return nil
}

// String returns p as text, as [ParsePeriod] reads it.
func (p Period) String() string {
	if int(p.Unit) >= len(unitNames) {
		return fmt.Sprintf("Unit(%d)", p.Unit)
	}
	if p.count() == 1 {
		return unitNames[p.Unit]
	}
	return strconv.Itoa(p.Count) + " " + unitNames[p.Unit] + "s"
}

// ParsePeriod reads "lifetime", "hour", "day", "week", "month", "year", or a number and one of these: "5 hours".
func ParsePeriod(s string) (Period, error) {
	count, name := 1, s
	if number, rest, ok := strings.Cut(s, " "); ok {
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 || n > maxCount || strconv.Itoa(n) != number {
			return Period{}, tenon.Invalid("period", "count %q is not within 1 and %d", number, maxCount)
		}
		count, name = n, rest
	}
	for unit, known := range unitNames {
		if name == known || name == known+"s" && Unit(unit) != Lifetime {
			return Period{Unit: Unit(unit), Count: count}.normal(), nil
		}
	}
	return Period{}, tenon.Invalid("period", "%q is not lifetime, hour, day, week, month, year or a number of these", s)
}

// MarshalText implements [encoding.TextMarshaler].
func (p Period) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *Period) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePeriod(string(b))
	return err
}

// Bounds returns the period that holds t when periods are anchored at anchor: start ≤ t < end, so an instant on a
// boundary belongs to the period that it begins. An anchor on a day that a month does not have falls on that month's
// last day, and returns to its own day after. Periods go back before the anchor in the same steps.
func (p Period) Bounds(anchor, t time.Time) (start, end time.Time) {
	anchor, t = tenon.Instant(anchor), tenon.Instant(t)
	switch p.Unit {
	case Lifetime:
		return lifetimeStart, lifetimeEnd
	case Month:
		return calendarBounds(anchor, t, p.count())
	case Year:
		return calendarBounds(anchor, t, 12*p.count())
	default:
		return fixedBounds(anchor, t, p.fixed())
	}
}

// fixed is the length of a period whose length does not depend on the calendar.
func (p Period) fixed() time.Duration {
	d := time.Hour
	switch p.Unit {
	case Day:
		d = 24 * time.Hour
	case Week:
		d = 7 * 24 * time.Hour
	}
	return d * time.Duration(p.count())
}

// fixedBounds counts in microseconds: a time.Duration reaches no further than 292 years.
func fixedBounds(anchor, t time.Time, d time.Duration) (start, end time.Time) {
	step := d.Microseconds()
	gone := t.UnixMicro() - anchor.UnixMicro()
	n := gone / step
	if gone%step < 0 {
		n--
	}
	from := anchor.UnixMicro() + n*step
	return time.UnixMicro(from).UTC(), time.UnixMicro(from + step).UTC()
}

// calendarBounds finds the step of so many months that holds t. The guess by whole months is never a step too early; it
// may be too late, because the day and the time of day may lie on either side.
func calendarBounds(anchor, t time.Time, months int) (start, end time.Time) {
	between := (t.Year()-anchor.Year())*12 + int(t.Month()) - int(anchor.Month())
	n := between / months * months
	start = addMonths(anchor, n)
	for start.After(t) {
		n -= months
		start = addMonths(anchor, n)
	}
	return start, addMonths(anchor, n+months)
}

// addMonths adds n months to t and clamps the day to the month's last.
func addMonths(t time.Time, n int) time.Time {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	first := int(month) - 1 + n
	year, first = year+first/12, first%12
	if first < 0 {
		year, first = year-1, first+12
	}
	month = time.Month(first + 1)
	return time.Date(year, month, min(day, daysIn(year, month)), hour, minute, second, t.Nanosecond(), time.UTC)
}

func daysIn(year int, month time.Month) int {
	switch month {
	case time.February:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case time.April, time.June, time.September, time.November:
		return 30
	default:
		return 31
	}
}

// earliest returns the earlier of two instants, where zero means never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
