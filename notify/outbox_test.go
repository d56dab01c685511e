package notify_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifytest"
)

var errAway = errors.New("away")

// running is an outbox over memory whose Run runs until stop.
type running struct {
	*notify.Outbox
	store *notify.MemoryStore
	to    *notifytest.Notifier
	stop  func() error
}

// byKey puts each notification into the group that its key begins with.
var byKey = notify.Routing{Group: func(n tenon.Notification) string { return n.Key[:1] }}

func runOutbox(t *testing.T, opts notify.Options) *running {
	t.Helper()
	r := &running{store: notify.NewMemoryStore(), to: &notifytest.Notifier{}}
	opts.Routing.Group = byKey.Group
	r.Outbox = notify.NewOutbox(r.store, map[string]tenon.Notifier{"hook": r.to}, &opts)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = r.stop() })
	return r
}

func (r *running) write(t *testing.T, keys ...string) {
	t.Helper()
	for _, key := range keys {
		require.NoError(t, r.Notify(t.Context(), notifytest.Notification("acme", key)))
	}
}

func TestWhatIsWrittenIsDeliveredAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := runOutbox(t, notify.Options{})
		synctest.Wait()
		start := time.Now()
		r.write(t, "a1", "b1", "a2")
		synctest.Wait()
		require.ElementsMatch(t, []string{"a1", "b1", "a2"}, r.to.Keys())
		require.Zero(t, time.Since(start))
		require.NoError(t, r.stop())
		require.EqualValues(t, 3, r.Stats().Delivered)
	})
}

func TestAReceiverThatIsDownForAnHourCatchesUpInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := runOutbox(t, notify.Options{})
		r.to.Fail(errAway)
		for minute := range 60 {
			for g := range 5 {
				r.write(t, fmt.Sprintf("%d/%d", g, minute))
			}
			time.Sleep(time.Minute)
		}
		require.Empty(t, r.to.Told())
		s := r.Stats()
		require.EqualValues(t, 300, s.Backlog)
		require.InDelta(t, time.Hour, s.OldestAge, float64(lookEvery))
		require.Equal(t, "away", s.LastError)
		r.to.Fail(nil)
		time.Sleep(5*time.Minute + time.Second) // the longest pause
		next := map[string]int{}
		for _, key := range r.to.Keys() {
			var g string
			var n int
			_, err := fmt.Sscanf(key, "%1s/%d", &g, &n)
			require.NoError(t, err)
			require.Equal(t, next[g], n, "of group %s", g)
			next[g]++
		}
		require.Equal(t, map[string]int{"0": 60, "1": 60, "2": 60, "3": 60, "4": 60}, next)
		require.Len(t, r.to.Told(), 300, "nothing twice")
		time.Sleep(lookEvery + time.Second)
		require.Zero(t, r.Stats().Backlog)
		require.Zero(t, r.Stats().OldestAge)
	})
}

// lookEvery is how often Run counts.
const lookEvery = 15 * time.Second

func TestAGroupThatFailsStopsNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := runOutbox(t, notify.Options{Workers: 1})
		r.to.FailFor(func(n tenon.Notification) error {
			if n.Key == "a1" {
				return errAway
			}
			return nil
		})
		r.write(t, "a1", "a2", "b1")
		time.Sleep(time.Minute)
		r.write(t, "b2")
		synctest.Wait()
		require.Equal(t, []string{"b1", "b2"}, r.to.Keys())
		r.to.Fail(nil)
		time.Sleep(5 * time.Minute)
		require.Equal(t, []string{"b1", "b2", "a1", "a2"}, r.to.Keys())
	})
}

func TestARefusalIsADeadLetterAtOnceAndItsGroupGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := runOutbox(t, notify.Options{})
		r.to.FailFor(func(n tenon.Notification) error {
			if n.Key == "a1" {
				return fmt.Errorf("%w: bad \x00\xff words", notify.ErrRefused)
			}
			return nil
		})
		r.write(t, "a1", "a2")
		time.Sleep(lookEvery + time.Second)
		require.Equal(t, []string{"a2"}, r.to.Keys())
		require.EqualValues(t, 1, r.Stats().DeadLetters)
		require.Contains(t, r.Stats().LastError, "bad ?? words")
		dead, err := r.List(t.Context(), notify.Query{State: notify.Dead})
		require.NoError(t, err)
		require.Len(t, dead, 1)
		r.to.Fail(nil)
		require.NoError(t, r.Replay(t.Context(), dead[0].Ref()))
		synctest.Wait()
		require.Equal(t, []string{"a2", "a1"}, r.to.Keys())
		require.ErrorIs(t, r.Replay(t.Context(), notify.Ref{Tenant: "acme", ID: "none"}), tenon.ErrNotFound)
	})
}

