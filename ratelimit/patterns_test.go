package ratelimit_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimittest"
)

// bound is an algorithm with the most that its documentation lets through in any window.
type bound struct {
	name   string
	limit  ratelimit.Limit
	max    int64 // units in a window, for the patterns
	window time.Duration
	worst  int64 // by the documentation
}

func bounds(n int64) []bound {
	every := rate.Every(time.Minute / time.Duration(n))
	return []bound{
		{"strict", ratelimit.PerMinute(n), n, time.Minute, n},
		{"bucket", ratelimit.Bucket(every, int(n)), n, time.Minute, 2 * n},
		{"small_bucket", ratelimit.Bucket(every, 3), n, time.Minute, n + 3},
		{"calendar", ratelimit.Limit{Algorithm: ratelimit.Calendar, Max: n, Period: ratelimit.Hourly}, n, time.Hour, 2 * n},
	}
}

func makers() map[string]func(ratelimit.Limit) *ratelimit.Limiter {
	return map[string]func(ratelimit.Limit) *ratelimit.Limiter{
		"in_process": func(l ratelimit.Limit) *ratelimit.Limiter { return must(ratelimit.NewLimiter(nil, l)) },
		"by_a_store": func(l ratelimit.Limit) *ratelimit.Limiter {
			return must(ratelimit.NewLimiter(&ratelimit.Options{Store: ratelimit.NewMemoryStore(nil)}, l))
		},
		"by_leases": func(l ratelimit.Limit) *ratelimit.Limiter {
			l.Lease = 4
			return must(ratelimit.NewLimiter(&ratelimit.Options{Store: ratelimit.NewMemoryStore(nil)}, l))
		},
	}
}

func rateOf(perSecond float64) rate.Limit { return rate.Limit(perSecond) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var key = ratelimit.Key{Tenant: "acme", Name: "key-1"}

// play lets calls arrive for ten windows of simulated time since begin and returns what was let through.
func play(t *testing.T, p ratelimittest.Pattern, b bound, lim *ratelimit.Limiter, begin time.Time) (taken []ratelimittest.Taken) {
	arrivals := &ratelimittest.Arrivals{
		Limit: b.max, Window: b.window, Length: 10 * b.window, Rand: rand.New(rand.NewPCG(1, 2)),
		Now:   func() time.Duration { return time.Since(begin) },
		Sleep: time.Sleep,
	}
	arrivals.Take = func(n int64) (bool, time.Duration) {
		d, err := lim.Take(t.Context(), key, n)
		require.NoError(t, err)
		if d.Allowed {
			taken = append(taken, ratelimittest.Taken{At: time.Since(begin), Units: n})
		}
		return d.Allowed, d.RetryAfter
	}
	p.Play(arrivals)
	return taken
}

func TestNoWindowExceedsItsBound(t *testing.T) {
	t.Parallel()
	for kind, newLimiter := range makers() {
		for _, b := range bounds(120) {
			for _, p := range ratelimittest.Patterns() {
				t.Run(kind+"/"+b.name+"/"+p.Name, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						taken := play(t, p, b, newLimiter(b.limit), time.Now())
						require.LessOrEqual(t, ratelimittest.Worst(taken, b.window), b.worst)
						require.GreaterOrEqual(t, ratelimittest.Total(taken), int64(20))
					})
				})
			}
		}
	}
}

func TestNoWindowExceedsItsBoundWhateverComes(t *testing.T) {
	t.Parallel()
	n := int64(soak(12, 120))
	const parts = 8
	for kind, newLimiter := range makers() {
		seeds := 1000
		if kind != "in_process" { // whose windows are those of the suite
			seeds = soak(100, 1000)
		}
		for part := range parts {
			t.Run(fmt.Sprintf("%s/%d", kind, part), func(t *testing.T) {
				t.Parallel()
				for seed := part; seed < seeds; seed += parts {
					for _, b := range bounds(n) {
						synctest.Test(t, func(t *testing.T) {
							taken := play(t, ratelimittest.RandomPattern(uint64(seed)), b, newLimiter(b.limit), time.Now())
							require.LessOrEqual(t, ratelimittest.Worst(taken, b.window), b.worst, "%s, seed %d", b.name, seed)
						})
					}
				}
			})
		}
	}
}

// naive keeps every timestamp: the most that a window allows.
type naive struct {
	max    int64
	window time.Duration
	taken  []time.Duration
}

func (n *naive) take(now time.Duration) bool {
	for len(n.taken) > 0 && n.taken[0] <= now-n.window {
		n.taken = n.taken[1:]
	}
	if int64(len(n.taken)) >= n.max {
		return false
	}
	n.taken = append(n.taken, now)
	return true
}

func TestStrictGivesNearlyAllThatTheLimitAllowsUnderSteadyDemand(t *testing.T) {
	t.Parallel()
	for _, demand := range []time.Duration{1, 2, 3, 10} {
		t.Run(fmt.Sprintf("%d_times", demand), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const limit = 120
				lim := must(ratelimit.NewLimiter(nil, ratelimit.PerMinute(limit)))
				ideal, begin := naive{max: limit, window: time.Minute}, time.Now()
				var got, best float64
				for time.Since(begin) < time.Hour {
					d, err := lim.Take(t.Context(), key, 1)
					require.NoError(t, err)
					if d.Allowed {
						got++
					}
					if ideal.take(time.Since(begin)) {
						best++
					}
					time.Sleep(time.Minute / limit / demand)
				}
				require.GreaterOrEqual(t, got, 0.95*best)
			})
		})
	}
}
