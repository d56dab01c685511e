package flags_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
)

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
