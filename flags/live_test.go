package flags_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

func TestACopyOnDiskLetsAServiceStart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "flags")
	synctest.Test(t, func(t *testing.T) {
		store := newSwitched()
		put(t, store, onFlag("f", "on"))
		put(t, store, onFlag("poisoned", "on"))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		first := flags.NewSet(store, &flags.Options{Bootstrap: path})
		wg.Go(func() { _ = first.Run(ctx) })
		time.Sleep(time.Second)
		poison(t, store, "poisoned")
		time.Sleep(6 * time.Second)
		cancel()
		wg.Wait()
		require.Empty(t, first.Stats().CopyError)

		store.away.Store(true)
		second := flags.NewSet(store, &flags.Options{Bootstrap: path})
		require.NoError(t, second.Load(t.Context()))
		require.Equal(t, flags.StatusStale, second.Status())
		d := flags.Bool("f", false).Detail(t.Context(), second)
		require.True(t, d.Value)
		require.True(t, d.Stale)
		require.True(t, flags.Bool("poisoned", false).On(t.Context(), second), "the last good version is in the copy")

		store.away.Store(false)
		put(t, store, onFlag("f", "off"))
		require.NoError(t, second.Load(t.Context()))
		require.Equal(t, flags.StatusReady, second.Status())
		require.False(t, flags.Bool("f", true).On(t.Context(), second))
	})
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing is left beside it")
}

// poison writes what no set can read over a flag.
func poison(t *testing.T, store flags.Store, key string) {
	t.Helper()
	u, err := store.Load(t.Context(), 0)
	require.NoError(t, err)
	version := int64(1)
	for _, r := range u.Records {
		if r.Key == key {
			version = r.Version + 1
		}
	}
	_, err = store.Write(t.Context(), flags.Write{Base: u.Revision, Records: []flags.Record{
		{Kind: flags.KindFlag, Key: key, Version: version, Body: json.RawMessage(`{"key":["` + key + `"]}`)},
	}})
	require.NoError(t, err)
}

