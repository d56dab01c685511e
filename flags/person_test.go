package flags_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
)

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
