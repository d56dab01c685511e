package flags_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
)

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
