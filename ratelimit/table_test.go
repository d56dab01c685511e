package ratelimit_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/transbotai/tenon/ratelimit"
)

func named(i int) ratelimit.Key { return ratelimit.Key{Name: "key-" + strconv.Itoa(i)} }

func TestAKeyThatFindsTheTableFullSharesALimitThatIsNeverExceeded(t *testing.T) {
	t.Parallel()
	for _, l := range []ratelimit.Limit{ratelimit.PerHour(3), ratelimit.Bucket(rate.Every(time.Hour), 3), ratelimit.PerMonth(3, nil)} {
		synctest.Test(t, func(t *testing.T) {
			lim := must(ratelimit.NewLimiter(&ratelimit.Options{MaxKeys: 2}, l))
			allowed := map[int]int64{}
			for range 5 {
				for i := range 100 {
					d, err := lim.Take(t.Context(), named(i), 1)
					require.NoError(t, err)
					if d.Allowed {
						allowed[i]++
					}
				}
			}
			sum := int64(0)
			for i, n := range allowed {
				require.LessOrEqual(t, n, int64(3), i)
				sum += n
			}
			s := lim.Stats()
			require.Equal(t, s.Keys*3+3, sum) // each slot's, and the overflow's
			require.Positive(t, s.Shared)
		})
	}
}

func TestASlotThatIsTakenOverBeginsWithWhatTheOverflowCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lim := must(ratelimit.NewLimiter(&ratelimit.Options{MaxKeys: 2}, ratelimit.PerMinute(3)))
		for i := range 4 { // all slots
			_, err := lim.Take(t.Context(), named(i), 3)
			require.NoError(t, err)
		}
		require.Equal(t, int64(4), lim.Stats().Keys)
		time.Sleep(50 * time.Second)
		d, err := lim.Take(t.Context(), named(9), 2) // in the overflow
		require.NoError(t, err)
		require.True(t, d.Allowed)
		require.Equal(t, int64(1), lim.Stats().Shared)
		time.Sleep(20 * time.Second) // now there are slots
		d, err = lim.Take(t.Context(), named(9), 2)
		require.NoError(t, err)
		require.False(t, d.Allowed, "its own two units are forgiven")
		require.Equal(t, int64(1), d.Remaining)
		require.Equal(t, int64(1), lim.Stats().Evictions)
		time.Sleep(2 * time.Minute)
		d, err = lim.Take(t.Context(), named(10), 3)
		require.NoError(t, err)
		require.True(t, d.Allowed)
		require.Equal(t, int64(2), lim.Stats().Evictions)
	})
}

func TestTimeThatGoesBackwardsForgivesNothing(t *testing.T) {
	t.Parallel()
	for _, l := range []ratelimit.Limit{ratelimit.PerMinute(10), ratelimit.Bucket(rate.Every(time.Minute), 10), ratelimit.PerDay(10, nil)} {
		synctest.Test(t, func(t *testing.T) {
			lim := must(ratelimit.NewLimiter(nil, l))
			require.True(t, take(t, lim, 4).Allowed)
			lim.SetBack(10 * time.Minute)
			require.False(t, take(t, lim, 7).Allowed)
			if l.Algorithm != ratelimit.TokenBucket { // which fills up by the time that passes
				require.True(t, take(t, lim, 6).Allowed)
			}
			lim.SetBack(-10 * time.Minute)
			require.False(t, take(t, lim, 7).Allowed)
		})
	}
}

// Slots change hands while 8 goroutines take from them. Under -race this finds what is not synchronized; what each key
// gets is bounded by how often its slot was lost.
func TestASlotThatIsHandedOnMeanwhileIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	for _, l := range []ratelimit.Limit{ratelimit.PerHour(1 << 20), ratelimit.Bucket(rate.Every(time.Hour), 1<<10)} {
		lim := must(ratelimit.NewLimiter(&ratelimit.Options{MaxKeys: 64}, l))
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				for i := range 2000 {
					d, err := lim.Take(context.Background(), named((g+i)%10), 1)
					if err != nil || !d.Allowed && d.RetryAfter == 0 {
						t.Errorf("%+v, %v", d, err)
						return
					}
				}
			})
		}
		for range 20 {
			lim.HandOn()
			runtime.Gosched()
		}
		wg.Wait()
	}
}

