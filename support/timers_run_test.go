package support_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/support"
)

// watched is a store that lets a test see what becomes of timers that failed. It is for one worker.
type watched struct {
	support.TimerStore
	size     int // of the job; 0 is the default
	failures []support.Failure
	claimed  func(got support.Claimed) // is called after each claim; nil: nothing is
	failing  error                     // of the next Fail
}

func (w *watched) Claim(ctx context.Context, c support.Claim) (support.Claimed, error) {
	got, err := w.TimerStore.Claim(ctx, c)
	if w.claimed != nil {
		w.claimed(got)
	}
	return got, err
}

func (w *watched) Fail(ctx context.Context, lease string, failures []support.Failure) error {
	w.failures = append(w.failures, failures...)
	if err := w.failing; err != nil {
		w.failing = nil
		return err
	}
	return w.TimerStore.Fail(ctx, lease, failures)
}

// run schedules timers that are due at once, "0" first, and runs them for a while.
func (w *watched) run(
	t *testing.T, lasts time.Duration, timers int, opts support.TimersOptions, each func(context.Context, string) error,
) (support.TimersStats, error) {
	t.Helper()
	opts.Workers = 1
	job := support.Job{Size: w.size, Each: func(ctx context.Context, _ support.Store, timer support.Timer) error {
		return each(ctx, timer.Key)
	}}
	many := support.Job{Size: 100, Each: job.Each} // for which a claim takes more than a transaction of "x" has
	run, err := support.NewTimers(w, support.Work{"x": job, "many": many}, &opts)
	require.NoError(t, err)
	for n := range timers {
		timer := support.Timer{TimerRef: support.TimerRef{Key: strconv.Itoa(n)}, At: time.Now(), Kind: "x"}
		require.NoError(t, run.Schedule(t.Context(), timer))
	}
	ctx, stop := context.WithTimeout(t.Context(), lasts)
	defer stop()
	err = run.Run(ctx)
	return run.Stats(), err
}

// keys returns which timers failed.
func (w *watched) keys() (keys []string) {
	for _, f := range w.failures {
		keys = append(keys, f.Held.Key)
	}
	return keys
}

// errAway is that something else is away, or the store.
var errAway = fmt.Errorf("no route: %w", tenon.ErrUnavailable)

func TestTimersThatTheLeaseWasTooShortForAreGivenBackUntried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &watched{TimerStore: support.NewMemoryStore(nil), size: 1}
		opts := support.TimersOptions{Lease: time.Minute}
		stats, err := w.run(t, time.Hour, 3, opts, func(context.Context, string) error {
			time.Sleep(40 * time.Second)
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, []string{"2"}, w.keys())
		require.True(t, w.failures[0].Undo)
		require.EqualValues(t, 3, stats.Fired)
		require.Zero(t, stats.Failed)
	})
}

func TestWhatTheEndOfRunBreaksOffIsNoAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := support.NewMemoryStore(nil)
		w := &watched{TimerStore: store, size: 2}
		opts := support.TimersOptions{Drain: time.Second}
		stats, err := w.run(t, time.Minute, 3, opts, func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return ctx.Err()
		})
		require.ErrorIs(t, err, support.ErrUnfinished)
		require.Equal(t, []string{"0", "1", "2"}, w.keys())
		require.Zero(t, stats.Failed)
		c := support.Claim{Lease: tenon.NewID(time.Now()), For: time.Minute, Kinds: []string{"x"}, Limit: 10}
		got, err := store.Claim(t.Context(), c)
		require.NoError(t, err)
		require.Len(t, got.Timers, 3, "at once and together, as timers that were never tried")
		require.Equal(t, 1, got.Timers[0].Attempts)
	})
}

func TestTimersThatFailSinceSomethingIsAwayArePutOffTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		w := &watched{TimerStore: support.NewMemoryStore(nil), size: 2}
		opts := support.TimersOptions{Backoff: 10 * time.Second}
		stats, err := w.run(t, time.Minute, 3, opts, func(context.Context, string) error {
			if calls++; calls == 1 {
				return errAway
			}
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, []string{"0", "1", "2"}, w.keys())
		for _, f := range w.failures {
			require.Contains(t, f.Reason, "no route")
			require.GreaterOrEqual(t, f.After, 5*time.Second)
			require.False(t, f.Undo || f.Dead)
		}
		require.EqualValues(t, 3, stats.Failed)
		require.EqualValues(t, 3, stats.Fired)
		require.Equal(t, 4, calls, "each alone the second time")
	})
}

func TestATimerWithOneAttemptIsGivenUpForTheReasonThatItFailedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := support.NewMemoryStore(nil)
		w := &watched{TimerStore: store}
		opts := support.TimersOptions{Attempts: 1}
		_, err := w.run(t, time.Minute, 2, opts, func(context.Context, string) error { return errAway })
		require.NoError(t, err)
		dead, err := store.DeadTimers(t.Context(), 10)
		require.NoError(t, err)
		require.Len(t, dead, 2)
		for _, d := range dead {
			require.Contains(t, d.Reason, "no route")
			require.Equal(t, 1, d.Attempts)
		}
	})
}

func TestATimerThatWasTakenBackMeanwhileIsLostAndNoFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var handled []string
		w := &watched{TimerStore: support.NewMemoryStore(nil)}
		w.claimed = func(got support.Claimed) {
			if len(got.Timers) == 3 {
				_, err := w.Cancel(t.Context(), []support.TimerRef{{Key: "1"}})
				require.NoError(t, err)
			}
		}
		stats, err := w.run(t, time.Hour, 3, support.TimersOptions{}, func(_ context.Context, key string) error {
			handled = append(handled, key)
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, []string{"0", "2"}, handled)
		require.Equal(t, []int64{2, 1, 0}, []int64{stats.Fired, stats.Lost, stats.Failed})
		require.Empty(t, w.failures)
	})
}

func TestAFailureThatCannotBeKeptEndsWithTheLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tried []time.Duration
		began := time.Now()
		w := &watched{TimerStore: support.NewMemoryStore(nil), failing: errAway}
		opts := support.TimersOptions{Lease: 10 * time.Minute}
		stats, err := w.run(t, time.Hour, 1, opts, func(context.Context, string) error {
			if tried = append(tried, time.Since(began)); len(tried) == 1 {
				return errAway
			}
			return nil
		})
		require.NoError(t, err)
		require.Len(t, tried, 2)
		require.InDelta(t, 10*time.Minute, tried[1], float64(2*time.Second))
		require.EqualValues(t, 1, stats.Fired)
		require.Contains(t, stats.LastError, "no route")
	})
}

func TestTheBackoffDoublesUpToItsLongest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &watched{TimerStore: support.NewMemoryStore(nil)}
		opts := support.TimersOptions{Backoff: time.Second, MaxBackoff: 5 * time.Second, Attempts: -1}
		_, err := w.run(t, time.Minute, 1, opts, func(context.Context, string) error { return errAway })
		require.NoError(t, err)
		require.Greater(t, len(w.failures), 10)
		for i, f := range w.failures {
			longest := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second}[min(i, 3)]
			require.GreaterOrEqual(t, f.After, longest/2, i)
			require.LessOrEqual(t, f.After, longest, i)
			require.False(t, f.Dead, "it is never given up")
		}
	})
}
