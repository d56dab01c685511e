package supporttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
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
		"Input that cannot be right is an ErrInvalid.",
		func(r *rig) {
			timers, err := support.NewTimers(r.store, nil, nil)
			r.must(err)
			for name, spoil := range map[string]func(*support.Timer){
				"no key":   func(t *support.Timer) { t.Key = "" },
				"no kind":  func(t *support.Timer) { t.Kind = "" },
				"no time":  func(t *support.Timer) { t.At = time.Time{} },
				"no JSON":  func(t *support.Timer) { t.Payload = json.RawMessage("{") },
				"not text": func(t *support.Timer) { t.Key = "a\x00" },
			} {
				bad := timer("a", true)
				spoil(&bad)
				r.fails(name, timers.Schedule(r.ctx(), bad), tenon.ErrInvalid)
			}
		},
	},
}}

// running runs timers until the test is over, or stop is called.
func (r *rig) running(t *support.Timers) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- t.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("run: %v", err)
		}
	})
	r.t.Cleanup(stop)
	return stop
}

// until waits as long as a busy machine may take.
func (r *rig) until(what string, is func() bool) {
	r.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !is(); <-tick.C {
		if time.Now().After(end) {
			r.t.Fatalf("it did not happen: %s", what)
		}
	}
}

var runRules = group{"run", []rule{
	{
		"every_timer_fires_once_by_several_workers",
		"Two processes share the work; what handlers wrote is there once for each timer.",
		func(r *rig) {
			const count = 300
			seen := map[string]int{}
			var mu sync.Mutex
			work := support.Work{"test": {Size: 7, Each: func(_ context.Context, _ support.Store, t support.Timer) error {
				mu.Lock()
				defer mu.Unlock()
				seen[t.Key]++
				return nil
			}}}
			for n := range count {
				r.schedule(timer(fmt.Sprint(n), true))
			}
			for range 2 {
				timers, err := support.NewTimers(r.store, work, &support.TimersOptions{Poll: 5 * time.Millisecond, Drain: time.Minute})
				r.must(err)
				r.running(timers)
			}
			r.until("all fire", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return len(seen) == count
			})
		},
	},
	{
		"one_that_fails_does_not_stop_the_others",
		"Those beside it fire; it backs off, and is given up with the reason after its attempts.",
		func(r *rig) {
			reviewer, ok := r.store.(support.TimerReviewer)
			if !ok {
				return
			}
			for n := range 20 {
				r.schedule(timer(fmt.Sprint(n), true))
			}
			work := support.Work{"test": {Each: func(ctx context.Context, s support.Store, t support.Timer) error {
				if t.Key == "7" {
					panic("seven")
				}
				_, err := s.KeepProgress(ctx, support.Progress{
					Viewer: support.Viewer{Tenant: "acme", User: "worker"}, Tour: t.Key, Version: 1, At: noon,
				})
				return err
			}}}
			timers, err := support.NewTimers(r.store, work, &support.TimersOptions{
				Poll: time.Millisecond, Backoff: time.Millisecond, Attempts: 3, Drain: time.Minute,
			})
			r.must(err)
			stop := r.running(timers)
			r.until("it is given up", func() bool {
				dead, err := reviewer.DeadTimers(r.ctx(), 10)
				r.must(err)
				return len(dead) == 1 && dead[0].Attempts == 3 && dead[0].Reason == "support: the handler panicked: seven"
			})
			r.until("the others fired", func() bool { return timers.Stats().Fired == 19 })
			stop()
			r.worked(19)
		},
	},
	{
		"the_desks_timers_tell_what_is_due",
		"A ticket opened hours ago escalates as soon as timers run, and new rules reach every ticket.",
		func(r *rig) {
			r.now = time.Now().Add(-150 * time.Minute)
			old := r.open(support.P1)
			calm := r.open(support.P3)
			desk := support.NewDesk(r.store)
			timers, err := support.NewTimers(r.store, desk.Work(), &support.TimersOptions{Poll: 5 * time.Millisecond, Drain: time.Minute})
			r.must(err)
			r.running(timers)
			has := func(ref support.Ref, kind support.Kind) bool {
				t, err := desk.Get(r.ctx(), ref)
				r.must(err)
				for _, e := range t.History {
					if e.Kind == kind {
						return true
					}
				}
				return false
			}
			r.until("it escalates", func() bool { return has(old, support.Escalated) })
			if has(calm, support.Breached) {
				r.t.Fatal("the calm one is breached")
			}
			rules := support.DefaultRules()
			rules.Policies[0].Targets[support.P3] = support.Targets{Resolution: time.Hour}
			_, err = desk.SetRules(r.ctx(), rules, "stricter")
			r.must(err)
			r.until("the calm one is breached", func() bool { return has(calm, support.Breached) })
		},
	},
	{
		"a_job_without_a_handler_is_refused",
		"So is one with two.",
		func(r *rig) {
			_, err := support.NewTimers(r.store, support.Work{"test": {}}, nil)
			r.fails("no handler", err, tenon.ErrInvalid)
		},
	},
}}
