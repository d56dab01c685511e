package flags_test

import (
	"context"
	"errors"
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

func TestARampGoesThroughItsStages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.run(s.set)()
		all := tenants(1000)
		s.ramp(s.days())
		require.Zero(t, share(s.set, "f", all), "0 % before the first stage")
		s.until(0)
		s.requireAt(5, flags.RampRunning)
		require.InDelta(t, 50, share(s.set, "f", all), 25)
		s.until(day - 2*time.Minute)
		s.requireAt(5, flags.RampRunning)
		s.until(day)
		s.requireAt(50, flags.RampRunning)
		require.InDelta(t, 500, share(s.set, "f", all), 60)
		s.until(7 * day)
		s.requireAt(100, flags.RampRunning)
		require.Equal(t, 1000, share(s.set, "f", all))
		s.until(8*day + time.Minute)
		s.requireAt(100, flags.RampDone)
		require.Equal(t, []string{
			"flags.declared", "flags.ramp_started", "flags.ramp_advanced", "flags.ramp_advanced", "flags.ramp_advanced", "flags.ramp_finished",
		}, s.actions())
		require.Empty(t, s.notifier.Notifications())
		require.EqualValues(t, 3, s.set.Stats().Advanced)
	})
}

func TestAFailingGuardTakesTheRampBackAndItStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.run(s.set)()
		s.ramp(s.days())
		s.until(day)
		s.requireAt(50, flags.RampRunning)
		s.guard.Say(tenon.Verdict{Outcome: tenon.Fail, Reasons: []string{"uptime is below its target"}}, nil)
		s.until(day + time.Hour)
		s.requireAt(5, flags.RampRolledBack)
		require.InDelta(t, 50, share(s.set, "f", tenants(1000)), 25)

		told := s.notifier.Notifications()
		require.Len(t, told, 1)
		require.Equal(t, tenon.SeverityCritical, told[0].Severity)
		require.Equal(t, "flags.rolled_back", told[0].Kind)
		require.Equal(t, "The rollout of f went back from 50 % to 5 %", told[0].Title)
		require.Contains(t, told[0].Text, "uptime is below its target")
		changes := s.recorder.Changes()
		last := changes[len(changes)-1]
		require.Equal(t, "flags.rolled_back", last.Action)
		require.Equal(t, "flag/f", last.Target)
		require.Equal(t, "uptime is below its target", last.Reason)
		require.NotNil(t, last.Before)

		s.guard.Say(tenon.Verdict{Outcome: tenon.Pass}, nil)
		s.until(3 * day)
		s.requireAt(5, flags.RampRolledBack)
		require.Len(t, s.notifier.Notifications(), 1)

		_, err := s.set.Resume(t.Context(), "f", "repaired")
		require.NoError(t, err)
		s.until(4*day - 10*time.Minute)
		s.requireAt(5, flags.RampRunning)
		s.until(4*day + time.Minute)
		s.requireAt(50, flags.RampRunning)
		s.until(9 * day)
		s.requireAt(50, flags.RampRunning)
		s.until(10*day + 2*time.Minute)
		s.requireAt(100, flags.RampRunning)
	})
}

func TestAFailureInTheFirstStageTakesItToNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.run(s.set)()
		s.ramp(s.days())
		s.until(0)
		s.guard.Say(tenon.Verdict{Outcome: tenon.Fail}, nil)
		s.until(time.Hour)
		s.requireAt(0, flags.RampRolledBack)
		require.Zero(t, share(s.set, "f", tenants(1000)))
	})
}

func TestTheLastStageIsGuardedToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.run(s.set)()
		s.ramp(s.days())
		s.until(7*day + time.Hour)
		s.requireAt(100, flags.RampRunning)
		s.guard.Say(tenon.Verdict{Outcome: tenon.Fail}, nil)
		s.until(7*day + 2*time.Hour)
		s.requireAt(50, flags.RampRolledBack)
	})
}

