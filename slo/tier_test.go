package slo_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/slo"
)

func seconds(s float64) time.Duration { return time.Duration(s * 1e9) }

func TestTheWorkbooksBurnRates(t *testing.T) {
	t.Parallel()
	for rate, want := range map[slo.Rate]time.Duration{
		slo.One: 30 * day, 2 * slo.One: 15 * day, 10 * slo.One: 3 * day, 1000 * slo.One: seconds(43.2 * 60),
	} {
		got, ok := rate.Exhausts(30 * day)
		require.True(t, ok)
		require.Equal(t, want, got, rate)
	}
	_, ok := slo.Rate(0).Exhausts(30 * day)
	require.False(t, ok)
	_, ok = slo.Rate(1).Exhausts(365 * day)
	require.False(t, ok, "a thousand years are more than a Duration holds")
}

func TestTheWorkbooksTiers(t *testing.T) {
	t.Parallel()
	require.Equal(t, []slo.Tier{
		{Burn: 14_400, Long: time.Hour, Short: 5 * time.Minute, Severity: tenon.SeverityCritical},
		{Burn: 6_000, Long: 6 * time.Hour, Short: 30 * time.Minute, Severity: tenon.SeverityCritical},
		{Burn: 3_000, Long: day, Short: 2 * time.Hour, Severity: tenon.SeverityWarning},
		{Burn: 1_000, Long: 3 * day, Short: 6 * time.Hour, Severity: tenon.SeverityWarning},
	}, slo.StandardTiers(30*day))
	require.Equal(t, slo.StandardTiers(30*day), monthly().EffectiveTiers())
}

func TestTheWorkbooksDetectionTimes(t *testing.T) {
	t.Parallel()
	const never = 0
	for errors, want := range map[slo.PPM][]float64{
		slo.Whole: {51.84, 129.6, 259.2, 259.2},
		100_000:   {518.4, 1296, 2592, 2592},
		10_000:    {never, 12_960, 25_920, 25_920},
		1_000:     {never, never, never, never},
		0:         {never, never, never, never},
	} {
		for i, tier := range slo.StandardTiers(30 * day) {
			got, ok := tier.Detects(999_000, errors)
			require.Equal(t, want[i] != never, ok, "%s at %s", tier, errors)
			require.Equal(t, seconds(want[i]), got, "%s at %s", tier, errors)
		}
	}
}

func TestTiersResetByTheirShortWindow(t *testing.T) {
	t.Parallel()
	for i, want := range []float64{300 * (1 - 0.0144), 1800 * (1 - 0.006), 7200 * (1 - 0.003), 21600 * (1 - 0.001)} {
		got, ok := slo.StandardTiers(30 * day)[i].Resets(999_000, slo.Whole)
		require.True(t, ok)
		require.InDelta(t, want, got.Seconds(), 1e-6)
	}
	_, ok := slo.StandardTiers(30 * day)[0].Resets(999_000, 1000)
	require.False(t, ok)
}

func TestBudgets(t *testing.T) {
	t.Parallel()
	require.Equal(t, seconds(86.4), uptime().Budget())
	require.Equal(t, seconds(43.2*60), monthly().Budget())
	require.Equal(t, 3*time.Minute, quoteLatency().Budget())
	none := uptime()
	none.Target = slo.Whole
	require.Zero(t, none.Budget())
}

func TestTheCustomersObjectivesAreAcceptedAsGiven(t *testing.T) {
	t.Parallel()
	for _, o := range []slo.Objective{uptime(), quoteLatency(), agentSuccess(), queueWait()} {
		require.NoError(t, o.Check(), o.Name)
		require.Equal(t, []slo.PPM{slo.Whole, slo.Whole / 2}, o.EffectiveBudgetAlerts())
	}
	// Of 24 hours three tiers make sense; the fastest would need 10 seconds. Of an hour none does.
	tiers := uptime().EffectiveTiers()
	require.Len(t, tiers, 3)
	require.Equal(t, slo.Tier{Burn: 6_000, Long: 12 * time.Minute, Short: time.Minute, Severity: tenon.SeverityCritical}, tiers[0])
	for _, o := range []slo.Objective{quoteLatency(), agentSuccess(), queueWait()} {
		require.Empty(t, o.EffectiveTiers(), o.Name)
	}
}

