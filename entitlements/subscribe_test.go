package entitlements_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
)

func TestAnUpgradeEndsATrialAndADowngradeWaitsForItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := freight()
		c.Plans = append(c.Plans, entitlements.Plan{ID: "large", Tier: 3, Features: c.Plans[1].Features})
		g := entitlements.NewGate(entitlements.NewMemoryStore(nil), nil)
		_, err := g.ApplyCatalog(t.Context(), c)
		require.NoError(t, err)
		for _, tenant := range []string{"up", "down"} {
			_, err := g.StartTrial(t.Context(), entitlements.Trial{Tenant: tenant, Plan: "pro", Length: aDay})
			require.NoError(t, err)
		}
		up, err := g.ChangePlan(t.Context(), entitlements.PlanChange{Tenant: "up", Plan: "large"})
		require.NoError(t, err)
		require.Equal(t, "large", up.Plan)
		require.Equal(t, entitlements.Active, up.Status)
		down, err := g.ChangePlan(t.Context(), entitlements.PlanChange{Tenant: "down", Plan: "starter"})
		require.NoError(t, err)
		require.Equal(t, entitlements.Trialing, down.Status)
		require.Equal(t, &entitlements.Next{At: time.Now().UTC().Add(aDay), Plan: "starter", Version: 1}, down.Next)
		time.Sleep(aDay)
		down, err = g.Entitlement(t.Context(), "down")
		require.NoError(t, err)
		require.Equal(t, "starter", down.Plan)
		require.Equal(t, entitlements.Active, down.Status)
	})
}

func TestADowngradeActsWhenThePaidPeriodEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, newTroubled(), nil)
		end := time.Now().UTC().Add(9 * aDay) // which is no month from anything
		_, err := g.Subscribe(t.Context(), entitlements.Subscription{
			Tenant: "acme", Plan: "pro", CurrentPeriodStart: time.Now().Add(-11 * aDay), CurrentPeriodEnd: end,
		})
		require.NoError(t, err)
		e, err := g.ChangePlan(t.Context(), entitlements.PlanChange{Tenant: "acme", Plan: "starter"})
		require.NoError(t, err)
		require.Equal(t, end, e.Next.At)
		require.EqualValues(t, 1000, check(t, g, "acme", "rates").Hard)
		time.Sleep(9 * aDay)
		require.EqualValues(t, 100, check(t, g, "acme", "rates").Hard)
	})
}
