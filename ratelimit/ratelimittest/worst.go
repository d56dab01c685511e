package ratelimittest

import (
	"slices"
	"time"
)

// Taken is units that were let through.
type Taken struct {
	At    time.Duration // since any instant
	Units int64
}

// Worst returns the most units that any window of the length let through, wherever it begins: it looks at one that
// begins with each of taken. A window holds its beginning and not its end.
func Worst(taken []Taken, window time.Duration) (worst int64) {
	taken = slices.SortedFunc(slices.Values(taken), func(a, b Taken) int { return int(a.At - b.At) })
	var inside int64
	first := 0
	for _, t := range taken {
		inside += t.Units
		for ; taken[first].At <= t.At-window; first++ {
			inside -= taken[first].Units
		}
		worst = max(worst, inside)
	}
	return worst
}

// Total returns the units of taken.
func Total(taken []Taken) (units int64) {
	for _, t := range taken {
		units += t.Units
	}
	return units
}
