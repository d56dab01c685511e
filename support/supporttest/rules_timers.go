package supporttest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/support"
)

// timer is one that is due, or not for a long time.
func timer(key string, due bool) support.Timer {
	at := tenon.Instant(time.Now().Add(24 * time.Hour))
	if due {
		at = tenon.Instant(time.Now().Add(-24 * time.Hour))
	}
	return support.Timer{
		TimerRef: support.TimerRef{Tenant: "acme", Key: key}, At: at, Kind: "test", Payload: json.RawMessage(`{"key":"` + key + `"}`),
	}
}

// claim claims at most limit timers for a minute, or for as long as given.
func (r *rig) claim(limit int, lasts ...time.Duration) (lease string, got support.Claimed) {
	r.t.Helper()
	c := support.Claim{Lease: tenon.NewID(time.Now()), For: time.Minute, Kinds: []string{"test", "other"}, Limit: limit}
	for _, d := range lasts {
		c.For = d
	}
	got, err := r.store.Claim(r.ctx(), c)
	r.must(err)
	return c.Lease, got
}

func (r *rig) schedule(timers ...support.Timer) {
	r.t.Helper()
	r.must(r.store.Schedule(r.ctx(), timers))
}

// work ends timers, and keeps a trace that it did.
func (r *rig) work(lease string, held []support.Held) error {
	return r.store.Work(r.ctx(), lease, held, func(ctx context.Context, s support.Store) error {
		_, err := s.KeepProgress(ctx, support.Progress{
			Viewer: support.Viewer{Tenant: "acme", User: "worker"}, Tour: held[0].Key, Version: 1, At: noon,
		})
		return err
	})
}

// worked counts the traces of work.
func (r *rig) worked(want int) {
	r.t.Helper()
	kept, err := r.store.Progress(r.ctx(), support.Viewer{Tenant: "acme", User: "worker"})
	r.must(err)
	equal(r.t, "works that were kept", len(kept), want)
}

func keys(held []support.Held) (all []string) {
	for _, h := range held {
		all = append(all, h.Key)
	}
	return all
}