func TestATierThatCannotWorkIsRefusedWithTheAlternative(t *testing.T) {
	t.Parallel()
	short := quoteLatency()
	short.Tiers = slo.StandardTiers(time.Hour)[:1]
	err := short.Check()
	require.ErrorIs(t, err, slo.ErrTierUnfit)
	require.ErrorIs(t, err, tenon.ErrInvalid)
	require.ErrorContains(t, err, "a window of at least 1m0s, or the budget alerts at 50% and 100%")

	never := monthly()
	never.Target, never.Tiers = 900_000, slo.StandardTiers(30 * day)[:1]
	err = never.Check()
	require.ErrorIs(t, err, slo.ErrTierUnfit)
	require.ErrorContains(t, err, "14.4 can never be exceeded at 90%, where all errors burn at 10")

	whole := monthly()
	whole.Target, whole.Tiers = slo.Whole, slo.StandardTiers(30 * day)[3:]
	require.ErrorIs(t, whole.Check(), slo.ErrTierUnfit)

	_, err = slo.NewBoard(slo.NewMemoryStore(nil), nil).Define(t.Context(), short)
	require.ErrorIs(t, err, slo.ErrTierUnfit)
}

func TestTiersOfBadShape(t *testing.T) {
	t.Parallel()
	good := slo.StandardTiers(30 * day)[0]
	require.NoError(t, good.Check(30*day, 999_000))
	for _, spoil := range []func(*slo.Tier){
		func(t *slo.Tier) { t.Burn = 0 },
		func(t *slo.Tier) { t.Burn = 1 << 60 },
		func(t *slo.Tier) { t.Short = t.Long },
		func(t *slo.Tier) { t.Short += time.Second },
		func(t *slo.Tier) { t.Long = 31 * day },
	} {
		tier := good
		spoil(&tier)
		require.ErrorIs(t, tier.Check(30*day, 999_000), tenon.ErrInvalid)
	}
	twice := monthly()
	twice.Tiers = []slo.Tier{good, good}
	require.ErrorContains(t, twice.Check(), "stands there twice")
}

func TestATierWithoutASeverityHasTheWorkbooks(t *testing.T) {
	t.Parallel()
	o := monthly()
	o.Tiers = []slo.Tier{
		{Burn: 1_000, Long: 3 * day, Short: 6 * time.Hour},
		{Burn: 6_000, Long: 6 * time.Hour, Short: 30 * time.Minute},
		{Burn: 3_000, Long: day, Short: 2 * time.Hour},
		{Burn: 14_400, Long: time.Hour, Short: 5 * time.Minute},
	}
	require.Equal(t, slo.StandardTiers(30*day), o.EffectiveTiers(), "the fastest first")
	require.Empty(t, o.Tiers[0].Severity, "what was declared stays as it is")
	o.Tiers[3].Severity = tenon.SeverityInfo
	require.Equal(t, tenon.SeverityInfo, o.EffectiveTiers()[0].Severity)
}

func FuzzObjective(f *testing.F) {
	f.Add(int64(999_000), int64(day), int64(0), int64(14_400), int64(time.Hour), int64(5*time.Minute))
	f.Fuzz(func(t *testing.T, target, length, threshold, burn, long, short int64) {
		o := slo.Objective{
			Key: slo.Key{Name: "o"}, Kind: slo.Latency, Target: slo.PPM(target), Threshold: time.Duration(threshold),
			Window: slo.Window{Length: time.Duration(length)},
			Tiers:  []slo.Tier{{Burn: slo.Rate(burn), Long: time.Duration(long), Short: time.Duration(short)}},
		}
		if err := o.Check(); err != nil {
			require.ErrorIs(t, err, tenon.ErrInvalid)
			return
		}
		d, ok := o.Tiers[0].Detects(o.Target, slo.Whole)
		require.True(t, ok, "an accepted tier can fire")
		require.Less(t, d, o.Tiers[0].Long)
		for _, tier := range slo.FittingTiers(o.Window.Period(), o.Target) {
			require.NoError(t, tier.Check(o.Window.Period(), o.Target))
		}
	})
}
