package ratelimit_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/ratelimit"
)

func TestTheLongestWindowHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lim := must(ratelimit.NewLimiter(nil, ratelimit.Per(5, 10*366*24*time.Hour)))
		require.True(t, take(t, lim, 2).Allowed)
		time.Sleep(3 * 366 * 24 * time.Hour)
		require.True(t, take(t, lim, 3).Allowed)
		require.False(t, take(t, lim, 1).Allowed)
	})
}

// A slot's word has room for 24 bits of the cell's number.
func TestAKeyThatComesBackWhenTheCellsNumberIsTheSameBeginsAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lim := must(ratelimit.NewLimiter(nil, ratelimit.Per(10, 23*time.Millisecond)))
		require.True(t, take(t, lim, 1).Allowed)
		time.Sleep(1 << 24 * time.Millisecond)
		require.True(t, take(t, lim, 9).Allowed)
		require.True(t, take(t, lim, 1).Allowed)
		require.False(t, take(t, lim, 1).Allowed)
	})
}

func TestARefusalThatIsRememberedSaysWhenItEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lim := overStore(t, newSlowStore(time.Millisecond), ratelimit.Options{}, ratelimit.PerMinute(5))
		take(t, lim, 5)
		first := take(t, lim, 1)
		require.Greater(t, first.RetryAfter, time.Minute)
		time.Sleep(500 * time.Millisecond)
		d := take(t, lim, 1)
		require.Equal(t, int64(1), lim.Stats().Remembered)
		require.Equal(t, first.RetryAfter-500*time.Millisecond, d.RetryAfter)
		require.Equal(t, first.ResetAfter-500*time.Millisecond, d.ResetAfter)
		time.Sleep(d.RetryAfter)
		require.True(t, take(t, lim, 1).Allowed)
	})
}

func TestALeaseOutlivesTheAnswerOfLimitsOf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limit := ratelimit.PerHour(100)
		limit.Lease = 10
		lim := overStore(t, newSlowStore(time.Millisecond), ratelimit.Options{
			LeaseFor: time.Minute, LimitsFor: time.Second,
			LimitsOf: func(context.Context, ratelimit.Key) ([]ratelimit.Limit, error) { return []ratelimit.Limit{limit}, nil },
		}, ratelimit.PerHour(1))
		for range 10 {
			require.True(t, take(t, lim, 1).Allowed)
			time.Sleep(2 * time.Second)
		}
		require.Equal(t, int64(9), lim.Stats().Leased)
	})
}

// Who asks for a lease uses the first of its units when the answer is there, which may be later than a short lease
// lapses.
func TestAShortLeaseOverASlowNetworkKeepsTheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limit := ratelimit.Per(10, 230*time.Millisecond)
		limit.Lease = 10
		store := newSlowStore(20 * time.Millisecond)
		far := overStore(t, store, ratelimit.Options{}, limit)
		near := overStore(t, store.MemoryStore, ratelimit.Options{}, ratelimit.Per(10, 230*time.Millisecond))
		time.Sleep(time.Duration(10-time.Now().UnixMilli()%10)*time.Millisecond + 9*time.Millisecond)
		require.True(t, take(t, far, 1).Allowed)
		used, got := time.Now(), int64(1)
		for time.Since(used) < 229*time.Millisecond {
			if take(t, near, 1).Allowed {
				got++
			} else {
				time.Sleep(time.Millisecond)
			}
		}
		require.LessOrEqual(t, got, int64(10))
	})
}

func TestNobodyWaitsForASlotThatWasHandedOn(t *testing.T) {
	t.Parallel()
	for _, l := range []ratelimit.Limit{ratelimit.PerHour(9), ratelimit.Bucket(0.001, 9)} {
		lim := must(ratelimit.NewLimiter(&ratelimit.Options{MaxKeys: 2}, l))
		take(t, lim, 1)
		release := lim.Hold()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = lim.Take(context.Background(), key, 1)
		}()
		for range 100_000 { // most likely it has found its slot by then, and waits
			runtime.Gosched()
		}
		lim.HandOn()
		require.Eventually(t, func() bool {
			select {
			case <-done:
				return true
			default:
				return false
			}
		}, 30*time.Second, time.Millisecond)
		release()
	}
}

// Keys under two limits come and go in a table that is full, so that slots change hands while others wait for them.
func TestCallsUnderSeveralLimitsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	lim := must(ratelimit.NewLimiter(&ratelimit.Options{MaxKeys: 2},
		ratelimit.Per(3, time.Millisecond), ratelimit.Per(5, 2*time.Millisecond), ratelimit.Per(7, 3*time.Millisecond)))
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range soak(1000, 300_000) {
				_, _ = lim.Take(context.Background(), named((g+i)%8), 1)
			}
		})
	}
	wg.Wait()
}

func TestWhatIsNotInFlightAnyMoreTakesNoPlace(t *testing.T) {
	t.Parallel()
	lim := must(ratelimit.NewLimiter(&ratelimit.Options{MaxKeys: 2}, ratelimit.InFlight(1, 24*time.Hour)))
	for i := range 1000 {
		d, err := lim.Take(t.Context(), named(i), 1)
		require.NoError(t, err)
		require.True(t, d.Allowed, i)
		require.NoError(t, lim.Release(t.Context(), named(i), d))
	}
	require.Zero(t, lim.Stats().Shared)
}

func TestWhatIsInFlightInAFullTableIsGivenBack(t *testing.T) {
	t.Parallel()
	lim := must(ratelimit.NewLimiter(&ratelimit.Options{MaxKeys: 2}, ratelimit.InFlight(1, 24*time.Hour)))
	for i := range 4 {
		d, err := lim.Take(t.Context(), named(i), 1)
		require.NoError(t, err)
		require.True(t, d.Allowed)
	}
	for i := range 10 {
		d, err := lim.Take(t.Context(), named(100+i), 1)
		require.NoError(t, err)
		require.True(t, d.Allowed, i)
		require.NoError(t, lim.Release(t.Context(), named(100+i), d))
	}
	require.Equal(t, int64(10), lim.Stats().Shared)
}

