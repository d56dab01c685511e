package entitlements_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

// recorded returns a Gate whose changes are recorded.
func recorded(t *testing.T) (*entitlements.Gate, *entitlementstest.Recorder) {
	t.Helper()
	changes := &entitlementstest.Recorder{}
	return setup(t, entitlements.NewMemoryStore(&entitlements.MemoryOptions{Recorder: changes}), nil, "acme"), changes
}

func TestAnOverrideTakesThePlaceOfTheOneBefore(t *testing.T) {
	t.Parallel()
	g, changes := recorded(t)
	monthly := entitlements.Override{Feature: "rates", Period: entitlements.Monthly, Hard: number(200), Reason: "agreed"}
	weekly := entitlements.Override{Feature: "rates", Period: entitlements.Weekly, Hard: number(70), Reason: "agreed"}
	require.NoError(t, g.Override(t.Context(), "acme", monthly))
	require.NoError(t, g.Override(t.Context(), "acme", weekly))
	monthly.Hard, monthly.Soft, monthly.Reason = nil, number(90), "agreed anew"
	require.NoError(t, g.Override(t.Context(), "acme", monthly))

	x, err := g.Explain(t.Context(), "acme", "rates")
	require.NoError(t, err)
	require.Len(t, x.Overrides, 2)
	require.Equal(t, []entitlements.Limit{
		{Hard: 100, Soft: 90, Period: entitlements.Monthly}, {Hard: 70, Period: entitlements.Weekly},
	}, x.Effective, "what the new one leaves open is the plan's again")
	last := changes.Changes()[len(changes.Changes())-1]
	require.Equal(t, "entitlements.overridden", last.Action)
	require.Equal(t, "agreed anew", last.Reason)
	var before, after entitlements.Override
	require.NoError(t, json.Unmarshal(last.Before, &before))
	require.NoError(t, json.Unmarshal(last.After, &after))
	require.Equal(t, number(200), before.Hard)
	require.Nil(t, after.Hard)
	require.Equal(t, number(90), after.Soft)
}

func TestAnOverrideIsJudgedWithoutTheOneThatItReplaces(t *testing.T) {
	t.Parallel()
	g := setup(t, entitlements.NewMemoryStore(nil), nil, "acme")
	for _, p := range []entitlements.Period{entitlements.Monthly, entitlements.Weekly} {
		o := entitlements.Override{Feature: "rates", Period: p, Hard: number(200), Reason: "agreed"}
		require.NoError(t, g.Override(t.Context(), "acme", o))
		o.Hard, o.Soft = nil, number(150)
		require.Error(t, g.Override(t.Context(), "acme", o), "by %s the plan has no limit above which this were", p)
		x, err := g.Explain(t.Context(), "acme", "rates")
		require.NoError(t, err)
		require.Equal(t, number(200), x.Overrides[0].Hard, "the first stays")
		require.NoError(t, g.RemoveOverride(t.Context(), "acme", "rates", p))
	}
}

func TestAConfigFeatureIsOverriddenByAValueForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, newTroubled(), nil, "acme")
		require.NoError(t, g.Override(t.Context(), "acme", entitlements.Override{
			Feature: "retention", Value: text("365.5"), Reason: "an audit", ExpiresAt: time.Now().Add(time.Hour),
		}))
		d := check(t, g, "acme", "retention")
		require.Equal(t, "365.5", d.Value)
		require.Equal(t, entitlements.FromOverride, d.Source)
		time.Sleep(time.Hour - time.Microsecond)
		require.Equal(t, "365.5", check(t, g, "acme", "retention").Value)
		time.Sleep(time.Microsecond)
		d = check(t, g, "acme", "retention")
		require.Equal(t, "30", d.Value, "the plan's again")
		require.Equal(t, entitlements.FromPlan, d.Source)
	})
}

func TestAnAddOnIsHadOnceHoweverOftenItIsAttached(t *testing.T) {
	t.Parallel()
	g, changes := recorded(t)
	for _, quantity := range []int64{2, 3} {
		require.NoError(t, g.Attach(t.Context(), "acme", "lanes", quantity))
	}
	x, err := g.Explain(t.Context(), "acme", "rates")
	require.NoError(t, err)
	require.Len(t, x.AddOns, 1)
	require.EqualValues(t, 250, x.Decision.Hard)
	last := changes.Changes()[len(changes.Changes())-1]
	require.Contains(t, string(last.Before), `"quantity":2`)
	require.Contains(t, string(last.After), `"quantity":3`)
}
