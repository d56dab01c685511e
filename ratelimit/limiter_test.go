package ratelimit_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/ratelimit"
)

func requireField(t *testing.T, err error, field string) {
	t.Helper()
	require.ErrorIs(t, err, tenon.ErrInvalid)
	var wrong *tenon.FieldError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, field, wrong.Field)
}

func TestWrongLimitsAreRefusedByField(t *testing.T) {
	t.Parallel()
	minute := ratelimit.PerMinute(1)
	many := make([]ratelimit.Limit, ratelimit.MaxLimits+1)
	for i := range many {
		many[i] = ratelimit.Per(1, time.Duration(i+1)*time.Second)
	}
	for field, limits := range map[string][][]ratelimit.Limit{
		"limits":    {nil, {minute, minute}, {minute, ratelimit.PerMinute(2)}, many, {{Name: "a", Max: 1, Window: time.Second}, {Name: "a", Max: 1, Window: time.Minute}}},
		"window":    {{{}}, {ratelimit.Per(1, 0)}, {ratelimit.Per(1, -time.Second)}, {ratelimit.Per(1, time.Microsecond)}, {ratelimit.InFlight(1, 0)}, {ratelimit.Per(1, 100*366*24*time.Hour)}},
		"rate":      {{ratelimit.Bucket(rate.Limit(math.NaN()), 1)}, {ratelimit.Bucket(-1, 1)}, {{Rate: -rate.Inf, Max: 1, Window: 1}}},
		"burst":     {{ratelimit.Bucket(1, -1)}, {ratelimit.Bucket(1, 1<<30)}, {ratelimit.Bucket(1e-12, 0)}},
		"max":       {{ratelimit.PerMinute(-1)}, {ratelimit.PerMinute(1 << 54)}, {ratelimit.PerDay(-1, nil)}},
		"period":    {{{Algorithm: ratelimit.Calendar}}, {{Algorithm: ratelimit.Calendar, Period: 9}}},
		"algorithm": {{{Algorithm: 9}}},
		"away":      {{{Max: 1, Window: time.Second, Away: 9}}},
		"lease":     {{{Max: 1, Window: time.Second, Lease: -1}}},
		"processes": {{{Max: 1, Window: time.Second, Away: ratelimit.AwayLocal}}},
	} {
		for i, list := range limits {
			t.Run(fmt.Sprint(field, i), func(t *testing.T) {
				t.Parallel()
				_, err := ratelimit.NewLimiter(nil, list...)
				requireField(t, err, field)
			})
		}
	}
}

func TestWrongCallsAreRefusedByField(t *testing.T) {
	t.Parallel()
	for name, lim := range map[string]*ratelimit.Limiter{
		"in_process": must(ratelimit.NewLimiter(nil, ratelimit.PerMinute(5))),
		"several":    must(ratelimit.NewLimiter(nil, ratelimit.PerMinute(5), ratelimit.PerDay(9, nil))),
		"store":      overStore(t, ratelimit.NewMemoryStore(nil), patient, ratelimit.PerMinute(5)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, k := range []ratelimit.Key{{}, {Name: strings.Repeat("x", 1025)}, {Tenant: strings.Repeat("x", 1000), Name: strings.Repeat("y", 25)}} {
				_, err := lim.Take(t.Context(), k, 1)
				requireField(t, err, "key")
				_, err = lim.Peek(t.Context(), k, 1)
				requireField(t, err, "key")
				_, err = lim.Wait(t.Context(), k, 1)
				requireField(t, err, "key")
				requireField(t, lim.Reset(t.Context(), k), "key")
				requireField(t, lim.Refund(t.Context(), k, ratelimit.Decision{}), "key")
			}
			for _, n := range []int64{-1, math.MinInt64, 1<<53 + 1, math.MaxInt64} {
				_, err := lim.Take(t.Context(), key, n)
				requireField(t, err, "n")
				_, err = lim.Wait(t.Context(), key, n)
				requireField(t, err, "n")
			}
			_, err := lim.Erase(t.Context(), tenon.Subject{})
			requireField(t, err, "tenant")
			d, err := lim.Take(t.Context(), ratelimit.Key{Tenant: strings.Repeat("x", 1024)}, 5)
			require.NoError(t, err)
			require.True(t, d.Allowed)
			require.GreaterOrEqual(t, lim.Stats().Errors, int64(4))
		})
	}
}

