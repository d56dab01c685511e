package ratelimit_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/transbotai/tenon/ratelimit"
)

func TestABucketReservesAndWaitsAsXTimeDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lim := must(ratelimit.NewLimiter(nil, ratelimit.Bucket(10, 5)))
		theirs := rate.NewLimiter(10, 5)
		for _, n := range []int64{3, 2, 1, 5, 4, 1} {
			r, err := lim.Reserve(t.Context(), key, n)
			require.NoError(t, err)
			require.True(t, r.OK())
			require.InDelta(t, theirs.ReserveN(time.Now(), int(n)).Delay(), r.Delay(), 10)
			time.Sleep(30 * time.Millisecond)
		}
		r, err := lim.Reserve(t.Context(), key, 6)
		require.NoError(t, err)
		require.False(t, r.OK())
		d := take(t, lim, 1)
		require.Equal(t, ratelimit.ReasonReserved, d.Reason)
	})
}

func TestACanceledReservationGivesBackAndLetsNobodyOvertake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lim := must(ratelimit.NewLimiter(nil, ratelimit.Bucket(1, 1)))
		take(t, lim, 1)
		first, err := lim.Reserve(t.Context(), key, 1)
		require.NoError(t, err)
		second, err := lim.Reserve(t.Context(), key, 1)
		require.NoError(t, err)
		require.Equal(t, 2*time.Second, second.Delay())
		first.Cancel() // second keeps its time
		third, err := lim.Reserve(t.Context(), key, 1)
		require.NoError(t, err)
		require.Equal(t, 3*time.Second, third.Delay())
		third.Cancel()
		third.Cancel()
		again, err := lim.Reserve(t.Context(), key, 1)
		require.NoError(t, err)
		require.Equal(t, 3*time.Second, again.Delay())
	})
}

func TestStrictReservesWhatTheWindowAllows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lim := must(ratelimit.NewLimiter(nil, ratelimit.PerMinute(3)))
		take(t, lim, 3)
		r, err := lim.Reserve(t.Context(), key, 2)
		require.NoError(t, err)
		require.GreaterOrEqual(t, r.Delay(), time.Minute)
		blocked := take(t, lim, 1)
		require.Equal(t, ratelimit.ReasonReserved, blocked.Reason)
		require.Equal(t, r.Delay(), blocked.RetryAfter)
		time.Sleep(r.Delay())
		require.Zero(t, r.Delay())
		r.Cancel() // too late
		require.Equal(t, int64(0), take(t, lim, 1).Remaining)
		require.False(t, take(t, lim, 1).Allowed)
	})
}

func TestAStrictReservationThatIsCanceledIsFreeForTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lim := must(ratelimit.NewLimiter(nil, ratelimit.PerMinute(3)))
		take(t, lim, 3)
		r, err := lim.Reserve(t.Context(), key, 3)
		require.NoError(t, err)
		delay := r.Delay()
		r.Cancel()
		r, err = lim.Reserve(t.Context(), key, 3)
		require.NoError(t, err)
		require.Equal(t, delay, r.Delay())
	})
}

