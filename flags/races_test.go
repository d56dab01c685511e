package flags_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
)

// between is a store where somebody else writes after the first Load.
type between struct {
	*flags.MemoryStore
	once  sync.Once
	loads int
	write func()
}

func (b *between) Load(ctx context.Context, since int64) (flags.Update, error) {
	if b.loads++; b.loads == 2 {
		b.once.Do(b.write)
	}
	return b.MemoryStore.Load(ctx, since)
}

func TestAPersonsStepIsDoneOrRefusedWhenAnotherWroteInBetween(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]func(*flags.Set, context.Context, string, string) (flags.Definition, error){
		"advance": (*flags.Set).Advance, "rollback": (*flags.Set).Rollback,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := flags.NewMemoryStore(nil)
			other := flags.NewSet(store, nil)
			put(t, store, onFlag("f", "off"))
			_, err := other.Ramp(t.Context(), "f", flags.Ramp(5, 50, 100), "")
			require.NoError(t, err)
			_, err = other.Advance(t.Context(), "f", "")
			require.NoError(t, err)
			set := flags.NewSet(&between{MemoryStore: store, write: func() {
				_, err := other.Edit(t.Context(), "f", func(d *flags.Definition) error {
					d.Description = "changed meanwhile"
					return nil
				}, "")
				require.NoError(t, err)
			}}, nil)
			_, err = step(set, t.Context(), "f", "now")
			require.ErrorIs(t, err, flags.ErrConflict)
			d, err := set.Flag("f")
			require.NoError(t, err)
			require.Equal(t, 1, d.Rollout.Ramp.Reached)
			require.Equal(t, flags.RampRunning, d.Rollout.Ramp.State)
		})
	}
}

func TestAChangeThatGivesUpWithAConflictIsRefused(t *testing.T) {
	t.Parallel()
	set := load(t, `{"key":"f","type":"bool"}`)
	_, err := set.Edit(t.Context(), "f", func(*flags.Definition) error { return flags.ErrConflict }, "")
	require.ErrorIs(t, err, flags.ErrConflict)
}

// restored is a store that may be taken back to another, as a database is to its backup.
type restored struct {
	mu sync.Mutex
	flags.Store
}

func (r *restored) now() flags.Store {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Store
}

func (r *restored) Load(ctx context.Context, since int64) (flags.Update, error) {
	return r.now().Load(ctx, since)
}

func (r *restored) Write(ctx context.Context, w flags.Write) (int64, error) {
	return r.now().Write(ctx, w)
}

func TestAStoreThatWasRestoredIsReadAnew(t *testing.T) {
	t.Parallel()
	store := &restored{Store: flags.NewMemoryStore(nil)}
	for _, key := range []string{"f", "g", "lost"} {
		put(t, store, onFlag(key, "on"))
	}
	set := flags.NewSet(store, nil)
	require.NoError(t, set.Load(t.Context()))
	backup := flags.NewMemoryStore(nil)
	put(t, backup, onFlag("f", "off"))
	store.mu.Lock()
	store.Store = backup
	store.mu.Unlock()

	var events []flags.Event
	defer set.Watch(func(e flags.Event) { events = append(events, e) })()
	require.NoError(t, set.Load(t.Context()))
	require.EqualValues(t, 1, set.Revision())
	require.False(t, flags.Bool("f", true).On(t.Context(), set))
	require.Equal(t, flags.CodeNotFound, set.Evaluate("lost", &flags.Who{}).Code)
	require.Equal(t, []string{"f", "g", "lost"}, events[0].Keys)
	_, err := set.SetDisabled(t.Context(), "f", true, "off with it")
	require.NoError(t, err, "what is stored can be written again")
}

func TestAReasonThatCannotBeStoredStopsNoRollback(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.run(s.set)()
		s.ramp(s.days())
		s.until(time.Hour)
		s.guard.Say(tenon.Verdict{Outcome: tenon.Fail, Reasons: []string{"the answer was \xff\x00 and no more"}}, nil)
		s.until(2 * time.Hour)
		s.requireAt(0, flags.RampRolledBack)
		changes := s.recorder.Changes()
		require.Equal(t, "the answer was  and no more", changes[len(changes)-1].Reason)
		require.Equal(t, "the answer was  and no more\nIt stays there until a person resumes it.", s.notifier.Notifications()[0].Text)
	})
}

func TestTheLastStageIsNotDoneUnlessItsGuardsPass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		stop := s.run(s.set)
		s.ramp(s.days())
		s.until(7*day + time.Hour)
		s.requireAt(100, flags.RampRunning)
		stop() // nobody watches, for longer than the watch
		s.until(9 * day)
		s.guard.Say(tenon.Verdict{Outcome: tenon.Hold, Reasons: []string{"no data"}}, nil)
		defer s.run(s.set)()
		s.until(9*day + time.Hour)
		s.requireAt(100, flags.RampRunning)
		require.Equal(t, []string{"no data"}, s.set.Ramps()[0].Holding)
		s.guard.Say(tenon.Verdict{Outcome: tenon.Fail}, nil)
		s.until(9*day + 2*time.Hour)
		s.requireAt(50, flags.RampRolledBack)
	})
}

func TestAChangeIsToldOfTheFlagsThatNeedIt(t *testing.T) {
	t.Parallel()
	set := load(t, `{"key":"base","type":"bool"}`, `{"key":"other","type":"bool"}`,
		`{"key":"middle","type":"bool","default":"on","prerequisites":[{"flag":"base","variants":["on"]}]}`,
		`{"key":"top","type":"bool","default":"on","prerequisites":[{"flag":"middle","variants":["on"]}]}`)
	var last flags.Event
	defer set.Watch(func(e flags.Event) { last = e })()
	_, err := set.Edit(t.Context(), "base", func(d *flags.Definition) error { d.Default = "on"; return nil }, "")
	require.NoError(t, err)
	require.Equal(t, []string{"base", "middle", "top"}, last.Keys)
}

func TestACycleOfOthersStopsNoWrite(t *testing.T) {
	t.Parallel()
	store := flags.NewMemoryStore(nil)
	put(t, store, onFlag("c", "on"))
	var records []flags.Record
	for key, needs := range map[string]string{"a": "b", "b": "a"} {
		body := `{"key":"` + key + `","type":"bool","prerequisites":[{"flag":"` + needs + `","variants":["on"]},{"flag":"c","variants":["on"]}]}`
		records = append(records, flags.Record{Kind: flags.KindFlag, Key: key, Version: 1, Body: json.RawMessage(body)})
	}
	_, err := store.Write(t.Context(), flags.Write{Base: 1, Records: records})
	require.NoError(t, err)
	set := flags.NewSet(store, nil)
	_, err = set.SetDisabled(t.Context(), "c", true, "")
	require.NoError(t, err)
	_, err = set.Edit(t.Context(), "a", func(d *flags.Definition) error { d.Prerequisites = nil; return nil }, "repaired")
	require.NoError(t, err)
	_, err = set.Edit(t.Context(), "a", func(d *flags.Definition) error {
		d.Prerequisites = []flags.Prerequisite{{Flag: "b", Variants: []string{"on"}}}
		return nil
	}, "")
	require.ErrorIs(t, err, tenon.ErrInvalid)
}