// everyLimiter runs f in a bubble for a limiter of each kind under limits.
func everyLimiter(t *testing.T, limits []ratelimit.Limit, f func(t *testing.T, lim *ratelimit.Limiter)) {
	t.Helper()
	for name, newLimiter := range map[string]func() *ratelimit.Limiter{
		"in_process": func() *ratelimit.Limiter { return must(ratelimit.NewLimiter(nil, limits...)) },
		"by_a_store": func() *ratelimit.Limiter {
			return must(ratelimit.NewLimiter(&ratelimit.Options{Store: ratelimit.NewMemoryStore(nil)}, limits...))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { f(t, newLimiter()) })
		})
	}
}

func take(t *testing.T, lim *ratelimit.Limiter, n int64) ratelimit.Decision {
	t.Helper()
	d, err := lim.Take(t.Context(), key, n)
	require.NoError(t, err)
	return d
}

func TestADecisionSaysHowTheLimitStands(t *testing.T) {
	t.Parallel()
	everyLimiter(t, []ratelimit.Limit{ratelimit.PerMinute(5)}, func(t *testing.T, lim *ratelimit.Limiter) {
		d := take(t, lim, 2)
		require.True(t, d.Allowed)
		require.Equal(t, ratelimit.ReasonAllowed, d.Reason)
		require.Equal(t, [4]int64{2, 5, 3, 0}, [4]int64{d.Cost, d.Limit, d.Remaining, int64(d.RetryAfter)})
		require.Equal(t, "5/1m0s", d.Policy)
		require.Greater(t, d.ResetAfter, time.Minute)
		d = take(t, lim, 4)
		require.False(t, d.Allowed)
		require.Equal(t, ratelimit.ReasonLimit, d.Reason)
		require.Equal(t, int64(3), d.Remaining)
		require.GreaterOrEqual(t, d.RetryAfter, time.Minute)
		d = take(t, lim, 6)
		require.Equal(t, ratelimit.ReasonTooMuch, d.Reason)
		require.Zero(t, d.RetryAfter)
		require.Equal(t, int64(0), take(t, lim, 3).Remaining)
		require.True(t, take(t, lim, 0).Allowed)
		s := lim.Stats()
		require.Equal(t, [2]int64{3, 2}, [2]int64{s.Allowed, s.Denied})
	})
}

func TestRateZeroDeniesEverythingAndInfinityNothing(t *testing.T) {
	t.Parallel()
	for _, zero := range []ratelimit.Limit{ratelimit.PerMinute(0), ratelimit.Bucket(0, 5), ratelimit.Bucket(5, 0), ratelimit.PerDay(0, nil)} {
		everyLimiter(t, []ratelimit.Limit{zero}, func(t *testing.T, lim *ratelimit.Limiter) {
			d := take(t, lim, 1)
			require.False(t, d.Allowed)
			require.Zero(t, d.RetryAfter)
			_, err := lim.Wait(t.Context(), key, 1)
			require.ErrorIs(t, err, ratelimit.ErrNever)
		})
	}
	unlimited := ratelimit.PerMinute(0)
	unlimited.Rate = rate.Inf
	for _, none := range []ratelimit.Limit{ratelimit.NoLimit(), unlimited} {
		everyLimiter(t, []ratelimit.Limit{none}, func(t *testing.T, lim *ratelimit.Limiter) {
			for range 100 {
				d := take(t, lim, 1<<50)
				require.True(t, d.Allowed)
				require.Equal(t, int64(-1), d.Remaining)
			}
			d, err := lim.Wait(t.Context(), key, 1<<50)
			require.NoError(t, err)
			require.True(t, d.Allowed)
		})
	}
}

func TestSeveralLimitsAreOneDecisionThatNamesTheDenier(t *testing.T) {
	t.Parallel()
	limits := []ratelimit.Limit{ratelimit.NoLimit(), ratelimit.PerSecond(10), ratelimit.PerDay(15, nil)}
	everyLimiter(t, limits, func(t *testing.T, lim *ratelimit.Limiter) {
		require.Equal(t, "10/1s", take(t, lim, 9).Policy)
		d := take(t, lim, 5)
		require.Equal(t, "10/1s", d.Policy)
		require.LessOrEqual(t, d.RetryAfter, 2*time.Second)
		time.Sleep(2 * time.Second)
		d = take(t, lim, 7)
		require.Equal(t, "15/day", d.Policy)
		require.Equal(t, 24*time.Hour-2*time.Second, d.RetryAfter)
		require.Equal(t, int64(6), d.Remaining)
		require.True(t, take(t, lim, 6).Allowed)
		require.Equal(t, ratelimit.ReasonTooMuch, take(t, lim, 11).Reason)
	})
}