func TestAGuardThatDoesNotPassHoldsTheRamp(t *testing.T) {
	t.Parallel()
	for name, say := range map[string]struct {
		verdict tenon.Verdict
		err     error
		why     string
	}{
		"it_holds":             {tenon.Verdict{Outcome: tenon.Hold, Reasons: []string{"no data"}}, nil, "no data"},
		"it_cannot_tell":       {tenon.Verdict{Outcome: tenon.Pass}, errors.New("no route"), "guard slo could not tell: no route"},
		"it_speaks_in_riddles": {tenon.Verdict{Outcome: "perhaps"}, nil, `guard slo said "perhaps"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				defer s.run(s.set)()
				s.ramp(s.days())
				s.until(time.Hour)
				s.requireAt(5, flags.RampRunning)
				s.guard.Say(say.verdict, say.err)
				s.until(3 * day)
				s.requireAt(5, flags.RampRunning)
				require.Equal(t, []string{say.why}, s.set.Ramps()[0].Holding)
				s.guard.Say(tenon.Verdict{Outcome: tenon.Pass}, nil)
				s.until(3*day + time.Hour)
				s.requireAt(50, flags.RampRunning)
				require.Empty(t, s.set.Ramps()[0].Holding)
				s.until(7 * day)
				s.requireAt(50, flags.RampRunning)
				s.until(9*day + time.Hour)
				s.requireAt(100, flags.RampRunning)
				require.Empty(t, s.notifier.Notifications())
			})
		})
	}
}

func TestAGuardThatIsNotKnownHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.run(s.set)()
		s.ramp(flags.Ramp(5, 100).Every(time.Hour).Guard("slo", "somebody else's"))
		s.until(day)
		s.requireAt(0, flags.RampRunning)
		require.Equal(t, []string{"this process has no guard somebody else's"}, s.set.Ramps()[0].Holding)
	})
}

func TestInstancesThatRunAtOnceActOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.run(s.set)()
		var others []*flags.Set
		for range 3 {
			other := s.instance()
			others = append(others, other)
			defer s.run(other)()
		}
		s.ramp(s.days())
		s.until(2 * day)
		for _, other := range others {
			d, err := other.Flag("f")
			require.NoError(t, err)
			require.EqualValues(t, 4, d.Version, "declared, started, and two stages")
		}
		s.guard.Say(tenon.Verdict{Outcome: tenon.Fail, Reasons: []string{"bad"}}, nil)
		s.until(3 * day)
		s.requireAt(5, flags.RampRolledBack)
		require.Len(t, s.notifier.Notifications(), 1)
		require.Equal(t, []string{"flags.declared", "flags.ramp_started", "flags.ramp_advanced", "flags.ramp_advanced", "flags.rolled_back"}, s.actions())
		acted := s.set.Stats().RolledBack
		for _, other := range others {
			acted += other.Stats().RolledBack
		}
		require.EqualValues(t, 1, acted)
	})
}

func TestARestartGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		stop := s.run(s.set)
		s.ramp(s.days())
		s.until(time.Hour)
		s.requireAt(5, flags.RampRunning)
		stop()
		s.until(3 * day)
		s.requireAt(5, flags.RampRunning)
		s.set = s.instance()
		defer s.run(s.set)()
		s.until(3*day + time.Minute)
		s.requireAt(50, flags.RampRunning)
		s.until(9*day - time.Minute)
		s.requireAt(50, flags.RampRunning)
		s.until(9*day + time.Hour)
		s.requireAt(100, flags.RampRunning)
	})
}

func TestAnEndOfNobodyIsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, tenants(100)...)
		defer s.run(s.set)()
		s.ramp(flags.Ramp(100, 10, 0).Every(day).AtLeast(20))
		s.until(time.Hour)
		require.Equal(t, 100, share(s.set, "f", tenants(100)))
		s.until(day + time.Hour)
		require.Equal(t, 20, share(s.set, "f", tenants(100)))
		s.until(2*day + time.Hour)
		require.Zero(t, share(s.set, "f", tenants(100)))
		s.until(9 * day)
		s.requireAt(0, flags.RampDone)
		require.Zero(t, share(s.set, "f", tenants(100)))
	})
}

func TestAStageHasAtLeastSoManyTenants(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		people := tenants(40)
		s := newStage(t, people...)
		defer s.run(s.set)()
		s.ramp(flags.Ramp(0.1, 5, 50, 100).Every(day).AtLeast(2))
		var before []string
		for n := range 4 {
			s.until(time.Duration(n)*day + time.Hour)
			var now []string
			for _, tenant := range people {
				if flags.Bool("f", false).OnFor(s.set, &flags.Who{Tenant: tenant}) {
					now = append(now, tenant)
				}
			}
			require.GreaterOrEqual(t, len(now), 2)
			require.Subset(t, now, before, "cohorts nest")
			before = now
		}
		require.Len(t, before, 40)
		d, err := s.set.Flag("f")
		require.NoError(t, err)
		require.NotEmpty(t, d.Rollout.Ramp.Stages[0].Extra, "who was chosen is stored")
	})
}

func TestTheExtraTenantsAreThoseWithTheLowestBuckets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		people := tenants(40)
		s := newStage(t, people...)
		defer s.run(s.set)()
		s.ramp(flags.Ramp(0.0001).AtLeast(5))
		s.until(time.Hour)
		highest, lowest := uint32(0), ^uint32(0)
		for _, tenant := range people {
			hash := flags.Hash("f", tenant)
			if flags.Bool("f", false).OnFor(s.set, &flags.Who{Tenant: tenant}) {
				highest = max(highest, hash)
			} else {
				lowest = min(lowest, hash)
			}
		}
		require.Less(t, highest, lowest)
		require.Equal(t, 5, share(s.set, "f", people))
	})
}

func TestAStageThatNeedsAPopulationWaitsForIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.set = flags.NewSet(s.store, nil)
		defer s.run(s.set)()
		require.NoError(t, s.set.Load(t.Context()))
		s.ramp(flags.Ramp(5).AtLeast(2))
		s.until(time.Hour)
		s.requireAt(0, flags.RampRunning)
		require.Contains(t, s.set.Ramps()[0].Holding[0], "Options.Population")
	})
}

func TestAPersonMovesARamp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.run(s.set)()
		ctx := tenon.WithCaller(t.Context(), tenon.Caller{Actor: "ann"})
		must := func(_ flags.Definition, err error) { t.Helper(); require.NoError(t, err) }
		s.ramp(flags.Ramp(5, 50, 100))
		s.until(day)
		s.requireAt(5, flags.RampRunning)
		must(s.set.Advance(ctx, "f", "looks good"))
		s.requireAt(50, flags.RampRunning)
		must(s.set.Pause(ctx, "f", "weekend"))
		s.requireAt(50, flags.RampPaused)
		_, err := s.set.Pause(ctx, "f", "again")
		require.ErrorIs(t, err, flags.ErrNoRamp)
		must(s.set.Resume(ctx, "f", "monday"))
		must(s.set.Rollback(ctx, "f", "complaints"))
		s.requireAt(5, flags.RampRolledBack)
		require.Equal(t, tenon.SeverityWarning, s.notifier.Notifications()[0].Severity)
		must(s.set.Advance(ctx, "f", "solved"))
		must(s.set.Advance(ctx, "f", "on"))
		s.requireAt(100, flags.RampRunning)
		_, err = s.set.Advance(ctx, "f", "and on")
		require.ErrorIs(t, err, flags.ErrNoRamp)
		require.ErrorIs(t, err, tenon.ErrConflict)
		versions, err := s.set.Versions(ctx, "f", 0, 3)
		require.NoError(t, err)
		require.Equal(t, "ann", versions[0].By)
		require.Equal(t, "on", versions[0].Reason)
		_, err = s.set.Advance(ctx, "g", "")
		require.ErrorIs(t, err, flags.ErrUnknownFlag)
	})
}

func TestAPausedRampAsksNobodyAndAKillSwitchStopsOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.run(s.set)()
		s.ramp(s.days())
		s.until(time.Hour)
		_, err := s.set.Pause(t.Context(), "f", "wait")
		require.NoError(t, err)
		asked := s.guard.Asked()
		s.until(3 * day)
		s.requireAt(5, flags.RampPaused)
		require.Equal(t, asked, s.guard.Asked())
		_, err = s.set.Resume(t.Context(), "f", "go on")
		require.NoError(t, err)
		_, err = s.set.SetDisabled(t.Context(), "f", true, "off")
		require.NoError(t, err)
		s.until(4 * day)
		s.requireAt(5, flags.RampRunning)
		require.Zero(t, share(s.set, "f", tenants(100)))
		_, err = s.set.SetDisabled(t.Context(), "f", false, "on")
		require.NoError(t, err)
		s.until(4*day + time.Hour)
		s.requireAt(50, flags.RampRunning)
	})
}

func TestARevertPausesTheRampThatRanThen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.run(s.set)()
		s.ramp(s.days())
		s.until(time.Hour)
		d, err := s.set.Flag("f")
		require.NoError(t, err)
		s.until(2 * day)
		s.requireAt(50, flags.RampRunning)
		reverted, err := s.set.Revert(t.Context(), "f", d.Version, "back")
		require.NoError(t, err)
		require.Equal(t, flags.RampPaused, reverted.Rollout.Ramp.State)
		s.until(9 * day)
		s.requireAt(5, flags.RampPaused)
	})
}

func TestARampThatIsPutTogetherWrongIsRefused(t *testing.T) {
	t.Parallel()
	set := load(t, `{"key":"f","type":"bool"}`, `{"key":"s","type":"string","variants":[{"name":"a","value":""}]}`)
	for _, schedule := range []flags.Schedule{flags.Ramp(), flags.Ramp(5, 50).At(time.Now()), flags.Ramp(101), flags.Ramp(5).Every(-time.Hour)} {
		_, err := set.Ramp(t.Context(), "f", schedule, "")
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
	_, err := set.Ramp(t.Context(), "s", flags.Ramp(5), "")
	require.ErrorIs(t, err, tenon.ErrInvalid, "nobody said what to serve")
	_, err = set.Ramp(t.Context(), "g", flags.Ramp(5), "")
	require.ErrorIs(t, err, flags.ErrUnknownFlag)
	_, err = set.Resume(t.Context(), "f", "")
	require.ErrorIs(t, err, flags.ErrNoRamp)
}

// cohorts is a guard whose counts are made up.
func cohorts(with, without flags.Sample) flags.Cohorts {
	return flags.Cohorts{Floor: 0.9, Margin: 0.02, Minimum: 50, Count: func(context.Context, time.Time, func(string) bool) (flags.Sample, flags.Sample, error) {
		return with, without, nil
	}}
}

func TestCohortsAreCompared(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		with, without flags.Sample
		want          tenon.Outcome
	}{
		"as_good_as_the_others":      {flags.Sample{Good: 98, Valid: 100}, flags.Sample{Good: 980, Valid: 1000}, tenon.Pass},
		"a_little_worse":             {flags.Sample{Good: 97, Valid: 100}, flags.Sample{Good: 980, Valid: 1000}, tenon.Pass},
		"worse_by_more":              {flags.Sample{Good: 95, Valid: 100}, flags.Sample{Good: 980, Valid: 1000}, tenon.Fail},
		"below_the_floor":            {flags.Sample{Good: 89, Valid: 100}, flags.Sample{Good: 800, Valid: 1000}, tenon.Fail},
		"too_few_to_tell":            {flags.Sample{Good: 0, Valid: 49}, flags.Sample{Good: 980, Valid: 1000}, tenon.Hold},
		"none_at_all":                {flags.Sample{}, flags.Sample{}, tenon.Hold},
		"too_few_to_compare_with":    {flags.Sample{Good: 98, Valid: 100}, flags.Sample{Good: 49, Valid: 49}, tenon.Hold},
		"everybody_has_it":           {flags.Sample{Good: 98, Valid: 100}, flags.Sample{}, tenon.Pass},
		"everybody_has_it_and_fails": {flags.Sample{Good: 50, Valid: 100}, flags.Sample{}, tenon.Fail},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := cohorts(c.with, c.without).GuardCohort(t.Context(), time.Now(), func(string) bool { return true })
			require.NoError(t, err)
			require.Equal(t, c.want, v.Outcome, v.Reasons)
			require.Equal(t, c.want != tenon.Pass, len(v.Reasons) > 0)
		})
	}
}

func TestACohortGuardIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		all := tenants(1000)
		bad := false
		guard := flags.Cohorts{Margin: 0.01, Count: func(_ context.Context, since time.Time, has func(string) bool) (with, without flags.Sample, err error) {
			require.False(t, since.Before(s.start))
			for _, tenant := range all {
				one := &without
				if has(tenant) {
					one = &with
				}
				one.Valid += 10
				one.Good += 10
				if bad && has(tenant) {
					one.Good--
				}
			}
			return with, without, nil
		}}
		s.set = flags.NewSet(s.store, &flags.Options{
			Refresh: time.Hour, Every: 30 * time.Second, Guards: map[string]tenon.Guard{"cohorts": guard},
		})
		require.NoError(t, s.set.Load(t.Context()))
		stop := s.run(s.set)
		s.ramp(flags.Ramp(5, 50, 100).Every(day).Guard("cohorts"))
		s.until(day + time.Hour)
		s.requireAt(50, flags.RampRunning)
		stop()
		bad = true
		defer s.run(s.set)()
		s.until(day + 2*time.Hour)
		s.requireAt(5, flags.RampRolledBack)
	})
}
