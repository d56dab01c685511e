package kpi

import (
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// Grain is how long the periods are in which a KPI is shown, by the calendar of a zone.
type Grain string

// The grains. Weeks begin on Monday. A day lasts 23 or 25 hours where clocks change; it begins at the first instant
// that has its date, and an hour at each full hour on the clock.
const (
	Hourly  Grain = "hour"
	Daily   Grain = "day"
	Weekly  Grain = "week"
	Monthly Grain = "month"
	Yearly  Grain = "year"
	Whole   Grain = "whole" // one period: from the day of From to the day of To
)

var grains = []Grain{Hourly, Daily, Weekly, Monthly, Yearly, Whole}

const (
	maxPeriods = 4000
	// Quarter is how long a bucket of a rollup is. Every period begins and ends with one, in every zone.
	Quarter = 15 * time.Minute
)

// frame is the periods that a query asks for.
type frame struct {
	grain Grain
	zone  *time.Location
}

func newFrame(grain Grain, zone string) (frame, error) {
	if !slices.Contains(grains, grain) {
		return frame{}, tenon.Invalid("grain", "%q is not one of %v", grain, grains)
	}
	if zone == "Local" { // of this machine, not of a place
		return frame{}, tenon.Invalid("zone", "Local is no IANA zone")
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return frame{}, tenon.Invalid("zone", "%q is no IANA zone", zone)
	}
	return frame{grain, loc}, nil
}

// edges returns the boundaries of the periods that hold from up to the one that holds the last instant before to.
// There is one more than there are periods.
func (f frame) edges(from, to time.Time) ([]time.Time, error) {
	if !from.Before(to) {
		return nil, tenon.Invalid("from", "%s is not before %s", from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	if f.grain == Whole {
		day := frame{Daily, f.zone}
		return f.exact([]time.Time{day.start(from), day.next(day.start(to.Add(-1)))})
	}
	edges := []time.Time{f.start(from)}
	for edges[len(edges)-1].Before(to) {
		if len(edges) > maxPeriods {
			return nil, tenon.Invalid("from", "begins more than %d periods before the end", maxPeriods)
		}
		edges = append(edges, f.next(edges[len(edges)-1]))
	}
	return f.exact(edges)
}

// exact refuses boundaries that lie within a bucket: of some zones before 1972, and of hours in which clocks changed at a
// minute past midnight, as in St John's until 2011.
func (f frame) exact(edges []time.Time) ([]time.Time, error) {
	for _, e := range edges {
		if !e.Equal(e.Truncate(Quarter)) {
			return nil, tenon.Invalid("zone", "%s does not begin its periods with a quarter of an hour at %s", f.zone, e)
		}
	}
	return edges, nil
}

// last returns the boundaries of the last n periods, the one that holds now included.
func (f frame) last(n int, now time.Time) ([]time.Time, error) {
	if n < 1 || n > maxPeriods {
		return nil, tenon.Invalid("last", "%d is not within 1 and %d", n, maxPeriods)
	}
	if f.grain == Whole {
		return f.edges(now.Add(-1), now)
	}
	first := f.start(now)
	for range n - 1 {
		first = f.start(first.Add(-1))
	}
	if first.Year() < 1969 {
		return nil, tenon.Invalid("last", "%d periods begin before 1970", n)
	}
	return f.edges(first, now.Add(1))
}

// start returns when the period began that holds t.
func (f frame) start(t time.Time) time.Time {
	local := t.In(f.zone)
	y, m, d := local.Date()
	switch f.grain {
	case Hourly:
		return f.hour(t)
	case Weekly:
		return f.day(y, m, d-(int(local.Weekday())+6)%7)
	case Monthly:
		return f.day(y, m, 1)
	case Yearly:
		return f.day(y, 1, 1)
	}
	return f.day(y, m, d)
}

// next returns when the period ends that begins at t.
func (f frame) next(t time.Time) time.Time {
	y, m, d := t.In(f.zone).Date()
	switch f.grain {
	case Hourly:
		return f.nextHour(t)
	case Weekly:
		return f.after(t, y, m, d+7)
	case Monthly:
		return f.after(t, y, m+1, 1)
	case Yearly:
		return f.after(t, y+1, 1, 1)
	}
	return f.after(t, y, m, d+1)
}

// after returns the start of a day that lies after t, which the day itself may not, where a date was left out.
func (f frame) after(t time.Time, y int, m time.Month, d int) time.Time {
	for {
		if start := f.day(y, m, d); start.After(t) {
			return start
		}
		d++
	}
}

// day returns the first instant whose date is y-m-d or later. Midnight may be missing, or come twice.
func (f frame) day(y int, m time.Month, d int) time.Time {
	midnight := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	at := midnight.Add(-30 * time.Hour) // before the date anywhere
	for {
		local := at.In(f.zone)
		_, offset := local.Zone()
		_, end := local.ZoneBounds()
		start := midnight.Add(-time.Duration(offset) * time.Second)
		if start.Before(at) {
			start = at
		}
		if end.IsZero() || start.Before(end) {
			return start.UTC()
		}
		at = end
	}
}

// hour returns when the hour on the clock began that holds t; a change of the offset begins one too.
func (f frame) hour(t time.Time) time.Time {
	local := t.In(f.zone)
	into := time.Duration(local.Minute())*time.Minute + time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
	start := t.Add(-into)
	if changed, _ := local.ZoneBounds(); changed.After(start) {
		start = changed
	}
	return start.UTC()
}

func (f frame) nextHour(t time.Time) time.Time {
	local := t.In(f.zone)
	next := t.Add(time.Hour - time.Duration(local.Minute())*time.Minute)
	if _, changed := local.ZoneBounds(); !changed.IsZero() && changed.Before(next) {
		next = changed
	}
	return next.UTC()
}

// periodOf returns the period that holds t, and false when none does.
func periodOf(edges []time.Time, t time.Time) (int, bool) {
	i, found := slices.BinarySearchFunc(edges, t, time.Time.Compare)
	if !found {
		i--
	}
	return i, i >= 0 && i < len(edges)-1
}