func TestACrowdOnOneKeyGetsTheLimitAndNoMore(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string][]ratelimit.Limit{
		"strict":       {ratelimit.PerHour(5000)},
		"large_strict": {ratelimit.PerHour(30_000_000)},
		"bucket":       {ratelimit.Bucket(rate.Every(time.Hour), 2000)},
		"calendar":     {ratelimit.PerMonth(5000, nil)},
		"in_flight":    {ratelimit.InFlight(5000, time.Hour)},
		"several":      {ratelimit.PerHour(6000), ratelimit.Bucket(rate.Every(time.Hour), 2000), ratelimit.PerDay(7000, nil)},
	} {
		everyLimiter(t, limits, func(t *testing.T, lim *ratelimit.Limiter) {
			ceiling := int64(1 << 62)
			for _, l := range limits {
				ceiling = min(ceiling, l.Ceiling())
			}
			n := max(ceiling/5000, 1)
			var allowed atomic.Int64
			var wg sync.WaitGroup
			for range 64 {
				wg.Go(func() {
					for range 100 {
						d, err := lim.Take(context.Background(), key, n)
						if err == nil && d.Allowed {
							allowed.Add(n)
						}
					}
				})
			}
			wg.Wait()
			require.Equal(t, ceiling/n*n, allowed.Load(), name)
		})
	}
}

func TestARefundAndAResetGiveBack(t *testing.T) {
	t.Parallel()
	for _, l := range []ratelimit.Limit{ratelimit.PerMinute(10), ratelimit.Bucket(1, 10), ratelimit.PerDay(10, nil), ratelimit.PerMinute(100_000)} {
		everyLimiter(t, []ratelimit.Limit{l}, func(t *testing.T, lim *ratelimit.Limiter) {
			all := l.Ceiling()
			d := take(t, lim, all)
			refused := take(t, lim, 1)
			require.NoError(t, lim.Refund(t.Context(), key, refused))
			require.False(t, take(t, lim, 1).Allowed)
			d.Cost = all / 2
			require.NoError(t, lim.Refund(t.Context(), key, d))
			require.Equal(t, int64(0), take(t, lim, all/2).Remaining)
			require.NoError(t, lim.Refund(t.Context(), ratelimit.Key{Name: "nobody"}, d))
			require.NoError(t, lim.Reset(t.Context(), key))
			require.Equal(t, int64(0), take(t, lim, all).Remaining)
			time.Sleep(25 * time.Hour)
			require.True(t, take(t, lim, all).Allowed)
			require.NoError(t, lim.Refund(t.Context(), key, d)) // of yesterday
			require.False(t, take(t, lim, 1).Allowed)
		})
	}
}

func TestInFlightIsFreedByARefundAndForgotten(t *testing.T) {
	t.Parallel()
	everyLimiter(t, []ratelimit.Limit{ratelimit.InFlight(2, time.Minute)}, func(t *testing.T, lim *ratelimit.Limiter) {
		first := take(t, lim, 1)
		time.Sleep(20 * time.Second)
		take(t, lim, 1)
		refused := take(t, lim, 1)
		require.False(t, refused.Allowed)
		require.Zero(t, refused.RetryAfter)
		require.NoError(t, lim.Refund(t.Context(), key, first))
		require.True(t, take(t, lim, 1).Allowed)
		time.Sleep(2 * time.Minute)
		require.Equal(t, int64(0), take(t, lim, 2).Remaining)
		require.NoError(t, lim.Refund(t.Context(), key, first))
		require.False(t, take(t, lim, 1).Allowed)
	})
}

