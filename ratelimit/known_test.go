package ratelimit_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/ratelimit"
)

func TestAnUnlimitedLimitAsksNoStoreAndChangesNoLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSlowStore(time.Millisecond)
		free := overStore(t, store, ratelimit.Options{}, ratelimit.NoLimit())
		d := take(t, free, 1)
		require.NoError(t, free.Refund(t.Context(), key, d))
		require.NoError(t, free.Reset(t.Context(), key))
		require.Zero(t, store.calls.Load())
		both := overStore(t, store, ratelimit.Options{Processes: 4}, ratelimit.NoLimit(), ratelimit.PerMinute(1024))
		for i := range int64(16) {
			require.Equal(t, 1023-i, take(t, both, 1).Remaining)
		}
		require.Equal(t, int64(1), store.calls.Load())
	})
}

func TestPeekAnswersFromTheShareWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSlowStore(time.Millisecond)
		store.broken.Store(true)
		limit := ratelimit.PerMinute(12)
		limit.Away = ratelimit.AwayLocal
		lim := overStore(t, store, ratelimit.Options{Processes: 4}, limit)
		for range 3 {
			d := must(lim.Peek(t.Context(), key, 3))
			require.True(t, d.Allowed)
			require.Equal(t, ratelimit.ReasonAway, d.Reason)
			require.Equal(t, int64(3), d.Remaining)
		}
		require.True(t, take(t, lim, 2).Allowed)
		d := must(lim.Peek(t.Context(), key, 1))
		require.Equal(t, int64(1), d.Remaining)
		require.NoError(t, lim.Refund(t.Context(), key, d), "which took nothing")
		d = must(lim.Peek(t.Context(), key, 2))
		require.False(t, d.Allowed)
		require.Equal(t, limit.Policy(), d.Policy)
	})
}

// heldUp is the context of a caller who is held up between asking and listening for the answer.
type heldUp struct {
	context.Context
	by time.Duration
}

func (h heldUp) Done() <-chan struct{} {
	time.Sleep(h.by)
	return h.Context.Done()
}

func TestWhoIsHeldUpUntilTheAnswerIsTooOldHoldsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lim := overStore(t, newSlowStore(time.Millisecond), ratelimit.Options{}, ratelimit.InFlight(1, time.Hour))
		for range 20 { // the answer and the end of the time are there together: either may be seen first
			d, err := lim.Take(heldUp{t.Context(), time.Second}, key, 1)
			require.NoError(t, err)
			require.False(t, d.Allowed)
			require.Equal(t, ratelimit.ReasonAway, d.Reason)
			time.Sleep(time.Second)
		}
		require.True(t, take(t, lim, 1).Allowed)
	})
}

func TestWhatIsKnownOfKeysThatCameOnceIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limit := ratelimit.PerMinute(1000)
		limit.Lease = 10
		lim := overStore(t, ratelimit.NewMemoryStore(nil), ratelimit.Options{}, limit)
		for i := range 6000 {
			require.True(t, must(lim.Take(t.Context(), named(i), 1)).Allowed)
			time.Sleep(time.Millisecond) // a thousand leases are good at a time
		}
		require.LessOrEqual(t, lim.Known(), 64*64)
		require.GreaterOrEqual(t, lim.Known(), 1000)
	})
}
