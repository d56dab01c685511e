package flags_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagstest"
)

// switched is a store that can be taken away, and that tells of writes in an order of its own.
type switched struct {
	*flags.MemoryStore
	away    atomic.Bool
	mu      sync.Mutex
	watched []func(int64)
}

func newSwitched() *switched { return &switched{MemoryStore: flags.NewMemoryStore(nil)} }

func (s *switched) Load(ctx context.Context, since int64) (flags.Update, error) {
	if s.away.Load() {
		return flags.Update{}, fmt.Errorf("the store is away: %w", tenon.ErrUnavailable)
	}
	return s.MemoryStore.Load(ctx, since)
}

func (s *switched) Watch(changed func(int64)) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watched = append(s.watched, changed)
	return func() {}
}

func (s *switched) tell(revisions ...int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range revisions {
		for _, changed := range s.watched {
			changed(r)
		}
	}
}

// running runs set until the test ends.
func running(t *testing.T, set *flags.Set) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = set.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
}

func put(t *testing.T, store flags.Store, d flags.Definition) flags.Definition {
	t.Helper()
	set := flags.NewSet(store, nil)
	require.NoError(t, set.Load(t.Context()))
	if have, err := set.Flag(d.Key); err == nil {
		d.Version = have.Version
	}
	d, err := set.Put(t.Context(), d, "")
	require.NoError(t, err)
	return d
}

func onFlag(key, def string) flags.Definition {
	return flags.Definition{Key: key, Type: flags.TypeBool, Default: def}
}

func TestRunFollowsTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSwitched()
		set := flags.NewSet(store, &flags.Options{Refresh: 10 * time.Second})
		running(t, set)
		synctest.Wait()
		f := flags.Bool("f", false)
		put(t, store, onFlag("f", "on"))
		require.False(t, f.On(t.Context(), set))
		time.Sleep(11 * time.Second)
		synctest.Wait()
		require.True(t, f.On(t.Context(), set), "polling sees what nobody told of")

		put(t, store, onFlag("f", "off"))
		put(t, store, onFlag("g", "on"))
		revision := set.Revision()
		store.tell(revision+2, revision+1, 1, revision+2)
		synctest.Wait()
		require.Equal(t, revision+2, set.Revision(), "notifications out of order")
		require.False(t, f.On(t.Context(), set))

		loads := set.Stats().Refreshes
		store.tell(1, revision)
		synctest.Wait()
		require.Equal(t, loads, set.Stats().Refreshes, "what is live already is not loaded again")
		store.tell(0)
		synctest.Wait()
		require.Equal(t, loads+1, set.Stats().Refreshes, "a reconnection reloads")
	})
}

func TestWhatWasToldWhileTheStoreWasAwayIsLoadedSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSwitched()
		set := flags.NewSet(store, &flags.Options{Refresh: 24 * time.Hour, Every: 24 * time.Hour})
		running(t, set)
		synctest.Wait()
		put(t, store.MemoryStore, onFlag("f", "on"))
		store.away.Store(true)
		store.tell(1)
		synctest.Wait()
		store.away.Store(false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.True(t, flags.Bool("f", false).On(t.Context(), set))
	})
}

func TestNegativeOptionsMeanTheDefaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSwitched()
		set := flags.NewSet(store, &flags.Options{Refresh: -1, Every: -1, Timeout: -1, Drain: -1, MarkEvery: -1})
		running(t, set)
		put(t, store, onFlag("f", "on"))
		time.Sleep(6 * time.Second)
		synctest.Wait()
		require.True(t, flags.Bool("f", false).On(t.Context(), set))
		require.EqualValues(t, 2, set.Stats().Refreshes)
	})
}

func TestAStoreThatIsAwayChangesNoAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSwitched()
		put(t, store, onFlag("f", "on"))
		set := flags.NewSet(store, nil)
		var events []flags.Event
		var mu sync.Mutex
		cancel := set.Watch(func(e flags.Event) {
			mu.Lock()
			defer mu.Unlock()
			events = append(events, e)
		})
		defer cancel()
		require.Equal(t, flags.StatusNotReady, set.Status())
		running(t, set)
		synctest.Wait()
		require.Equal(t, flags.StatusReady, set.Status())
		store.away.Store(true)
		time.Sleep(50 * time.Second)
		synctest.Wait()
		require.Equal(t, flags.StatusReady, set.Status())
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, flags.StatusStale, set.Status())
		require.Contains(t, set.Stats().LastError, "the store is away")
		require.True(t, flags.Bool("f", false).On(t.Context(), set))
		store.away.Store(false)
		time.Sleep(6 * time.Second)
		synctest.Wait()
		require.Equal(t, flags.StatusReady, set.Status())
		require.Empty(t, set.Stats().LastError)
		mu.Lock()
		defer mu.Unlock()
		var statuses []flags.Status
		for _, e := range events {
			statuses = append(statuses, e.Status)
		}
		require.Equal(t, []flags.Status{flags.StatusReady, flags.StatusStale, flags.StatusReady}, statuses)
		require.Equal(t, []string{"f"}, events[0].Keys)
	})
}

// TestReadersSeeWholeVersionsWhileWritersWrite runs under -race: two variants of one flag change together, and no reader
// sees them apart.
func TestReadersSeeWholeVersionsWhileWritersWrite(t *testing.T) {
	t.Parallel()
	store := flags.NewMemoryStore(nil)
	set := flags.NewSet(store, nil)
	require.NoError(t, set.Declare(t.Context(), parse(t, pair(0))))
	running(t, set)
	f := flags.JSON("f", [2]int{})
	g := flags.String("f", "")
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			last := 0
			for {
				select {
				case <-done:
					return
				default:
				}
				v := f.ValueFor(set, &flags.Who{Tenant: "acme"})
				if v[0] != v[1] || v[0] < last {
					t.Errorf("saw %v after %d", v, last)
					return
				}
				last = v[0]
				_ = g.ValueFor(set, &flags.Who{})
				set.All(&flags.Who{Tenant: "acme"})
				_, _ = set.Explain("f", &flags.Who{Tenant: "acme"})
			}
		})
	}
	var writers sync.WaitGroup
	for range 3 {
		writers.Go(func() {
			writer := flags.NewSet(store, nil)
			for range 20 {
				_, err := writer.Edit(t.Context(), "f", func(d *flags.Definition) error {
					next := parse(t, pair(int(d.Version)))
					next.Version = d.Version
					*d = next
					return nil
				}, "")
				if err != nil {
					t.Errorf("Edit: %v", err)
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	require.NoError(t, set.Load(t.Context()))
	require.Equal(t, [2]int{60, 60}, f.ValueFor(set, &flags.Who{Tenant: "acme"}))
}

func pair(n int) string {
	return fmt.Sprintf(`{"key":"f","type":"json","variants":[{"name":"v","value":[%d,%d]}],"default":"v","tenants":{"acme":"v"}}`, n, n)
}

func TestASetOfATransactionKnowsNothingOfTheOther(t *testing.T) {
	t.Parallel()
	shared, own := flags.NewMemoryStore(nil), flags.NewMemoryStore(nil)
	set := flags.NewSet(shared, nil)
	require.NoError(t, set.Load(t.Context()))
	bound := set.WithStore(own)
	_, err := bound.Put(t.Context(), onFlag("f", "on"), "")
	require.NoError(t, err)
	require.True(t, flags.Bool("f", false).On(t.Context(), bound))
	require.Equal(t, flags.CodeNotFound, set.Evaluate("f", &flags.Who{}).Code)
}

func TestWithIsSafeInParallelTests(t *testing.T) {
	t.Parallel()
	set := load(t, `{"key":"f","type":"bool"}`, `{"key":"n","type":"int","default":"v","variants":[{"name":"v","value":7}]}`)
	f, n := flags.Bool("f", false), flags.Int("n", 1)
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			mine := flagstest.With(t, flagstest.With(t, set, f, i%2 == 0), n, int64(i))
			require.Equal(t, i%2 == 0, f.On(t.Context(), mine))
			require.EqualValues(t, i, n.Value(t.Context(), mine))
			require.Equal(t, flags.CauseFixed, f.Detail(t.Context(), mine).Cause)
			require.Equal(t, any(int64(i)), mine.Evaluate("n", &flags.Who{}).Value)
			require.False(t, f.On(t.Context(), set))
			require.EqualValues(t, 7, n.Value(t.Context(), set))
		})
	}
	require.True(t, f.On(t.Context(), flagstest.With[bool](t, nil, f, true)))
}