func TestKeysThatComeAndGoNeverGetMoreThanTheirLimit(t *testing.T) {
	t.Parallel()
	for _, l := range []ratelimit.Limit{ratelimit.Per(3, 5*time.Millisecond), ratelimit.Bucket(rate.Every(2*time.Millisecond), 3)} {
		lim := must(ratelimit.NewLimiter(&ratelimit.Options{MaxKeys: 8}, l))
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				// Each key is asked for 50 times within what is at least a moment: never more than the limit of the
				// time that this took, and what begins before it.
				for i := range 200 {
					k, begin, got := named(g*1000+i), time.Now(), 0
					for range 50 {
						if d, err := lim.Take(context.Background(), k, 1); err == nil && d.Allowed {
							got++
						}
					}
					windows := int(time.Since(begin)/(2*time.Millisecond)) + 2
					if got > 3*windows {
						t.Errorf("%s got %d", k.Name, got)
					}
				}
			})
		}
		wg.Wait()
	}
}

func TestAMillionKeysNeedTheMemoryThatWasPromised(t *testing.T) {
	t.Parallel()
	keys := soak(20_000, 1_000_000)
	for _, c := range []struct {
		limit ratelimit.Limit
		bytes int
	}{{ratelimit.PerHour(120), 120}, {ratelimit.Bucket(rate.Every(time.Hour), 12), 40}} {
		lim := must(ratelimit.NewLimiter(&ratelimit.Options{MaxKeys: keys}, c.limit))
		for i := range keys {
			d, err := lim.Take(t.Context(), named(i), 1)
			require.NoError(t, err)
			require.True(t, d.Allowed)
		}
		s := lim.Stats()
		require.LessOrEqual(t, s.Shared, int64(keys/10_000))
		require.Equal(t, int64(keys), s.Keys+s.Shared)
		require.LessOrEqual(t, lim.Bytes(), c.bytes*keys)
	}
}

func TestIdleKeysLeaveTheTableToOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lim := must(ratelimit.NewLimiter(&ratelimit.Options{MaxKeys: 1000}, ratelimit.PerSecond(5)))
		for round := range 5 {
			for i := range 1000 {
				d, err := lim.Take(t.Context(), named(round*1000+i), 5)
				require.NoError(t, err)
				require.True(t, d.Allowed)
			}
			require.Equal(t, int64(1000), lim.Stats().Keys)
			time.Sleep(2 * time.Second)
			require.Zero(t, lim.Stats().Keys)
		}
		require.Zero(t, lim.Stats().Shared)
		require.Greater(t, lim.Stats().Evictions, int64(1000))
	})
}

// Hashes are seeded: keys that collide in one limiter do not in another, so nobody can choose them.
func TestKeysThatCollideInOneLimiterDoNotInAnother(t *testing.T) {
	t.Parallel()
	collide := func(lim *ratelimit.Limiter, candidates []int) (full []int) {
		for _, i := range candidates {
			before := lim.Stats().Shared
			_, err := lim.Take(t.Context(), named(i), 1)
			require.NoError(t, err)
			if lim.Stats().Shared > before {
				full = append(full, i)
			}
		}
		return full
	}
	small := func() *ratelimit.Limiter {
		return must(ratelimit.NewLimiter(&ratelimit.Options{MaxKeys: 400}, ratelimit.PerHour(1)))
	}
	all := make([]int, 1200)
	for i := range all {
		all[i] = i
	}
	chosen := collide(small(), all)
	require.NotEmpty(t, chosen) // they found their places taken
	require.Empty(t, collide(small(), chosen[:min(len(chosen), 300)]))
}

func TestTakeAllocatesNothing(t *testing.T) {
	for name, limits := range map[string][]ratelimit.Limit{
		"strict":   {ratelimit.PerSecond(1000)},
		"bucket":   {ratelimit.Bucket(10, 10)},
		"calendar": {ratelimit.PerDay(1<<40, nil)},
		"several":  {ratelimit.PerSecond(1000), ratelimit.PerDay(1<<40, nil), ratelimit.Bucket(1000, 1000)},
		"no_limit": {ratelimit.NoLimit()},
	} {
		t.Run(name, func(t *testing.T) {
			lim := must(ratelimit.NewLimiter(nil, limits...))
			ctx, keys := t.Context(), make([]ratelimit.Key, 100)
			for i := range keys {
				keys[i] = ratelimit.Key{Tenant: "acme", Name: fmt.Sprint(i)}
			}
			i := 0
			require.Zero(t, testing.AllocsPerRun(10_000, func() {
				_, _ = lim.Take(ctx, keys[i%100], 1)
				i++
			}))
		})
	}
}
