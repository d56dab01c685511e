package entitlements_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// explained returns the lines about a feature.
func explained(t *testing.T, g *entitlements.Gate, feature string) string {
	t.Helper()
	x, err := g.Explain(t.Context(), "acme", feature)
	require.NoError(t, err)
	return x.String()
}

func TestExplainSpeaksOfEverythingThatDecides(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, ctx := setup(t, newTroubled(), nil, "acme"), t.Context()
		require.NoError(t, g.Attach(ctx, "acme", "lanes", 2))
		require.NoError(t, g.Override(ctx, "acme", entitlements.Override{
			Feature: "rates", Period: entitlements.Monthly, Overage: number(30), Reason: "a pilot", ExpiresAt: time.Now().Add(time.Hour),
		}))
		_, err := g.Grant(ctx, "acme", entitlements.Grant{Feature: "rates", Amount: 25, ExpiresAt: time.Now().Add(2 * aDay)})
		require.NoError(t, err)
		gone, err := g.Grant(ctx, "acme", entitlements.Grant{Feature: "rates", Amount: 10})
		require.NoError(t, err)
		require.NoError(t, g.Void(ctx, "acme", gone.ID, "a mistake"))
		_, err = g.Reserve(ctx, use("rates", 5), time.Hour)
		require.NoError(t, err)
		require.Equal(t, `acme, rates: Included in your plan. (allowed)
  plan       starter version 1, active
             grants hard 100, soft 50 by month
  add-on     2 × lanes version 1
  override   overage 30, expires 2000-01-01T01:00:00Z; a pilot
  grant      25, 0 used, 0 held, priority 0, expires 2000-01-03T00:00:00Z
  grant      10, 0 used, 0 held, priority 0, taken back 2000-01-01T00:00:00Z
  effective  hard 200, soft 50, overage 30 by month, from override
  used       0, 5 held, 0 of both from grants, in the month from 2000-01-01T00:00:00Z
  hold       5, expires 2000-01-01T01:00:00Z
`, explained(t, g, "rates"))
	})
}

func TestExplainSaysWhatAPlanLacks(t *testing.T) {
	t.Parallel()
	g := setup(t, entitlements.NewMemoryStore(nil), nil, "acme")
	require.Equal(t, `acme, white_label: Not in your plan. The plan pro includes it. (not_in_plan)
  plan       starter version 1, active
             does not grant it
  effective  nothing, from none
`, explained(t, g, "white_label"))
}

func TestExplainSaysAValueAsItIs(t *testing.T) {
	t.Parallel()
	g := setup(t, entitlements.NewMemoryStore(nil), nil, "acme")
	require.NoError(t, g.Attach(t.Context(), "acme", "lanes", 1)) // which has nothing to do with it
	require.NoError(t, g.Override(t.Context(), "acme", entitlements.Override{Feature: "retention", Value: text("365"), Reason: "an audit"}))
	require.Equal(t, `acme, retention: Included in your plan. (allowed)
  plan       starter version 1, active
             grants 30
  override   365; an audit
  effective  365, from override
`, explained(t, g, "retention"))
}

// bare is a store that keeps no reports.
type bare struct{ entitlements.Store }

func TestAStoreWithoutReportsStillExplains(t *testing.T) {
	t.Parallel()
	g, ctx := setup(t, bare{entitlements.NewMemoryStore(nil)}, nil, "acme"), t.Context()
	_, err := g.Reserve(ctx, use("rates", 5), time.Hour)
	require.NoError(t, err)
	x, err := g.Explain(ctx, "acme", "rates")
	require.NoError(t, err)
	require.EqualValues(t, 5, x.Decision.Held)
	require.Empty(t, x.Holds)
	_, history := g.History(ctx, "acme")
	_, used := g.Usage(ctx, entitlements.UsageQuery{Tenant: "acme", Feature: "rates"})
	_, drifts := g.Reconcile(ctx, "")
	_, repaired := g.Repair(ctx, "")
	for name, err := range map[string]error{"History": history, "Usage": used, "Reconcile": drifts, "Repair": repaired} {
		require.ErrorIs(t, err, tenon.ErrNotFound, name)
	}
}