// Everyone waits in line, and what comes through keeps the bound.
func TestWaitersComeThroughInLineAndWithinTheBound(t *testing.T) {
	t.Parallel()
	for _, l := range []ratelimit.Limit{ratelimit.Per(10, time.Second), ratelimit.Bucket(10, 1)} {
		synctest.Test(t, func(t *testing.T) {
			lim := must(ratelimit.NewLimiter(nil, l))
			var mu sync.Mutex
			var times []time.Time
			for range 55 {
				go func() {
					if _, err := lim.Wait(t.Context(), key, 1); err == nil {
						mu.Lock()
						defer mu.Unlock()
						times = append(times, time.Now())
					}
				}()
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			require.Len(t, times, 55)
			for i := 10 + 1; i < len(times); i++ {
				require.GreaterOrEqual(t, times[i].Sub(times[i-11]), time.Second)
			}
			require.Less(t, times[54].Sub(times[0]), 7*time.Second)
		})
	}
}

func TestWaitReturnsAtOnceWhenItCannotSucceed(t *testing.T) {
	t.Parallel()
	for _, l := range []ratelimit.Limit{ratelimit.PerMinute(3), ratelimit.Bucket(1, 3), ratelimit.PerDay(3, nil)} {
		everyLimiter(t, []ratelimit.Limit{l}, func(t *testing.T, lim *ratelimit.Limiter) {
			begin := time.Now()
			_, err := lim.Wait(t.Context(), key, 4)
			require.ErrorIs(t, err, ratelimit.ErrNever)
			take(t, lim, 3)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
			defer cancel()
			_, err = lim.Wait(ctx, key, 1)
			require.ErrorIs(t, err, ratelimit.ErrTooLate)
			require.Zero(t, time.Since(begin))
			cancel()
			_, err = lim.Wait(ctx, key, 1)
			require.ErrorIs(t, err, context.Canceled)
		})
	}
}

func TestWaitEndsWithItsContextAndTakesNothing(t *testing.T) {
	t.Parallel()
	everyLimiter(t, []ratelimit.Limit{ratelimit.PerMinute(3)}, func(t *testing.T, lim *ratelimit.Limiter) {
		take(t, lim, 3)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := lim.Wait(ctx, key, 3)
		require.ErrorIs(t, err, context.Canceled)
		time.Sleep(70 * time.Second)
		require.Equal(t, int64(0), take(t, lim, 3).Remaining)
	})
}

func TestWaitSleepsUntilThereIsRoom(t *testing.T) {
	t.Parallel()
	for _, limits := range [][]ratelimit.Limit{
		{ratelimit.PerMinute(3)},
		{ratelimit.PerMinute(3), ratelimit.PerHour(100)},
		{{Algorithm: ratelimit.Calendar, Max: 3, Period: ratelimit.Hourly}},
	} {
		everyLimiter(t, limits, func(t *testing.T, lim *ratelimit.Limiter) {
			take(t, lim, 3)
			begin, retry := time.Now(), take(t, lim, 1).RetryAfter
			d, err := lim.Wait(t.Context(), key, 1)
			require.NoError(t, err)
			require.True(t, d.Allowed)
			require.GreaterOrEqual(t, time.Since(begin), retry)
		})
	}
}

func TestWaitForWhatIsInFlight(t *testing.T) {
	t.Parallel()
	everyLimiter(t, []ratelimit.Limit{ratelimit.InFlight(1, time.Hour)}, func(t *testing.T, lim *ratelimit.Limiter) {
		d := take(t, lim, 1)
		time.AfterFunc(time.Second, func() { _ = lim.Refund(t.Context(), key, d) })
		begin := time.Now()
		_, err := lim.Wait(t.Context(), key, 1)
		require.NoError(t, err)
		require.InDelta(t, time.Second, time.Since(begin), float64(50*time.Millisecond))
	})
}

func TestOnlyOneStrictOrBucketLimitInProcessCanBeReserved(t *testing.T) {
	t.Parallel()
	store := &ratelimit.Options{Store: ratelimit.NewMemoryStore(nil)}
	for _, lim := range []*ratelimit.Limiter{
		must(ratelimit.NewLimiter(nil, ratelimit.PerDay(1, nil))),
		must(ratelimit.NewLimiter(nil, ratelimit.InFlight(1, time.Hour))),
		must(ratelimit.NewLimiter(nil, ratelimit.PerSecond(1), ratelimit.PerMinute(1))),
		must(ratelimit.NewLimiter(store, ratelimit.PerSecond(1))),
	} {
		_, err := lim.Reserve(t.Context(), key, 1)
		require.ErrorIs(t, err, ratelimit.ErrNotReservable)
	}
}