func TestAReleaseGivesBackWhatIsInFlightAlone(t *testing.T) {
	t.Parallel()
	limits := []ratelimit.Limit{ratelimit.InFlight(1, time.Hour), ratelimit.PerMinute(3)}
	everyLimiter(t, limits, func(t *testing.T, lim *ratelimit.Limiter) {
		for range 3 {
			d := take(t, lim, 1)
			require.True(t, d.Allowed)
			require.Equal(t, limits[0].Policy(), take(t, lim, 1).Policy)
			require.NoError(t, lim.Release(t.Context(), key, d))
		}
		require.Equal(t, limits[1].Policy(), take(t, lim, 1).Policy)
		require.NoError(t, lim.Release(t.Context(), key, ratelimit.Decision{}))
		require.Equal(t, limits, lim.Limits(t.Context(), key))
	})
}

func TestPeekTakesNothing(t *testing.T) {
	t.Parallel()
	everyLimiter(t, []ratelimit.Limit{ratelimit.PerMinute(3)}, func(t *testing.T, lim *ratelimit.Limiter) {
		for range 3 {
			d, err := lim.Peek(t.Context(), key, 3)
			require.NoError(t, err)
			require.True(t, d.Allowed)
			require.Equal(t, int64(3), d.Remaining)
			require.NoError(t, lim.Refund(t.Context(), key, d))
		}
		take(t, lim, 1)
		d, err := lim.Peek(t.Context(), key, 3)
		require.NoError(t, err)
		require.False(t, d.Allowed)
		require.Greater(t, d.RetryAfter, time.Minute)
	})
}

func TestWhatPeekAnsweredGivesNothingBack(t *testing.T) {
	t.Parallel()
	for _, l := range []ratelimit.Limit{
		ratelimit.PerMinute(5), ratelimit.Bucket(0.001, 5), ratelimit.PerDay(5, nil), ratelimit.InFlight(5, time.Hour),
	} {
		everyLimiter(t, []ratelimit.Limit{l}, func(t *testing.T, lim *ratelimit.Limiter) {
			take(t, lim, 3)
			d, err := lim.Peek(t.Context(), key, 2)
			require.NoError(t, err)
			require.True(t, d.Allowed)
			require.NoError(t, lim.Refund(t.Context(), key, d))
			require.NoError(t, lim.Release(t.Context(), key, d))
			require.Equal(t, int64(1), take(t, lim, 1).Remaining, "of others' units")
		})
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for want, said := range map[string]fmt.Stringer{
		"strict": ratelimit.Strict, "token bucket": ratelimit.TokenBucket, "calendar": ratelimit.Calendar,
		"concurrency": ratelimit.Concurrency, "algorithm 9": ratelimit.Algorithm(9),
		"none": ratelimit.NoPeriod, "hour": ratelimit.Hourly, "day": ratelimit.Daily, "week": ratelimit.Weekly,
		"month": ratelimit.Monthly, "period 9": ratelimit.Period(9),
		"allowed": ratelimit.ReasonAllowed, "limit_reached": ratelimit.ReasonLimit, "too_much": ratelimit.ReasonTooMuch,
		"unavailable": ratelimit.ReasonAway, "reserved": ratelimit.ReasonReserved, "reason 9": ratelimit.Reason(9),
	} {
		require.Equal(t, want, said.String())
	}
}

func TestTheFastestBucketCountsItsUnits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lim := must(ratelimit.NewLimiter(nil, ratelimit.Bucket(1e10, 1000)))
		require.Equal(t, int64(400), take(t, lim, 600).Remaining)
		require.False(t, take(t, lim, 401).Allowed)
		time.Sleep(100 * time.Nanosecond) // of which each gains four: no bucket is faster
		require.Equal(t, int64(800), must(lim.Peek(t.Context(), key, 1)).Remaining)
	})
}

func TestErasingReachesTheStoreAlone(t *testing.T) {
	t.Parallel()
	lim := must(ratelimit.NewLimiter(nil, ratelimit.PerMinute(3)))
	erased, err := lim.Erase(t.Context(), tenon.Subject{Tenant: "acme"})
	require.NoError(t, err)
	require.Empty(t, erased)
	lim = overStore(t, ratelimit.NewMemoryStore(nil), patient, ratelimit.PerHour(3))
	take(t, lim, 3)
	require.False(t, take(t, lim, 1).Allowed)
	erased, err = lim.Erase(t.Context(), tenon.Subject{Tenant: "acme"})
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"ratelimits": 1}, erased)
	require.True(t, take(t, lim, 3).Allowed) // the refusal that was remembered is forgotten, too
}
