package slo_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/slo"
)

// pace is how often an event happens, and how often everything looks and flushes.
const (
	pace = 250 * time.Millisecond
	look = 2 * time.Second
)

// simulation is a service on two instances over one store, in the time of a bubble.
type simulation struct {
	t          *testing.T
	store      *slo.MemoryStore
	heard      *ears
	objectives []slo.Objective
	failing    func(n int) bool
	n          int
	stop       context.CancelFunc
	running    sync.WaitGroup
	recorders  []*slo.Recorder
}

// simulate starts a service whose traffic was good for as long as history.
func simulate(t *testing.T, history time.Duration, objectives ...slo.Objective) *simulation {
	t.Helper()
	s := &simulation{t: t, heard: &ears{}, objectives: objectives, failing: func(int) bool { return false }}
	s.store = slo.NewMemoryStore(&slo.MemoryOptions{Notifier: s.heard})
	_, err := slo.NewBoard(s.store, nil).Define(t.Context(), objectives...)
	require.NoError(t, err)
	var minutes []slo.Minute
	perMinute := int64(time.Minute / pace)
	now := time.Now().UTC().Truncate(time.Minute)
	for at := now.Add(-history); at.Before(now); at = at.Add(time.Minute) {
		for _, o := range objectives {
			minutes = append(minutes, slo.Minute{
				Key: o.Key, Measure: o.Measure(), At: at, Instance: "before", Good: perMinute, Valid: perMinute, Closed: true,
			})
		}
	}
	require.NoError(t, s.store.Record(t.Context(), minutes))
	s.start()
	return s
}

func (s *simulation) start() {
	ctx, cancel := context.WithCancel(s.t.Context())
	s.stop, s.recorders = cancel, nil
	for range 2 {
		r, err := slo.NewRecorder(s.store, s.objectives, &slo.RecorderOptions{Flush: look})
		require.NoError(s.t, err)
		b := slo.NewBoard(s.store, &slo.Options{Every: look})
		s.recorders = append(s.recorders, r)
		s.running.Go(func() { _ = r.Run(ctx) })
		s.running.Go(func() { _ = b.Run(ctx) })
	}
}

func (s *simulation) restart() {
	s.stop()
	s.running.Wait()
	s.start()
}

// play lets traffic flow for d.
func (s *simulation) play(d time.Duration) {
	for until := time.Now().Add(d); time.Now().Before(until); time.Sleep(pace) {
		outcome := slo.Good
		if s.failing(s.n) {
			outcome = slo.Bad
		}
		s.recorders[s.n%2].Observe(outcome, time.Millisecond)
		s.n++
	}
}

// told returns when notifications of the kind and state about the objective came.
func (s *simulation) told(kind, objective, state string) []time.Time {
	var at []time.Time
	for _, n := range s.heard.all() {
		if n.Kind == kind && n.Data["objective"] == objective && n.Data["state"] == state {
			at = append(at, n.At)
		}
	}
	return at
}

// within fails unless something came once, no sooner than the formula says (to an event), and no later than a minute more of window,
// a flush and a look allow.
func within(t *testing.T, at []time.Time, begin time.Time, formula, window time.Duration) {
	t.Helper()
	require.Len(t, at, 1)
	got := at[0].Sub(begin)
	require.GreaterOrEqual(t, got, formula-pace)
	late := formula + time.Duration(float64(formula)*float64(time.Minute)/float64(window))
	require.LessOrEqual(t, got, late+3*look)
}

// single is 99.9 % over 30 days with one of the Workbook's tiers.
func single(name string, tier int) slo.Objective {
	o := monthly()
	o.Name, o.Advisory, o.BudgetAlerts = name, true, []slo.PPM{}
	o.Tiers = slo.StandardTiers(30 * day)[tier : tier+1]
	return o
}

func TestOutagesAreDetectedAndResetAsTheWorkbookSays(t *testing.T) {
	t.Parallel()
	for every, length := range map[int]time.Duration{1: 6 * time.Minute, 10: 24 * time.Minute} {
		t.Run(fmt.Sprint("one_fails_of_", every), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, b := single("a", 0), single("b", 1)
				s := simulate(t, 7*time.Hour, a, b)
				s.play(17 * time.Second)
				begin, errors := time.Now(), slo.Whole/slo.PPM(every)
				s.failing = func(n int) bool { return n%every == 0 }
				s.play(30 * time.Second)
				s.restart()
				s.play(length)
				for _, o := range []slo.Objective{a, b} {
					formula, ok := o.Tiers[0].Detects(o.Target, errors)
					require.True(t, ok)
					if every > 1 {
						formula = formula.Truncate(pace * 10) // one bad event in ten is not steady below ten
					}
					within(t, s.told("slo.alert", o.Name, "opened"), begin, formula, o.Tiers[0].Long)
					require.Empty(t, s.told("slo.alert", o.Name, "resolved"))
				}
				end := time.Now()
				s.failing = func(int) bool { return false }
				s.restart()
				s.play(7 * time.Minute)
				resets, ok := a.Tiers[0].Resets(a.Target, errors)
				require.True(t, ok)
				at := s.told("slo.alert", a.Name, "resolved")
				require.Len(t, at, 1)
				require.GreaterOrEqual(t, at[0].Sub(end), resets-time.Minute)
				require.LessOrEqual(t, at[0].Sub(end), resets+time.Minute+10*pace+3*look)
				require.Empty(t, s.told("slo.alert", b.Name, "resolved"), "its short window is half an hour")
				s.stop()
				s.running.Wait()
			})
		})
	}
}

func TestErrorsAtTheTargetNeverFire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := simulate(t, 2*time.Hour, single("a", 0))
		s.failing = func(n int) bool { return n%1000 == 0 }
		s.play(30 * time.Minute)
		s.stop()
		s.running.Wait()
		require.Empty(t, s.heard.all())
	})
}

func TestADayAt999FreezesAfter43SecondsOfOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := uptime()
		o.Tiers = []slo.Tier{}
		s := simulate(t, 25*time.Hour, o)
		s.play(31 * time.Second)
		begin := time.Now()
		s.failing = func(int) bool { return true }
		s.play(43 * time.Second)
		require.Empty(t, s.heard.all())
		s.play(60 * time.Second)
		s.stop()
		s.running.Wait()
		var frozen []time.Time
		for _, n := range s.heard.all() {
			if n.Kind == "slo.freeze" {
				frozen = append(frozen, n.At)
			}
		}
		within(t, frozen, begin, seconds(43.2), day)
		within(t, s.told("slo.alert", "uptime", "opened"), begin, seconds(43.2), day)
		within(t, s.told("slo.alert", "uptime", "escalated"), begin, seconds(86.4), day)
	})
}