var timerRules = group{"timers", []rule{
	{
		"a_timer_is_claimed_when_it_is_due",
		"Not before; the oldest first, whole, and to one alone.",
		func(r *rig) {
			early, late := timer("early", true), timer("late", true)
			early.At = early.At.Add(-time.Hour)
			r.schedule(late, timer("future", false), early)
			_, got := r.claim(10)
			equal(r.t, "claimed", keys(got.Timers), []string{"early", "late"})
			equal(r.t, "the timer", text(got.Timers[0].Timer), text(early))
			_, got = r.claim(10)
			equal(r.t, "claimed again", len(got.Timers), 0)
			if got.Next < 23*time.Hour || got.Next > 24*time.Hour {
				r.t.Fatalf("the next is due in %s", got.Next)
			}
		},
	},
	{
		"scheduling_again_takes_the_place_of_the_old",
		"By tenant and key, also several at once, of which the last counts.",
		func(r *rig) {
			r.schedule(timer("a", true))
			moved := timer("a", false)
			other := timer("a", true)
			other.Tenant = "zenith"
			r.schedule(timer("a", true), moved, other)
			_, got := r.claim(10)
			equal(r.t, "tenants claimed", len(got.Timers), 1)
			equal(r.t, "tenant", got.Timers[0].Tenant, "zenith")
		},
	},
	{
		"what_is_cancelled_does_not_fire",
		"Cancel says how many were there, under a lease too; work on them is undone.",
		func(r *rig) {
			r.schedule(timer("a", true), timer("b", false))
			lease, got := r.claim(10)
			refs := []support.TimerRef{timer("a", true).TimerRef, timer("b", true).TimerRef, timer("c", true).TimerRef}
			n, err := r.store.Cancel(r.ctx(), refs)
			r.must(err)
			equal(r.t, "cancelled", n, 2)
			n, err = r.store.Cancel(r.ctx(), refs)
			r.must(err)
			equal(r.t, "cancelled again", n, 0)
			r.fails("work", r.work(lease, got.Timers), support.ErrLost)
			r.worked(0)
			_, got = r.claim(10, 0)
			equal(r.t, "claimed", len(got.Timers), 0)
			r.schedule(timer("a", true))
			_, got = r.claim(10)
			equal(r.t, "claimed when scheduled anew", keys(got.Timers), []string{"a"})
		},
	},
	{
		"work_and_the_end_of_its_timers_are_one",
		"What f wrote is kept and the timers are gone; or f failed, nothing is kept and they are there.",
		func(r *rig) {
			r.schedule(timer("a", true), timer("b", true))
			lease, got := r.claim(10)
			broken := errors.New("broken")
			err := r.store.Work(r.ctx(), lease, got.Timers, func(ctx context.Context, s support.Store) error {
				if err := s.Schedule(ctx, []support.Timer{timer("c", true)}); err != nil {
					return err
				}
				return broken
			})
			r.fails("work", err, broken)
			_, again := r.claim(10)
			equal(r.t, "claimed meanwhile", len(again.Timers), 0)
			r.must(r.work(lease, got.Timers))
			r.worked(1)
			r.fails("work twice", r.work(lease, got.Timers), support.ErrLost)
			r.worked(1)
		},
	},
	{
		"a_timer_that_moves_under_work_is_lost_to_it",
		"Somebody else schedules it anew: the work is undone, and the new one fires.",
		func(r *rig) {
			r.schedule(timer("a", true))
			lease, got := r.claim(10)
			r.schedule(timer("a", true))
			r.fails("work", r.work(lease, got.Timers), support.ErrLost)
			r.worked(0)
			_, got = r.claim(10)
			equal(r.t, "attempts", got.Timers[0].Attempts, 1)
		},
	},
	{
		"work_may_schedule_and_cancel_its_own_timer",
		"What f does to a timer that it works on is its own affair.",
		func(r *rig) {
			r.schedule(timer("again", true), timer("off", true), timer("both", true), timer("plain", true))
			lease, got := r.claim(10)
			r.must(r.store.Work(r.ctx(), lease, got.Timers, func(ctx context.Context, s support.Store) error {
				_, err := s.Cancel(ctx, []support.TimerRef{timer("off", true).TimerRef, timer("both", true).TimerRef})
				if err != nil {
					return err
				}
				return s.Schedule(ctx, []support.Timer{timer("again", true), timer("both", true), timer("new", true)})
			}))
			_, got = r.claim(10)
			equal(r.t, "timers left", len(got.Timers), 3)
		},
	},
	{
		"a_lease_ends",
		"When it is over another claim gets the timer, alone, and the first worker's work is undone.",
		func(r *rig) {
			r.schedule(timer("a", true), timer("b", true))
			lease, first := r.claim(10, 0)
			equal(r.t, "claimed", len(first.Timers), 2)
			second, got := r.claim(10)
			equal(r.t, "claimed again", len(got.Timers), 1)
			equal(r.t, "attempts", got.Timers[0].Attempts, 2)
			r.fails("work under the old lease", r.work(lease, first.Timers), support.ErrLost)
			r.must(r.work(second, got.Timers))
			r.worked(1)
		},
	},
	{
		"a_failure_puts_off_or_gives_up",
		"A failed timer comes back after its delay; a dead one is kept with the reason, and may be revived.",
		func(r *rig) {
			r.schedule(timer("late", true), timer("dead", true), timer("undone", true))
			lease, got := r.claim(10)
			var failures []support.Failure
			for _, h := range got.Timers {
				failures = append(failures, support.Failure{
					Held: h, Reason: "no route", After: time.Hour, Dead: h.Key == "dead", Undo: h.Key == "undone",
				})
			}
			r.must(r.store.Fail(r.ctx(), lease, failures))
			r.must(r.store.Fail(r.ctx(), lease, failures))
			_, got = r.claim(10)
			equal(r.t, "claimed", keys(got.Timers), []string{"undone"})
			equal(r.t, "attempts", got.Timers[0].Attempts, 1)
			reviewer, ok := r.store.(support.TimerReviewer)
			if !ok {
				return
			}
			dead, err := reviewer.DeadTimers(r.ctx(), 10)
			r.must(err)
			equal(r.t, "dead", len(dead), 1)
			equal(r.t, "reason", dead[0].Reason, "no route")
			equal(r.t, "the timer", text(dead[0].TimerRef), text(timer("dead", true).TimerRef))
			tallies, err := reviewer.TallyTimers(r.ctx())
			r.must(err)
			equal(r.t, "counted", []int64{tallies[0].Waiting, tallies[0].Due, tallies[0].Dead}, []int64{2, 0, 1})
			r.must(reviewer.ReviveTimer(r.ctx(), dead[0].TimerRef))
			r.fails("revive again", reviewer.ReviveTimer(r.ctx(), dead[0].TimerRef), support.ErrUnknownTimer)
			_, got = r.claim(10)
			equal(r.t, "claimed when revived", keys(got.Timers), []string{"dead"})
		},
	},
	{
		"what_was_given_up_is_listed_oldest_first",
		"At most as many as asked for; and timers are counted by kind.",
		func(r *rig) {
			reviewer, ok := r.store.(support.TimerReviewer)
			if !ok {
				return
			}
			for _, key := range []string{"z", "a"} {
				one := timer(key, true)
				one.Kind = map[string]string{"z": "test", "a": "other"}[key]
				r.schedule(one)
				lease, got := r.claim(1)
				r.must(r.store.Fail(r.ctx(), lease, []support.Failure{{Held: got.Timers[0], Reason: key, Dead: true}}))
				given := time.Now()
				r.until("time passes", func() bool { return time.Since(given) > time.Millisecond })
			}
			for limit, want := range map[int][]string{1: {"z"}, 2: {"z", "a"}, 3: {"z", "a"}} {
				dead, err := reviewer.DeadTimers(r.ctx(), limit)
				r.must(err)
				var reasons []string
				for _, d := range dead {
					reasons = append(reasons, d.Reason)
				}
				equal(r.t, "dead", reasons, want)
			}
			tallies, err := reviewer.TallyTimers(r.ctx())
			r.must(err)
			equal(r.t, "counted", tallies, []support.TimerTally{{Kind: "other", Dead: 1}, {Kind: "test", Dead: 1}})
		},
	},
	{
		"claims_are_of_one_kind",
		"Of the kinds asked for, the one whose oldest has waited longest; no other.",
		func(r *rig) {
			oldest, foreign := timer("o", true), timer("f", true)
			oldest.Kind, oldest.At = "other", oldest.At.Add(-time.Hour)
			foreign.Kind = "foreign"
			r.schedule(timer("a", true), oldest, foreign)
			_, got := r.claim(10)
			equal(r.t, "claimed", keys(got.Timers), []string{"o"})
			_, got = r.claim(10)
			equal(r.t, "claimed then", keys(got.Timers), []string{"a"})
			_, got = r.claim(10)
			equal(r.t, "claimed last", len(got.Timers), 0)
		},
	},
	{
		"bad_timers_are_refused",
		"By the field, and nothing is written, not even those beside them.",
		func(r *rig) {
			timers, err := support.NewTimers(r.store, nil, nil)
			r.must(err)
			newYork := time.FixedZone("", -5*60*60)
			for _, c := range []struct {
				field string
				spoil func(*support.Timer)
			}{
				{"key", func(t *support.Timer) { t.Key = "" }},
				{"key", func(t *support.Timer) { t.Key = "a\x00" }},
				{"kind", func(t *support.Timer) { t.Kind = "" }},
				{"kind", func(t *support.Timer) { t.Kind = strings.Repeat("x", 513) }},
				{"tenant", func(t *support.Timer) { t.Tenant = "\xff" }},
				{"at", func(t *support.Timer) { t.At = time.Time{} }},
				{"at", func(t *support.Timer) { t.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }},
				{"at", func(t *support.Timer) { t.At = time.Date(9999, 12, 31, 23, 0, 0, 0, newYork) }},
				{"payload", func(t *support.Timer) { t.Payload = json.RawMessage("{") }},
				{"payload", func(t *support.Timer) { t.Payload = json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`) }},
			} {
				bad := timer("a", true)
				c.spoil(&bad)
				r.refuses(c.field, timers.Schedule(r.ctx(), timer("b", true), bad))
			}
			for field, ref := range map[string]support.TimerRef{"key": {Key: "a\x00"}, "tenant": {Tenant: "\xff", Key: "a"}} {
				_, err := timers.Cancel(r.ctx(), timer("a", true).TimerRef, ref)
				r.refuses(field, err)
				if _, ok := r.store.(support.TimerReviewer); ok {
					r.refuses(field, timers.Revive(r.ctx(), ref))
				}
			}
			_, got := r.claim(10)
			equal(r.t, "claimed", len(got.Timers), 0)
			if got.Next >= 0 {
				r.t.Fatalf("the next is due in %s", got.Next)
			}
		},
	},
}}
