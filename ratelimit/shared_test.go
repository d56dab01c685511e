package ratelimit_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimittest"
)

// slowStore is a memory store behind a network: it takes a while, may be away, or may not come back at all.
type slowStore struct {
	*ratelimit.MemoryStore
	trip   time.Duration // there, and as long back
	stuck  atomic.Bool   // does not come back, whatever ctx says
	broken atomic.Bool
	calls  atomic.Int64
	ops    atomic.Int64
	free   chan struct{}
}

func newSlowStore(trip time.Duration) *slowStore {
	return &slowStore{MemoryStore: ratelimit.NewMemoryStore(nil), trip: trip, free: make(chan struct{})}
}

func (s *slowStore) Settle(ctx context.Context, ops []ratelimit.Op) ([]ratelimit.Outcome, error) {
	s.calls.Add(1)
	s.ops.Add(int64(len(ops)))
	if s.stuck.Load() {
		<-s.free
	}
	time.Sleep(s.trip)
	if s.broken.Load() {
		return nil, tenon.ErrUnavailable
	}
	outcomes, err := s.MemoryStore.Settle(context.WithoutCancel(ctx), ops)
	time.Sleep(s.trip)
	return outcomes, err
}

// patient is for tests in real time, which may stand still for seconds.
var patient = ratelimit.Options{Timeout: time.Minute}

func overStore(t *testing.T, store ratelimit.Store, opts ratelimit.Options, limits ...ratelimit.Limit) *ratelimit.Limiter {
	t.Helper()
	opts.Store = store
	lim, err := ratelimit.NewLimiter(&opts, limits...)
	require.NoError(t, err)
	return lim
}

func TestProcessesShareALimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSlowStore(time.Millisecond)
		a := overStore(t, store, ratelimit.Options{}, ratelimit.PerMinute(5))
		b := overStore(t, store, ratelimit.Options{}, ratelimit.PerMinute(5))
		require.Equal(t, int64(2), take(t, a, 3).Remaining)
		require.Equal(t, int64(0), take(t, b, 2).Remaining)
		require.False(t, take(t, a, 1).Allowed)
		require.False(t, take(t, b, 1).Allowed)
	})
}

func TestARefusalIsRememberedAndNotAskedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSlowStore(time.Millisecond)
		lim := overStore(t, store, ratelimit.Options{}, ratelimit.Per(5, 100*time.Millisecond))
		take(t, lim, 4)
		first := take(t, lim, 3)
		require.False(t, first.Allowed)
		calls := store.calls.Load()
		for range 100 {
			d := take(t, lim, 3)
			require.False(t, d.Allowed)
			require.Equal(t, first.RetryAfter, d.RetryAfter)
		}
		require.Equal(t, calls, store.calls.Load())
		require.Equal(t, int64(100), lim.Stats().Remembered)
		require.True(t, take(t, lim, 1).Allowed) // fewer are there
		time.Sleep(first.RetryAfter)
		require.True(t, take(t, lim, 3).Allowed)
	})
}

func TestALeaseIsGivenOutWithoutAskingAndLapses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSlowStore(time.Millisecond)
		lim := overStore(t, store, ratelimit.Options{Processes: 4}, ratelimit.PerMinute(1024))
		for i := range int64(16) {
			require.Equal(t, 1024-i-1, take(t, lim, 1).Remaining)
		}
		require.Equal(t, int64(1), store.calls.Load())
		require.Equal(t, int64(15), lim.Stats().Leased)
		take(t, lim, 1)
		require.Equal(t, int64(2), store.calls.Load())
		time.Sleep(time.Second) // the rest of the lease lapses
		take(t, lim, 1)
		require.Equal(t, int64(3), store.calls.Load())
		d, err := lim.Peek(t.Context(), key, 1)
		require.NoError(t, err)
		require.Equal(t, int64(1024-48), d.Remaining)
	})
}

func TestLeasesAreOneUntilTheLimitIsLarge(t *testing.T) {
	t.Parallel()
	inFlight, asked := ratelimit.InFlight(5000, time.Minute), ratelimit.PerMinute(10)
	asked.Lease = 4
	for _, c := range []struct {
		processes int
		limit     ratelimit.Limit
		calls     int64 // for 4 units
	}{
		{0, ratelimit.PerMinute(5000), 4},
		{4, ratelimit.PerMinute(1023), 4},
		{4, ratelimit.PerMinute(1024), 1},
		{4, inFlight, 4},
		{0, asked, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			store := newSlowStore(0)
			lim := overStore(t, store, ratelimit.Options{Processes: c.processes}, c.limit)
			for range 4 {
				take(t, lim, 1)
			}
			require.Equal(t, c.calls, store.calls.Load())
		})
	}
}

func TestConcurrentCallsTravelTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSlowStore(5 * time.Millisecond)
		lim := overStore(t, store, ratelimit.Options{Flights: 1}, ratelimit.PerMinute(150))
		var allowed atomic.Int64
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				if d, err := lim.Take(context.Background(), key, 1); err == nil && d.Allowed {
					allowed.Add(1)
				}
			})
		}
		wg.Wait()
		require.Equal(t, int64(150), allowed.Load())
		require.LessOrEqual(t, store.calls.Load(), int64(4))
	})
}

// Several processes lease from a store over a network, while calls arrive in every pattern.
func TestNoWindowIsExceededByProcessesWithLeases(t *testing.T) {
	t.Parallel()
	for _, p := range ratelimittest.Patterns() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := bounds(120)[0]
				b.limit.Lease = 5
				store := newSlowStore(3 * time.Millisecond)
				var mu sync.Mutex
				var all []ratelimittest.Taken
				var wg sync.WaitGroup
				begin := time.Now()
				for range 4 {
					wg.Go(func() {
						taken := play(t, p, b, overStore(t, store, ratelimit.Options{}, b.limit), begin)
						mu.Lock()
						defer mu.Unlock()
						all = append(all, taken...)
					})
				}
				wg.Wait()
				require.LessOrEqual(t, ratelimittest.Worst(all, b.window), b.worst)
				require.GreaterOrEqual(t, ratelimittest.Total(all), b.max)
			})
		})
	}
}

func TestNobodyWaitsLongerThanTheTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSlowStore(0)
		store.stuck.Store(true)
		lim := overStore(t, store, ratelimit.Options{Pause: time.Second}, ratelimit.PerMinute(5))
		for i := range 20 {
			begin := time.Now()
			d := take(t, lim, 1)
			require.False(t, d.Allowed)
			require.Equal(t, ratelimit.ReasonAway, d.Reason)
			require.LessOrEqual(t, time.Since(begin), 50*time.Millisecond, i)
		}
		s := lim.Stats()
		require.True(t, s.Open)
		require.Equal(t, int64(20), s.Away)
		require.LessOrEqual(t, store.calls.Load(), int64(6))
		store.stuck.Store(false)
		close(store.free)
		time.Sleep(2 * time.Second)
		take(t, lim, 0)
		require.Equal(t, int64(5), must(lim.Peek(t.Context(), key, 1)).Limit)
		require.False(t, lim.Stats().Open)
	})
}

func TestTheBreakerLetsOneCallThroughAfterEachPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSlowStore(time.Millisecond)
		store.broken.Store(true)
		lim := overStore(t, store, ratelimit.Options{}, ratelimit.PerMinute(100))
		for range 10 {
			take(t, lim, 1)
		}
		require.Equal(t, int64(5), store.calls.Load())
		for pause := range int64(3) {
			time.Sleep(time.Second)
			for range 10 {
				take(t, lim, 1)
			}
			require.Equal(t, 6+pause, store.calls.Load())
		}
		store.broken.Store(false)
		time.Sleep(time.Second)
		require.True(t, take(t, lim, 1).Allowed)
		require.Equal(t, ratelimit.ReasonAllowed, take(t, lim, 1).Reason)
		require.False(t, lim.Stats().Open)
	})
}

func TestEachPolicyDoesWhatItSaysWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	for policy, want := range map[ratelimit.Away]int64{
		ratelimit.AwayDeny: 0, ratelimit.AwayAllow: 40, ratelimit.AwayLocal: 3,
	} {
		for _, l := range []ratelimit.Limit{ratelimit.PerMinute(12), ratelimit.Bucket(0.001, 12), ratelimit.PerDay(12, nil)} {
			synctest.Test(t, func(t *testing.T) {
				store := newSlowStore(time.Millisecond)
				store.broken.Store(true)
				l.Away = policy
				lim := overStore(t, store, ratelimit.Options{Processes: 4}, l)
				var allowed int64
				for range 40 {
					d := take(t, lim, 1)
					require.Equal(t, ratelimit.ReasonAway, d.Reason)
					require.Equal(t, l.Policy(), d.Policy)
					if d.Allowed {
						allowed++
					}
				}
				require.Equal(t, want, allowed)
				store.broken.Store(false)
				time.Sleep(time.Second)
				require.Equal(t, int64(0), take(t, lim, 12).Remaining) // the limit holds again
				require.False(t, take(t, lim, 1).Allowed)
			})
		}
	}
}

func TestTheStrictestPolicyOfSeveralDecides(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSlowStore(time.Millisecond)
		store.broken.Store(true)
		open, share := ratelimit.PerSecond(10), ratelimit.PerMinute(20)
		open.Away, share.Away = ratelimit.AwayAllow, ratelimit.AwayLocal
		lim := overStore(t, store, ratelimit.Options{Processes: 2}, open, share, ratelimit.NoLimit())
		require.True(t, take(t, lim, 10).Allowed)
		require.Equal(t, share.Policy(), take(t, lim, 1).Policy)
		shut := ratelimit.PerHour(100)
		lim = overStore(t, store, ratelimit.Options{Processes: 2}, open, share, shut)
		d := take(t, lim, 1)
		require.False(t, d.Allowed)
		require.Equal(t, shut.Policy(), d.Policy)
	})
}

func TestAStoreThatAnswersWrongIsAnError(t *testing.T) {
	t.Parallel()
	lim := overStore(t, &wrongStore{err: errors.New("broken")}, patient, ratelimit.PerMinute(5))
	_, err := lim.Take(t.Context(), key, 1)
	require.ErrorContains(t, err, "broken")
	lim = overStore(t, &wrongStore{}, patient, ratelimit.PerMinute(5)) // an answer is missing
	d, err := lim.Take(t.Context(), key, 1)
	require.NoError(t, err)
	require.Equal(t, ratelimit.ReasonAway, d.Reason)
	require.ErrorIs(t, lim.Reset(t.Context(), key), tenon.ErrUnavailable)
}

type wrongStore struct {
	*ratelimit.MemoryStore
	err error
}

func (s *wrongStore) Settle(context.Context, []ratelimit.Op) ([]ratelimit.Outcome, error) {
	return nil, s.err
}

func TestACallerThatLeavesGetsItsOwnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSlowStore(20 * time.Millisecond)
		lim := overStore(t, store, ratelimit.Options{Flights: 1}, ratelimit.PerMinute(5))
		go func() { _, _ = lim.Take(context.Background(), key, 1) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err := lim.Take(ctx, key, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(time.Second)
		require.Equal(t, int64(1), store.ops.Load()) // it had not been sent
		_, err = lim.Take(ctx, key, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, int64(1), store.ops.Load())
	})
}
