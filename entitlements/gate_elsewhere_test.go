package entitlements_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
)

// declaredElsewhere returns a Gate, and another over the same store that has since declared a plan and a feature of
// which the first has not read.
func declaredElsewhere(t *testing.T) (g, elsewhere *entitlements.Gate) {
	t.Helper()
	store := newTroubled()
	g = setup(t, store, &entitlements.Options{MaxAge: time.Hour}, "acme")
	elsewhere = entitlements.NewGate(store, nil)
	c := freight()
	c.Features = append(c.Features, entitlements.Feature{Key: "customs", Kind: entitlements.Boolean})
	c.Plans = append(c.Plans, entitlements.Plan{ID: "large", Tier: 3, Features: map[string]entitlements.Allowance{
		"rates": {Limits: []entitlements.Limit{{Hard: 9, Period: entitlements.Weekly}}}, "customs": {Limits: []entitlements.Limit{{Hard: 1}}},
	}})
	_, err := elsewhere.ApplyCatalog(t.Context(), c)
	require.NoError(t, err)
	return g, elsewhere
}

func TestAPlanThatAnotherProcessDeclaredIsReadWhenATenantHasIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, elsewhere := declaredElsewhere(t)
		_, err := elsewhere.Subscribe(t.Context(), entitlements.Subscription{Tenant: "globex", Plan: "large"})
		require.NoError(t, err)
		require.EqualValues(t, 9, check(t, g, "globex", "rates").Hard)
	})
}

func TestAPlanThatAnotherProcessDeclaredIsReadWhenATenantWillHaveIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, elsewhere := declaredElsewhere(t)
		_, err := elsewhere.StartTrial(t.Context(), entitlements.Trial{Tenant: "globex", Plan: "pro", Length: time.Minute, Fallback: "large"})
		require.NoError(t, err)
		require.EqualValues(t, 1000, check(t, g, "globex", "rates").Hard)
		time.Sleep(time.Minute)
		require.EqualValues(t, 9, check(t, g, "globex", "rates").Hard, "by itself, and known by then")
	})
}

func TestWhatAnotherProcessDeclaredIsExplainedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, _ := declaredElsewhere(t)
		x, err := g.Explain(t.Context(), "acme", "customs")
		require.NoError(t, err)
		require.Equal(t, entitlements.ReasonNotInPlan, x.Decision.Reason)
	})
}

func TestUsageIsOfThePeriodOfAPlanThatAnotherProcessDeclared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, elsewhere := declaredElsewhere(t)
		_, err := elsewhere.Subscribe(t.Context(), entitlements.Subscription{Tenant: "acme", Plan: "large"})
		require.NoError(t, err)
		consume(t, elsewhere, "acme", "rates", 3)
		buckets, err := g.Usage(t.Context(), entitlements.UsageQuery{Tenant: "acme", Feature: "rates"})
		require.NoError(t, err)
		require.Len(t, buckets, 1)
		require.EqualValues(t, 3, buckets[0].Value)
		require.Equal(t, 7*aDay, buckets[0].End.Sub(buckets[0].Start), "the plan counts by the week")
	})
}

func TestAColdGateKnowsWhatIsUnknown(t *testing.T) {
	t.Parallel()
	store := entitlements.NewMemoryStore(nil)
	setup(t, store, nil, "acme")
	d, err := entitlements.NewGate(store, nil).Check(t.Context(), "acme", "moons")
	require.ErrorIs(t, err, entitlements.ErrUnknownFeature)
	require.Equal(t, entitlements.No, d.Answer)
	require.Equal(t, entitlements.ReasonUnknownFeature, d.Reason)
}

func TestARefusalNamesTheLowestPlanThatWouldDo(t *testing.T) {
	t.Parallel()
	c := freight()
	c.Plans[1].Features["white_label"] = entitlements.Allowance{Limits: []entitlements.Limit{{Hard: 0}}} // it says no by name
	c.Plans = append(c.Plans, entitlements.Plan{ID: "large", Tier: 3, Features: map[string]entitlements.Allowance{
		"rates":       {Limits: []entitlements.Limit{{Hard: entitlements.Unlimited, Period: entitlements.Monthly}}},
		"white_label": {Limits: []entitlements.Limit{{Hard: 1}}},
	}})
	g := entitlements.NewGate(entitlements.NewMemoryStore(nil), nil)
	_, err := g.ApplyCatalog(t.Context(), c)
	require.NoError(t, err)
	_, err = g.Subscribe(t.Context(), entitlements.Subscription{Tenant: "acme", Plan: "starter"})
	require.NoError(t, err)
	require.Equal(t, "pro", consume(t, g, "acme", "rates", 1000).Upgrade)
	require.Equal(t, "large", consume(t, g, "acme", "rates", 1001).Upgrade)
	require.Equal(t, "large", check(t, g, "acme", "white_label").Upgrade)
	require.Empty(t, consume(t, g, "acme", "exports", 101).Upgrade, "none has as much")
}
