package support_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/support"
)

// news collects what is told.
type news struct{ kinds []string }

// Notify implements [tenon.Notifier].
func (n *news) Notify(_ context.Context, note tenon.Notification) error {
	n.kinds = append(n.kinds, note.Kind)
	return nil
}

func TestTimersFireAtTheirInstantAndNotBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var firedAt atomic.Pointer[time.Time]
		timers, err := support.NewTimers(support.NewMemoryStore(nil), support.Work{
			"x": {Each: func(context.Context, support.Store, support.Timer) error {
				now := time.Now()
				firedAt.Store(&now)
				return nil
			}},
		}, &support.TimersOptions{Poll: time.Hour})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- timers.Run(ctx) }()
		at := time.Now().Add(25 * time.Minute)
		require.NoError(t, timers.Schedule(ctx, support.Timer{TimerRef: support.TimerRef{Key: "1"}, At: at, Kind: "x"}))
		time.Sleep(25*time.Minute - time.Nanosecond)
		synctest.Wait()
		require.Nil(t, firedAt.Load())
		time.Sleep(time.Second)
		synctest.Wait()
		require.WithinDuration(t, at, *firedAt.Load(), 10*time.Millisecond)
		stop()
		require.NoError(t, <-ended)
		require.EqualValues(t, 1, timers.Stats().Fired)
	})
}

func TestAP1EscalatesAfterTwoHoursUnlessSomebodyAcknowledgesIt(t *testing.T) {
	t.Parallel()
	for name, acknowledged := range map[string]bool{"nobody does": false, "somebody does": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				heard := &news{}
				store := support.NewMemoryStore(&support.MemoryOptions{Notifier: heard})
				desk := support.NewDesk(store)
				timers, err := support.NewTimers(store, desk.Work(), nil)
				require.NoError(t, err)
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- timers.Run(ctx) }()
				opened, err := desk.Open(ctx, support.NewTicket{Tenant: "acme", Priority: support.P1, Issue: "down"})
				require.NoError(t, err)
				time.Sleep(30 * time.Minute)
				want := []string{"support.at_risk", "support.breached", "support.escalated", "support.at_risk", "support.breached"}
				if acknowledged {
					_, err = desk.Acknowledge(ctx, opened.Ref)
					want = []string{"support.at_risk", "support.breached", "support.at_risk", "support.breached"}
				}
				require.NoError(t, err)
				time.Sleep(10 * time.Hour)
				stop()
				require.NoError(t, <-ended)
				require.Equal(t, want, heard.kinds)
			})
		})
	}
}

func TestRunThatCannotDrainSaysSo(t *testing.T) {
	t.Parallel()
	began := make(chan struct{})
	timers, err := support.NewTimers(support.NewMemoryStore(nil), support.Work{
		"x": {Each: func(ctx context.Context, _ support.Store, _ support.Timer) error {
			close(began)
			<-ctx.Done()
			return ctx.Err()
		}},
	}, &support.TimersOptions{Drain: time.Millisecond, Poll: time.Hour})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	require.NoError(t, timers.Schedule(ctx, support.Timer{TimerRef: support.TimerRef{Key: "1"}, At: time.Now(), Kind: "x"}))
	ended := make(chan error, 1)
	go func() { ended <- timers.Run(ctx) }()
	<-began
	stop()
	require.ErrorIs(t, <-ended, support.ErrUnfinished)
}

// unreviewed is a store that cannot list what was given up.
type unreviewed struct{ support.TimerStore }

func TestATimerThatWasGivenUpIsShownAndFiresAgainWhenItIsRevived(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var well atomic.Bool
		store := support.NewMemoryStore(nil)
		work := support.Work{"x": {Each: func(context.Context, support.Store, support.Timer) error {
			if well.Load() {
				return nil
			}
			return errors.New("no route")
		}}}
		timers, err := support.NewTimers(store, work, &support.TimersOptions{Poll: time.Hour, Attempts: 2})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- timers.Run(ctx) }()
		ref := support.TimerRef{Tenant: "acme", Key: "1"}
		require.NoError(t, timers.Schedule(ctx, support.Timer{TimerRef: ref, At: time.Now(), Kind: "x"}))
		time.Sleep(24 * time.Hour)
		dead, err := timers.Dead(ctx, 0)
		require.NoError(t, err)
		require.Len(t, dead, 1)
		require.Equal(t, ref, dead[0].TimerRef)
		require.Contains(t, dead[0].Reason, "no route")
		well.Store(true)
		require.NoError(t, timers.Revive(ctx, ref))
		time.Sleep(time.Second)
		require.EqualValues(t, 1, timers.Stats().Fired, "at once, not at the next poll")
		dead, err = timers.Dead(ctx, 1000)
		require.NoError(t, err)
		require.Empty(t, dead)
		require.ErrorIs(t, timers.Revive(ctx, ref), support.ErrUnknownTimer)
		for _, limit := range []int{-1, 1001} {
			_, err = timers.Dead(ctx, limit)
			require.ErrorIs(t, err, tenon.ErrInvalid)
			require.ErrorContains(t, err, "limit")
		}
		stop()
		require.NoError(t, <-ended)
	})
	timers, err := support.NewTimers(unreviewed{support.NewMemoryStore(nil)}, support.Work{}, nil)
	require.NoError(t, err)
	_, err = timers.Dead(t.Context(), 0)
	require.ErrorIs(t, err, support.ErrUnsupported)
	require.ErrorIs(t, timers.Revive(t.Context(), support.TimerRef{Key: "1"}), support.ErrUnsupported)
}