func TestALongErrorIsKeptInPart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := runOutbox(t, notify.Options{})
		r.to.Fail(fmt.Errorf("%w: x%s", notify.ErrRefused, strings.Repeat("é", 5000)))
		r.write(t, "a1")
		synctest.Wait()
		kept := r.in(t, notify.Dead)[0].LastError
		require.Less(t, len(kept), 1010)
		require.True(t, utf8.ValidString(kept))
		require.True(t, strings.HasSuffix(kept, "é…"), kept)
	})
}

func TestAStoreThatCannotBeReviewedSaysSo(t *testing.T) {
	t.Parallel()
	o := notify.NewOutbox(struct{ notify.Store }{notify.NewMemoryStore()}, nil, nil)
	_, err := o.List(t.Context(), notify.Query{})
	require.ErrorIs(t, err, notify.ErrUnsupported)
	require.ErrorIs(t, o.Replay(t.Context(), notify.Ref{Tenant: "acme", ID: "x"}), notify.ErrUnsupported)
}

func TestWhatFailsForTooLongIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := runOutbox(t, notify.Options{GiveUp: time.Hour})
		r.to.Fail(errAway)
		r.write(t, "a1")
		time.Sleep(time.Hour - time.Second)
		require.Len(t, r.in(t, notify.Pending), 1)
		time.Sleep(5*time.Minute + time.Second)
		require.Len(t, r.in(t, notify.Dead), 1)
	})
}

func (r *running) in(t *testing.T, state notify.State) []notify.Entry {
	t.Helper()
	list, err := r.List(t.Context(), notify.Query{State: state})
	require.NoError(t, err)
	return list
}

func TestPausesDoubleUpToTheLongest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := runOutbox(t, notify.Options{Poll: 500 * time.Millisecond})
		var at []time.Time
		r.to.FailFor(func(tenon.Notification) error {
			at = append(at, time.Now())
			return errAway
		})
		r.write(t, "a1")
		time.Sleep(2 * time.Hour)
		require.NoError(t, r.stop())
		want := time.Second
		for i := 1; i < len(at); i++ {
			pause := at[i].Sub(at[i-1])
			require.GreaterOrEqual(t, pause, want/2, "pause %d", i)
			require.LessOrEqual(t, pause, want+time.Second, "pause %d", i)
			want = min(2*want, 5*time.Minute)
		}
		require.Equal(t, 5*time.Minute, want)
	})
}

func TestAReceiverThatWantsToBeLeftAloneIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := runOutbox(t, notify.Options{})
		r.to.Fail(&notify.RetryError{After: 10 * time.Minute, Err: errAway})
		r.write(t, "a1")
		synctest.Wait()
		r.to.Fail(nil)
		time.Sleep(10*time.Minute - time.Second)
		require.Empty(t, r.to.Told())
		time.Sleep(2 * time.Second)
		require.Len(t, r.to.Told(), 1)
	})
}

// hanging is a notifier that waits until it is released, and heeds its context or not.
type hanging struct {
	begun   chan string
	release chan struct{}
	deaf    bool
}

func (h *hanging) Notify(ctx context.Context, n tenon.Notification) error {
	h.begun <- n.Key
	if h.deaf {
		<-h.release
		return nil
	}
	select {
	case <-h.release:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestADeliveryIsBoundedAndTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hanging{begun: make(chan string, 10), release: make(chan struct{})}
		store := notify.NewMemoryStore()
		o := notify.NewOutbox(store, map[string]tenon.Notifier{"hook": h}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- o.Run(ctx) }()
		require.NoError(t, o.Notify(ctx, notifytest.Notification("acme", "k")))
		synctest.Wait()
		require.Len(t, h.begun, 1)
		time.Sleep(32 * time.Second) // the time-out, the pause, the poll
		require.Len(t, h.begun, 2)
		close(h.release)
		synctest.Wait()
		cancel()
		require.NoError(t, <-ended)
	})
}

func TestRunDrains(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		deaf  bool
		after time.Duration // when the receiver answers; 0: never in time
		want  notify.State
	}{
		"what_ends_in_time_is_settled":               {after: 9 * time.Second, want: notify.Delivered},
		"what_takes_too_long_is_given_back":          {want: notify.Pending},
		"what_heeds_no_context_is_left_to_its_lease": {deaf: true, want: notify.Pending},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := &hanging{begun: make(chan string, 10), release: make(chan struct{}), deaf: c.deaf}
				store := notify.NewMemoryStore()
				o := notify.NewOutbox(store, map[string]tenon.Notifier{"hook": h}, nil)
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- o.Run(ctx) }()
				require.NoError(t, o.Notify(ctx, notifytest.Notification("acme", "k")))
				<-h.begun
				cancel()
				if c.after > 0 {
					time.Sleep(c.after)
					close(h.release)
					require.NoError(t, <-ended)
				} else {
					require.ErrorIs(t, <-ended, notify.ErrUnfinished)
					close(h.release)
				}
				list, err := o.List(t.Context(), notify.Query{})
				require.NoError(t, err)
				require.Equal(t, c.want, list[0].State)
			})
		})
	}
}