func TestWhatIsInFlightWhileTheStoreIsAwayIsGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSlowStore(time.Millisecond)
		store.broken.Store(true)
		limit := ratelimit.InFlight(2, time.Hour)
		limit.Away = ratelimit.AwayLocal
		lim := overStore(t, store, ratelimit.Options{Processes: 2}, limit)
		for i := range 10 {
			d := take(t, lim, 1)
			require.True(t, d.Allowed, i)
			require.Equal(t, ratelimit.ReasonAway, d.Reason)
			require.False(t, take(t, lim, 1).Allowed)
			require.NoError(t, lim.Release(t.Context(), key, d))
		}
	})
}

func TestWhoGoesBeforeTheAnswerHoldsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSlowStore(10 * time.Millisecond)
		lim := overStore(t, store, ratelimit.Options{}, ratelimit.InFlight(1, time.Hour))
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
			_, err := lim.Take(ctx, key, 1)
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			time.Sleep(time.Second)
		}
		require.True(t, take(t, lim, 1).Allowed)
	})
}

// Where clocks are put back by half an hour, an hour on the clock has three halves.
func TestEachInstantLiesInItsHour(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Australia/Lord_Howe", "Europe/Berlin", "Asia/Kathmandu", "UTC"} {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		limit := ratelimit.Limit{Algorithm: ratelimit.Calendar, Period: ratelimit.Hourly, Max: 1, Zone: zone}
		for at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() == 2026; at = at.Add(15 * time.Minute) {
			b := limit.Bounds(at)
			require.False(t, at.Before(b[1]) || !at.Before(b[2]), "%s is not within %s and %s", at, b[1], b[2])
			require.Equal(t, b[1], limit.Bounds(b[0])[2])
			require.Equal(t, b[3], limit.Bounds(b[2])[2])
		}
	}
}

func TestPeriodsFollowTheClockOnTheWall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		period                ratelimit.Period
		zone, at, start, next string
	}{
		"an_hour_cut_short":  {ratelimit.Hourly, "America/Caracas", "2016-05-01T06:45:00Z", "2016-05-01T06:30:00Z", "2016-05-01T07:00:00Z"},
		"the_hour_after_it":  {ratelimit.Hourly, "America/Caracas", "2016-05-01T07:15:00Z", "2016-05-01T07:00:00Z", "2016-05-01T08:00:00Z"},
		"no_midnight":        {ratelimit.Daily, "America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"},
		"no_midnight_east":   {ratelimit.Daily, "Asia/Beirut", "2022-03-27T12:00:00Z", "2022-03-26T22:00:00Z", "2022-03-27T21:00:00Z"},
		"two_midnights":      {ratelimit.Daily, "America/Havana", "2026-11-01T12:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"},
		"two_midnights_east": {ratelimit.Daily, "Asia/Amman", "2021-10-29T12:00:00Z", "2021-10-28T21:00:00Z", "2021-10-29T22:00:00Z"},
		"midnights_apart":    {ratelimit.Daily, "Antarctica/Casey", "2020-03-07T13:03:00Z", "2020-03-07T13:00:00Z", "2020-03-08T16:00:00Z"},
		"a_short_week":       {ratelimit.Weekly, "Europe/Berlin", "2026-03-29T21:59:59Z", "2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z"},
		"a_month":            {ratelimit.Monthly, "Asia/Kolkata", "2026-02-28T18:29:59Z", "2026-01-31T18:30:00Z", "2026-02-28T18:30:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			zone := must(time.LoadLocation(c.zone))
			limit := ratelimit.Limit{Algorithm: ratelimit.Calendar, Period: c.period, Max: 1, Zone: zone}
			b := limit.Bounds(must(time.Parse(time.RFC3339, c.at)))
			require.Equal(t, c.start, b[1].UTC().Format(time.RFC3339))
			require.Equal(t, c.next, b[2].UTC().Format(time.RFC3339))
			require.Equal(t, b[1], limit.Bounds(b[0])[2], "periods follow each other")
			require.Equal(t, b[3], limit.Bounds(b[2])[2])
		})
	}
}

// Holders come, give back, or are forgotten: at no instant more than Max live, in process and by a store, and a cell
// after all have gone there is room for as many again.
func TestNoInstantSeesMoreInFlightThanTheLimit(t *testing.T) {
	t.Parallel()
	const most, lifetime = 5, 23 * time.Second
	for kind, newLimiter := range makers() {
		for seed := range soak(4, 500) {
			t.Run(fmt.Sprintf("%s/%d", kind, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					lim, r := newLimiter(ratelimit.InFlight(most, lifetime)), rand.New(rand.NewPCG(uint64(seed), 3))
					holders := map[time.Time]ratelimit.Decision{}
					for range 500 {
						time.Sleep(1 + time.Duration(r.Int64N(int64(3*time.Second))))
						for since, d := range holders {
							if time.Since(since) >= lifetime {
								delete(holders, since)
							} else if r.IntN(8) == 0 {
								require.NoError(t, lim.Release(t.Context(), key, d))
								delete(holders, since)
							}
						}
						if d := take(t, lim, 1); d.Allowed {
							holders[time.Now()] = d
						}
						require.LessOrEqual(t, len(holders), most)
					}
					time.Sleep(lifetime + time.Second)
					require.True(t, take(t, lim, most).Allowed)
				})
			})
		}
	}
}
