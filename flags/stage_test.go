package flags_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagstest"
)

const day = 24 * time.Hour

// stage is a store with what it tells, a guard, and instances that run on it. It lives in a synctest bubble.
type stage struct {
	t        *testing.T
	store    *flags.MemoryStore
	recorder flagstest.Recorder
	notifier flagstest.Notifier
	guard    flagstest.Guard
	start    time.Time
	set      *flags.Set // runs for the whole test
}

func newStage(t *testing.T, people ...string) *stage {
	t.Helper()
	s := &stage{t: t, start: time.Now().UTC()}
	s.store = flags.NewMemoryStore(&flags.MemoryOptions{Recorder: &s.recorder, Notifier: &s.notifier})
	s.set = s.instance(people...)
	require.NoError(t, s.set.Declare(t.Context(), flags.Definition{Key: "f", Type: flags.TypeBool}))
	return s
}

// instance returns another process's set.
func (s *stage) instance(people ...string) *flags.Set {
	return flags.NewSet(s.store, &flags.Options{
		Refresh: time.Hour, Every: 30 * time.Second, // fewer rounds in 30 days; the store tells of writes
		Guards: map[string]tenon.Guard{"slo": &s.guard}, Population: population(people...),
	})
}

// run runs a set until stop is called.
func (s *stage) run(set *flags.Set) (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = set.Run(ctx) })
	return func() {
		cancel()
		wg.Wait()
	}
}

func (s *stage) ramp(schedule flags.Schedule) {
	s.t.Helper()
	_, err := s.set.Ramp(s.t.Context(), "f", schedule, "ready")
	require.NoError(s.t, err)
}

// until lets time pass until d after the start, and a little more, so that what is due then has happened.
func (s *stage) until(d time.Duration) {
	time.Sleep(time.Until(s.start.Add(d + time.Minute)))
	synctest.Wait()
}

// at returns the percentage that is live, and the state.
func (s *stage) at() (float64, flags.RampState) {
	s.t.Helper()
	d, err := s.set.Flag("f")
	require.NoError(s.t, err)
	present, _ := d.Rollout.Ramp.Present()
	return present.Percent, d.Rollout.Ramp.State
}

func (s *stage) requireAt(percent float64, state flags.RampState) {
	s.t.Helper()
	p, st := s.at()
	require.InDelta(s.t, percent, p, 0)
	require.Equal(s.t, state, st)
}

func (s *stage) actions() (names []string) {
	for _, c := range s.recorder.Changes() {
		names = append(names, c.Action)
	}
	return names
}

// days returns the customer's schedule.
func (s *stage) days() flags.Schedule {
	return flags.Ramp(5, 50, 100).At(s.start, s.start.Add(day), s.start.Add(7*day)).Guard("slo")
}
