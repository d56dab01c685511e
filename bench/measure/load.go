package measure

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Milliseconds returns d as a figure.
func Milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// Load is what a number of callers achieved who each called again as soon as they had an answer.
type Load struct {
	Calls int
	Took  time.Duration
	times []time.Duration // of each call, sorted
}

// Call is one call. Caller counts from 0; n counts the calls of this caller, from 0.
type Call func(ctx context.Context, caller, n int) error

// Run lets callers call for about length and returns what they achieved. The first error ends it.
func Run(ctx context.Context, callers int, length time.Duration, call Call) (Load, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	times := make([][]time.Duration, callers)
	start := time.Now()
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for n, began := 0, start; began.Sub(start) < length; n++ {
				if err := call(ctx, c, n); err != nil {
					cancel(err)
					return
				}
				ended := time.Now()
				times[c], began = append(times[c], ended.Sub(began)), ended
			}
		})
	}
	wg.Wait()
	l := Load{Took: time.Since(start), times: slices.Concat(times...)}
	l.Calls = len(l.times)
	slices.Sort(l.times)
	return l, context.Cause(ctx)
}

// Rate returns the calls per second.
func (l Load) Rate() float64 { return float64(l.Calls) / l.Took.Seconds() }

// Quantile returns the time within which a share q of the calls was answered, in milliseconds. The share is between 0
// and 1.
func (l Load) Quantile(q float64) float64 {
	if len(l.times) == 0 {
		return 0
	}
	i := min(int(q*float64(len(l.times))), len(l.times)-1)
	return Milliseconds(l.times[i])
}
