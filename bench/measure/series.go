package measure

import (
	"context"
	"slices"
)

// Series is one figure of several rounds, in the order in which they ran.
type Series []float64

// Median returns the middle value, the mean of the middle two when their number is even, and 0 of an empty series.
func (s Series) Median() float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// Range returns the lowest and the highest value, and zeros of an empty series.
func (s Series) Range() (lowest, highest float64) {
	if len(s) == 0 {
		return 0, 0
	}
	return slices.Min(s), slices.Max(s)
}

// Over divides round by round, so that a machine which was slow for a while was slow for both. The series have the
// same length; a round in which other is 0 counts as 0.
func (s Series) Over(other Series) Series {
	ratios := make(Series, len(s))
	for i := range s {
		if other[i] != 0 {
			ratios[i] = s[i] / other[i]
		}
	}
	return ratios
}

// Contender does one round and returns its figure.
type Contender func(ctx context.Context) (float64, error)

// Interleave lets every contender do one round, then the next round, and returns a series for each. The order turns
// by one with each round, so that nobody always comes after the same neighbour.
func Interleave(ctx context.Context, rounds int, contenders ...Contender) ([]Series, error) {
	all := make([]Series, len(contenders))
	for round := range rounds {
		for i := range contenders {
			n := (i + round) % len(contenders)
			figure, err := contenders[n](ctx)
			if err != nil {
				return nil, err
			}
			all[n] = append(all[n], figure)
		}
	}
	return all, nil
}