func TestADamagedCopyIsNoCopy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "flags")
	store := newSwitched()
	put(t, store, onFlag("f", "on"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	set := flags.NewSet(store, &flags.Options{Bootstrap: path})
	require.NoError(t, set.Load(t.Context()))
	require.NoError(t, set.Run(ctx))
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	store.away.Store(true)
	spoiled := slices.Clone(whole)
	spoiled[len(spoiled)-3] ^= 1
	for name, b := range map[string][]byte{
		"cut": whole[:len(whole)-1], "spoiled": spoiled, "empty": {}, "longer": append(slices.Clone(whole), '\n'), "another": []byte("{}"),
	} {
		require.NoError(t, os.WriteFile(path, b, 0o600))
		set := flags.NewSet(store, &flags.Options{Bootstrap: path})
		require.ErrorIs(t, set.Load(t.Context()), flags.ErrNotLoaded, name)
		require.ErrorIs(t, set.Load(t.Context()), tenon.ErrUnavailable, name)
		require.Equal(t, flags.StatusNotReady, set.Status(), name)
	}
	require.NoError(t, os.WriteFile(path, whole, 0o600))
	require.NoError(t, flags.NewSet(store, &flags.Options{Bootstrap: path}).Load(t.Context()))
	require.ErrorIs(t, flags.NewSet(store, nil).Load(t.Context()), flags.ErrNotLoaded)
}

func TestOneBadRowKeepsItsLastGoodVersion(t *testing.T) {
	t.Parallel()
	store := flags.NewMemoryStore(nil)
	for _, key := range []string{"a", "b", "base"} {
		put(t, store, onFlag(key, "on"))
	}
	needs := onFlag("needs", "on")
	needs.Prerequisites = []flags.Prerequisite{{Flag: "base", Variants: []string{"on"}}}
	put(t, store, needs)
	set := flags.NewSet(store, nil)
	require.NoError(t, set.Load(t.Context()))
	poison(t, store, "a")
	poison(t, store, "needs")
	put(t, store, onFlag("b", "off"))
	require.NoError(t, set.Load(t.Context()))
	on := func(key string) bool { return flags.Bool(key, false).On(t.Context(), set) }
	require.True(t, on("a"))
	require.False(t, on("b"))
	require.True(t, on("needs"))
	require.Len(t, set.Stats().Faults, 2)
	require.Contains(t, set.Stats().Faults["flag/a"], "key")

	_, err := set.SetDisabled(t.Context(), "base", true, "")
	require.NoError(t, err)
	require.False(t, on("needs"), "the kill switch of a prerequisite reaches the last good version")

	_, err = set.Edit(t.Context(), "a", func(d *flags.Definition) error { d.Default = "off"; return nil }, "repaired")
	require.NoError(t, err)
	require.False(t, on("a"), "a good version is live again")
	require.Len(t, set.Stats().Faults, 1)

	late := flags.NewSet(store, nil)
	require.NoError(t, late.Load(t.Context()))
	require.Equal(t, flags.CodeParse, late.Evaluate("needs", &flags.Who{}).Code, "who starts now has no good version")
	require.Equal(t, true, late.Evaluate("base", &flags.Who{}).Reason == flags.ReasonDisabled)
}

func TestABadSegmentStopsNoWriteOfAnother(t *testing.T) {
	t.Parallel()
	store := flags.NewMemoryStore(nil)
	set := flags.NewSet(store, nil)
	segment(t, set, `{"key":"north","if":{"attr":"country","op":"equal","value":"CA"}}`)
	d := onFlag("f", "off")
	d.Rules = []flags.Rule{{If: flags.Condition{Segment: "north"}, Serve: flags.Only("on")}}
	_, err := set.Put(t.Context(), d, "")
	require.NoError(t, err)
	_, err = store.Write(t.Context(), flags.Write{Base: set.Revision(), Records: []flags.Record{
		{Kind: flags.KindSegment, Key: "north", Version: 2, Body: json.RawMessage(`[]`)},
	}})
	require.NoError(t, err)
	canada := &flags.Who{Attrs: []flags.Attr{flags.Text("country", "CA")}}
	require.NoError(t, set.Load(t.Context()))
	require.Equal(t, true, set.Evaluate("f", canada).Value, "the last good version of the segment")

	late := flags.NewSet(store, nil)
	require.NoError(t, late.Load(t.Context()))
	require.Equal(t, flags.CodeParse, late.Evaluate("f", canada).Code, "there is none for who starts now")
	segment(t, late, `{"key":"south","if":{"attr":"country","op":"equal","value":"AR"}}`)
	repaired, err := flags.ParseSegment(strings.NewReader(`{"key":"north","if":{"attr":"country","op":"equal","value":"CA"}}`))
	require.NoError(t, err)
	repaired.Version = 2
	_, err = late.PutSegment(t.Context(), repaired, "repaired")
	require.NoError(t, err)
	require.Equal(t, true, late.Evaluate("f", canada).Value)
	require.Empty(t, late.Stats().Faults)
}

// TestACycleOfOldAndNewVersionsEnds builds what nobody can write: the last good version of one flag and a newer one of
// another need each other.
func TestACycleOfOldAndNewVersionsEnds(t *testing.T) {
	t.Parallel()
	store := flags.NewMemoryStore(nil)
	put(t, store, onFlag("b", "on"))
	a := onFlag("a", "on")
	a.Prerequisites = []flags.Prerequisite{{Flag: "b", Variants: []string{"on"}}}
	put(t, store, a)
	set := flags.NewSet(store, nil)
	require.NoError(t, set.Load(t.Context()))
	poison(t, store, "a")
	u, err := store.Load(t.Context(), 0)
	require.NoError(t, err)
	body := `{"key":"b","type":"bool","default":"on","prerequisites":[{"flag":"a","variants":["on"]}]}`
	_, err = store.Write(t.Context(), flags.Write{Base: u.Revision, Records: []flags.Record{
		{Kind: flags.KindFlag, Key: "b", Version: 2, Body: json.RawMessage(body)},
	}})
	require.NoError(t, err)
	require.NoError(t, set.Load(t.Context()))
	for _, key := range []string{"a", "b"} {
		d := set.Evaluate(key, &flags.Who{})
		require.Equal(t, flags.ReasonPrerequisite, d.Reason)
		explained, err := set.Explain(key, &flags.Who{})
		require.NoError(t, err)
		require.Contains(t, explained.Text(), "lead back")
	}
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
