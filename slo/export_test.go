package slo

import "time"

// Excludes says whether x takes out the minute that begins at the instant.
func Excludes(x Exclusion, at time.Time) bool {
	for _, i := range x.within(interval{at, at.Add(time.Minute)}) {
		if !at.Before(i.from) && at.Before(i.to) {
			return true
		}
	}
	return false
}

// ExcludesPlainly says the same by looking at every occurrence since the first.
func ExcludesPlainly(x Exclusion, at time.Time) bool {
	for i := 0; ; i++ {
		o, ok := x.occurrence(i)
		if x.Repeat != Once && !o.from.Before(x.Until) || o.from.After(at.Add(24*time.Hour)) {
			return false
		}
		if ok && o.from.Before(at.Add(time.Minute)) && o.to.After(at) {
			return true
		}
		if x.Repeat == Once {
			return false
		}
	}
}
