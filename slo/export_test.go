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
