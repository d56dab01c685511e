// Package civil tells when days begin, for every core that counts by them.
package civil

import "time"

// DayStart returns the first instant of a day in a zone: not midnight where clocks are put forward over it, and the first
// of two where they are put back over it. Month and day may lie outside their usual ranges, as for [time.Date].
func DayStart(year int, month time.Month, day int, zone *time.Location) time.Time {
	t := time.Date(year, month, day, 0, 0, 0, 0, zone)
	if t.Hour() == 0 {
		return firstOf(t)
	}
	start, end := t.ZoneBounds()
	if t.Hour() > 12 && !end.IsZero() { // the day before: midnight does not exist
		return end.In(zone)
	}
	return start.In(zone)
}

// firstOf returns when the clock first showed what it shows at t: earlier, if it was put back since then.
func firstOf(t time.Time) time.Time {
	changed, _ := t.ZoneBounds()
	_, now := t.Zone()
	_, before := changed.Add(-1).In(t.Location()).Zone()
	if first := t.Add(time.Duration(now-before) * time.Second); !changed.IsZero() && first.Before(changed) {
		return first
	}
	return t
}
