package slo

import (
	"cmp"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// Repeat says how an exclusion recurs.
type Repeat string

// The recurrences, by the clock on the wall in the exclusion's Zone.
const (
	Once      Repeat = ""
	EachDay   Repeat = "day"
	EachWeek  Repeat = "week"
	EachMonth Repeat = "month" // months without the day are passed over
)

// Exclusion takes time out of objectives, for maintenance that was announced: whole minutes, from the one that holds
// From to the one before that holds To. What happened in it counts neither as good nor as bad.
type Exclusion struct {
	ID        string    `json:"id,omitempty"` // made by [Board.Exclude]
	Key                 // an empty Name excludes from every objective of the tenant, or of the system
	From      time.Time `json:"from"`
	To        time.Time `json:"to"` // of the first occurrence
	Repeat    Repeat    `json:"repeat,omitempty"`
	Until     time.Time `json:"until,omitzero"` // no occurrence begins then or later; with Repeat, at most ten years after From
	Zone      string    `json:"zone,omitempty"` // IANA name; empty is UTC
	Reason    string    `json:"reason"`         // required
	By        string    `json:"by"`             // the caller's Actor
	CreatedAt time.Time `json:"created_at,omitzero"`
}

// Check returns a [tenon.ErrInvalid] that names the field at fault.
func (x Exclusion) Check() error {
	if err := cmp.Or(x.Key.check(), checkText("reason", x.Reason, maxReason)); err != nil {
		return err
	}
	zone := Window{Zone: x.Zone}
	_, err := zone.location()
	switch {
	case x.Reason == "":
		return tenon.Invalid("reason", "is empty")
	case x.From.IsZero():
		return tenon.Invalid("from", "is missing")
	case !x.To.After(x.From):
		return tenon.Invalid("to", "is not after from")
	case err != nil:
		return tenon.Invalid("zone", "%q is not known here", x.Zone)
	case x.Repeat == Once:
		return nil
	case x.step() == 0:
		return tenon.Invalid("repeat", "%q is not day, week or month", x.Repeat)
	case x.To.Sub(x.From) >= x.step():
		return tenon.Invalid("to", "is less than an hour before the next occurrence, or later")
	case !x.Until.After(x.From):
		return tenon.Invalid("until", "is not after from")
	case x.Until.After(x.From.AddDate(10, 0, 0)):
		return tenon.Invalid("until", "is more than ten years after from")
	}
	return nil
}

// step is a length that no occurrence may exceed: the shortest distance between two.
func (x Exclusion) step() time.Duration {
	const day = 23 * time.Hour // when the clock goes forward
	return map[Repeat]time.Duration{
		EachDay: day, EachWeek: 7*24*time.Hour - time.Hour, EachMonth: 28*24*time.Hour - time.Hour,
	}[x.Repeat]
}

func (x Exclusion) concerns(k Key) bool {
	return x.Tenant == k.Tenant && (x.Name == "" || x.Name == k.Name)
}

// end is when the last occurrence is over, or later.
func (x Exclusion) end() time.Time {
	if x.Repeat == Once {
		return x.To
	}
	return x.Until.Add(x.To.Sub(x.From))
}

// interval is from an instant to before another.
type interval struct{ from, to time.Time }

// within returns the occurrences that overlap the interval, in whole minutes, oldest first.
func (x Exclusion) within(w interval) []interval {
	var found []interval
	for i := x.nearest(w.from); ; i++ {
		at, ok := x.occurrence(i)
		if !at.from.Before(w.to) || x.Repeat != Once && !at.from.Before(x.Until) {
			return found
		}
		if ok && at.to.After(w.from) {
			found = append(found, interval{at.from.Truncate(time.Minute), at.to.Add(time.Minute - 1).Truncate(time.Minute)})
		}
		if x.Repeat == Once {
			return found
		}
	}
}

// nearest returns a number of an occurrence that lies before t, or 0.
func (x Exclusion) nearest(t time.Time) int {
	longest := map[Repeat]time.Duration{
		EachDay: 25 * time.Hour, EachWeek: 7*24*time.Hour + time.Hour, EachMonth: 31*24*time.Hour + time.Hour,
	}[x.Repeat]
	if longest == 0 {
		return 0
	}
	return max(int(t.Sub(x.From)/longest)-1, 0)
}

// occurrence returns the i-th occurrence, from 0; ok is false when the calendar has no such day.
func (x Exclusion) occurrence(i int) (at interval, ok bool) {
	zone, err := Window{Zone: x.Zone}.location()
	if err != nil {
		zone = time.UTC
	}
	first := x.From.In(zone)
	var from time.Time
	switch x.Repeat {
	case EachDay:
		from = first.AddDate(0, 0, i)
	case EachWeek:
		from = first.AddDate(0, 0, 7*i)
	default:
		from = first.AddDate(0, i, 0)
	}
	ok = x.Repeat != EachMonth || from.Day() == first.Day()
	return interval{from.UTC(), x.endOf(from, first).UTC()}, ok
}

// endOf returns when the occurrence ends that begins at from: as many days later as the first one, at the same time on
// the clock, so that 00:00 to 06:00 is five hours long when the clock goes forward. Where that comes to nothing, it is
// as long as the first.
func (x Exclusion) endOf(from, first time.Time) time.Time {
	last := x.To.In(from.Location())
	days := int(date(last).Sub(date(first)) / (24 * time.Hour))
	end := time.Date(from.Year(), from.Month(), from.Day()+days, last.Hour(), last.Minute(), last.Second(),
		last.Nanosecond(), from.Location())
	if from.Equal(first) {
		return x.To
	}
	if !end.After(from) {
		return from.Add(x.To.Sub(x.From))
	}
	return end
}

// date returns the day of t as an instant that can be subtracted.
func date(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// exclude returns what is left of w without the exclusions that concern k.
func exclude(w interval, k Key, exclusions []Exclusion) []interval {
	var out []interval
	for _, x := range exclusions {
		if x.concerns(k) {
			out = append(out, x.within(w)...)
		}
	}
	slices.SortFunc(out, func(a, b interval) int { return a.from.Compare(b.from) })
	left, from := make([]interval, 0, len(out)+1), w.from
	for _, o := range out {
		if o.from.After(from) {
			left = append(left, interval{from, o.from})
		}
		if o.to.After(from) {
			from = o.to
		}
	}
	if from.Before(w.to) {
		left = append(left, interval{from, w.to})
	}
	return left
}
