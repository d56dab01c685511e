package flagstest

import (
	"context"
	"errors"
	"testing"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
)

var writeRules = group{"write", []rule{
	{
		"each_write_has_the_next_revision",
		"Write returns a revision that is greater than every one before it, and all records of a write have it.",
		func(r *rig) {
			first := r.write(r.record("a", 1, `{}`))
			second := r.write(r.record("a", 2, `{}`), r.record("b", 1, `{}`))
			equal(r.t, "the revision grows", second > first, true)
			got, revision := r.load(0)
			equal(r.t, "the first record's revision", got[0].Revision, second)
			equal(r.t, "the second record's revision", got[1].Revision, second)
			equal(r.t, "the store's revision is at least it", revision >= second, true)
		},
	},
	{
		"a_write_from_an_older_revision_is_refused",
		"When the stored revision is not the base, Write returns ErrBehind and has written nothing.",
		func(r *rig) {
			first := r.write(r.record("a", 1, `{}`))
			for _, base := range []int64{first - 1, 0, first + 1000} {
				_, err := r.store.Write(r.ctx(), flags.Write{Base: base, Records: []flags.Record{r.record("b", 1, `{}`)}})
				is(r.t, "Write", err, flags.ErrBehind)
				is(r.t, "Write", err, tenon.ErrConflict)
			}
			got, _ := r.load(0)
			equal(r.t, "the number of records", len(got), 1)
			list(r.t, "the versions of b", r.versions("b", 0, 10), nil)
		},
	},
	{
		"a_cancelled_write_writes_nothing",
		"When the context is done before the call, an error is returned and nothing is written.",
		func(r *rig) {
			_, revision := r.load(0)
			ctx, cancel := context.WithCancel(r.ctx())
			cancel()
			_, err := r.store.Write(ctx, flags.Write{Base: revision, Records: []flags.Record{r.record("a", 1, `{}`)}})
			equal(r.t, "there is an error", err != nil, true)
			got, _ := r.load(0)
			equal(r.t, "the number of records", len(got), 0)
		},
	},
	{
		"reads_end_with_their_context",
		"When the context is done, reads return an error.",
		func(r *rig) {
			ctx, cancel := context.WithCancel(r.ctx())
			cancel()
			_, load := r.store.Load(ctx, 0)
			_, versions := r.store.Versions(ctx, flags.VersionQuery{Kind: flags.KindFlag, Key: r.key("a"), Limit: 1})
			_, marks := r.store.Marks(ctx)
			mark := r.store.Mark(ctx, []flags.Mark{{Flag: r.key("a"), Seen: noon}})
			for _, err := range []error{load, versions, marks, mark} {
				equal(r.t, "there is an error", err != nil, true)
			}
		},
	},
}}

// TestChanges checks that a store tells the recorder and the notifier of a write, in its transaction.
func TestChanges(t *testing.T, newStore func(t *testing.T, recorder tenon.Recorder, notifier tenon.Notifier) flags.Store) {
	for _, one := range []struct {
		name string
		run  func(r *rig, recorder *Recorder, notifier *Notifier)
	}{
		{"a_write_is_told", tellsAll},
		{"an_error_of_the_recorder_undoes_the_write", func(r *rig, recorder *Recorder, _ *Notifier) { undone(r, &recorder.faults) }},
		{"an_error_of_the_notifier_undoes_the_write", func(r *rig, _ *Recorder, notifier *Notifier) { undone(r, &notifier.faults) }},
		{"a_write_that_is_refused_is_told_to_nobody", tellsNothing},
	} {
		t.Run(one.name, func(t *testing.T) {
			recorder, notifier := &Recorder{}, &Notifier{}
			one.run(newRig(t, newStore(t, recorder, notifier)), recorder, notifier)
		})
	}
}

// told is a write that has something to tell.
func told(r *rig) flags.Write {
	return flags.Write{
		Records:       []flags.Record{r.record("a", 1, `{}`)},
		Changes:       []tenon.Change{{Action: "flags.changed", Target: "flag/a", At: noon}, {Action: "flags.changed", Target: "flag/b", At: noon}},
		Notifications: []tenon.Notification{{Key: "n1", Kind: "flags.rolled_back", At: noon}},
	}
}

func tellsAll(r *rig, recorder *Recorder, notifier *Notifier) {
	if _, err := r.tryWrite(told(r)); err != nil {
		r.t.Fatalf("Write: %v", err)
	}
	changes := recorder.Changes()
	equal(r.t, "the number of changes", len(changes), 2)
	equal(r.t, "the first change", changes[0].Target, "flag/a")
	equal(r.t, "the second change", changes[1].Target, "flag/b")
	equal(r.t, "the number of notifications", len(notifier.Notifications()), 1)
	equal(r.t, "the notification", notifier.Notifications()[0].Key, "n1")
}

func undone(r *rig, f *faults) {
	wrong := errors.New("no room")
	f.fail(wrong)
	_, before := r.load(0)
	_, err := r.tryWrite(told(r))
	is(r.t, "Write", err, wrong)
	got, after := r.load(0)
	equal(r.t, "the number of records", len(got), 0)
	equal(r.t, "the revision", after, before)
	f.fail(nil)
	if _, err := r.tryWrite(told(r)); err != nil {
		r.t.Fatalf("Write after it: %v", err)
	}
	got, _ = r.load(0)
	equal(r.t, "the number of records", len(got), 1)
}

func tellsNothing(r *rig, recorder *Recorder, notifier *Notifier) {
	r.write(r.record("z", 1, `{}`))
	w := told(r)
	_, err := r.store.Write(r.ctx(), w) // its base is 0
	is(r.t, "Write", err, flags.ErrBehind)
	equal(r.t, "the number of changes", len(recorder.Changes()), 0)
	equal(r.t, "the number of notifications", len(notifier.Notifications()), 0)
}
