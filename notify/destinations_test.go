package notify_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifytest"
)

func TestEachDestinationGetsItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		good, bad := &notifytest.Notifier{}, &notifytest.Notifier{}
		bad.Fail(errAway)
		o := notify.NewOutbox(notify.NewMemoryStore(), map[string]tenon.Notifier{"good": good, "bad": bad}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- o.Run(ctx) }()
		for _, key := range []string{"1", "2", "3"} {
			require.NoError(t, o.Notify(ctx, notifytest.Notification("acme", key)))
		}
		time.Sleep(time.Minute)
		require.Equal(t, []string{"1", "2", "3"}, good.Keys())
		bad.Fail(nil)
		time.Sleep(5 * time.Minute) // the longest pause
		require.Equal(t, []string{"1", "2", "3"}, bad.Keys())
		require.Len(t, good.Told(), 3)
		cancel()
		require.NoError(t, <-ended)
	})
}

func TestWhatGoesNowhereIsShown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := runOutbox(t, notify.Options{Routing: notify.Routing{To: notify.To("hook", "nowhere")}})
		r.write(t, "a1")
		time.Sleep(lookEvery + time.Second)
		require.Equal(t, []string{"a1"}, r.to.Keys())
		require.EqualValues(t, 1, r.Stats().Stranded)
		require.EqualValues(t, 1, r.Stats().Backlog)
	})
}

func TestRunPrunesWhatIsOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := runOutbox(t, notify.Options{Keep: 24 * time.Hour, Poll: time.Minute})
		r.write(t, "a1")
		synctest.Wait()
		r.write(t, "a1")
		synctest.Wait()
		require.Len(t, r.to.Told(), 1)
		time.Sleep(26 * time.Hour)
		require.EqualValues(t, 1, r.Stats().Pruned)
		r.write(t, "a1")
		synctest.Wait()
		require.Len(t, r.to.Told(), 2)
	})
}

func TestABoundOutboxDoesNotRun(t *testing.T) {
	t.Parallel()
	store := notify.NewMemoryStore()
	o := notify.NewOutbox(notify.NewMemoryStore(), map[string]tenon.Notifier{"hook": nil}, nil).WithStore(store)
	require.ErrorIs(t, o.Run(t.Context()), tenon.ErrInvalid)
	require.NoError(t, o.Notify(t.Context(), notifytest.Notification("acme", "k")))
	list, err := store.List(t.Context(), notify.Query{})
	require.NoError(t, err)
	require.Len(t, list, 1)
}

func TestTwoProcessesShareTheWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, to := notify.NewMemoryStore(), &notifytest.Notifier{}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		for range 2 {
			o := notify.NewOutbox(store, map[string]tenon.Notifier{"hook": to}, nil)
			go func() { ended <- o.Run(ctx) }()
		}
		writer := notify.NewOutbox(store, map[string]tenon.Notifier{"hook": to}, &notify.Options{Routing: byKey})
		want := map[string]bool{}
		for i := range 300 {
			key := fmt.Sprint(i)
			want[key] = true
			require.NoError(t, writer.Notify(ctx, notifytest.Notification("acme", key)))
		}
		time.Sleep(time.Minute)
		require.ElementsMatch(t, slices.Collect(maps.Keys(want)), to.Keys())
		require.Len(t, to.Told(), 300)
		cancel()
		require.NoError(t, errors.Join(<-ended, <-ended))
	})
}
