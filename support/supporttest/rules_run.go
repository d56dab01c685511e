package supporttest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/transbotai/tenon/support"
)

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
		"the_findings_timers_tell_what_is_late",
		"What was to be fixed before timers ran is told of as soon as they do, and so is an acceptance that has ended.",
		func(r *rig) {
			r.now = time.Now().Add(-8 * day)
			late, lapsed := r.finding(support.Critical), r.finding(support.Low)
			a := support.Acceptance{Approver: "cto", Reason: "internal", Until: r.now.Add(day)}
			r.found(r.findings().Accept(r.ctx(), lapsed, a))
			findings := support.NewFindings(r.store, nil)
			timers, err := support.NewTimers(r.store, findings.Work(), &support.TimersOptions{Workers: 1, Drain: time.Minute})
			r.must(err)
			stop := r.running(timers)
			r.until("both are told of", func() bool { return timers.Stats().Fired == 2 })
			stop()
			r.told("support.finding_lapsed", "support.finding_overdue")
			equal(r.t, "the late one is told of", r.found(findings.Get(r.ctx(), late)).ToldLate, true)
			again := r.found(findings.Get(r.ctx(), lapsed))
			equal(r.t, "the other's state", again.State, support.FindingOpen)
			equal(r.t, "who answers for it", again.Accepted, (*support.Acceptance)(nil))
		},
	},
	{
		"a_job_without_a_handler_is_refused",
		"So is one with two, or of no kind; and timers that are bound to a store do not run.",
		func(r *rig) {
			each := func(context.Context, support.Store, support.Timer) error { return nil }
			batch := func(context.Context, support.Store, []support.Timer) error { return nil }
			for _, work := range []support.Work{{"test": {}}, {"test": {Each: each, Batch: batch}}, {"": {Each: each}}} {
				_, err := support.NewTimers(r.store, work, nil)
				r.refuses("work", err)
			}
			timers, err := support.NewTimers(r.store, support.Work{"test": {Each: each}}, nil)
			r.must(err)
			r.refuses("store", timers.WithStore(r.store).Run(r.ctx()))
		},
	},
	{
		"a_batch_is_handled_at_once_or_one_by_one",
		"When a batch fails its timers are handled alone: those that can be end, and nothing is kept of the others.",
		func(r *rig) {
			broken := errors.New("broken")
			var mu sync.Mutex
			var sizes []int
			work := support.Work{"test": {Batch: func(ctx context.Context, s support.Store, timers []support.Timer) error {
				mu.Lock()
				sizes = append(sizes, len(timers))
				mu.Unlock()
				for _, t := range timers {
					_, err := s.KeepProgress(ctx, support.Progress{
						Viewer: support.Viewer{Tenant: "acme", User: "worker"}, Tour: t.Key, Version: 1, At: noon,
					})
					if err != nil {
						return err
					}
					if t.Key == "2" {
						return broken
					}
				}
				return nil
			}}}
			for n := range 5 {
				r.schedule(timer(fmt.Sprint(n), true))
			}
			timers, err := support.NewTimers(r.store, work, &support.TimersOptions{Workers: 1, Attempts: 1, Drain: time.Minute})
			r.must(err)
			stop := r.running(timers)
			r.until("the others fired", func() bool { return timers.Stats().Fired == 4 })
			stop()
			r.worked(4)
			equal(r.t, "sizes", sizes, []int{5, 1, 1, 1, 1, 1})
			_, got := r.claim(10)
			equal(r.t, "timers left to claim", len(got.Timers), 0)
		},
	},
	{
		"an_attempt_whose_process_died_counts",
		"A timer that its workers died of is given up without another, and says why.",
		func(r *rig) {
			reviewer, ok := r.store.(support.TimerReviewer)
			if !ok {
				return
			}
			r.schedule(timer("a", true))
			for range 2 {
				_, got := r.claim(10, 0)
				equal(r.t, "claimed", len(got.Timers), 1)
			}
			work := support.Work{"test": {Each: func(context.Context, support.Store, support.Timer) error {
				r.t.Error("it was tried again")
				return nil
			}}}
			timers, err := support.NewTimers(r.store, work, &support.TimersOptions{
				Attempts: 2, Poll: time.Millisecond, Drain: time.Minute,
			})
			r.must(err)
			r.running(timers)
			r.until("it is given up", func() bool {
				dead, err := reviewer.DeadTimers(r.ctx(), 10)
				r.must(err)
				return len(dead) == 1 && dead[0].Reason == "2 attempts ended without an answer"
			})
		},
	},
}}
