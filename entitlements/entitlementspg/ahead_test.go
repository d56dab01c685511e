package entitlementspg_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/internal/pgtest"
)

// endsSoon puts a new tenant on basic with a present hour that ends in half an hour, uses one of it, and returns when it
// ends.
func endsSoon(t *testing.T, s *entitlementspg.Store) (tenant string, end time.Time) {
	t.Helper()
	tenant, end = tenon.NewID(time.Now()), now().Add(30*time.Minute)
	_, err := s.Change(t.Context(), tenant, now(), subscribed("basic", end.Add(-3*time.Hour)))
	require.NoError(t, err)
	settle(t, s, op(entitlements.OpConsume, use(tenant, hourly, 1, ""), now()))
	return tenant, end
}

const nextSealSQL = `
select sealed_until
from tenon.usage_counters
where tenant_id = $1
  and feature_key = 'hourly'
  and period_start = $2`

// sealedAhead returns until when the counter of the period that begins at start decides alone; none when it is not there.
func sealedAhead(t *testing.T, pool *pgxpool.Pool, tenant string, start time.Time) []time.Time {
	t.Helper()
	return pgtest.List[time.Time](t, pool, nextSealSQL, tenant, start)
}

func TestRunMakesTheNextPeriodsCounters(t *testing.T) {
	t.Parallel()

	t.Run("so_that_the_first_use_needs_no_exact_path", func(t *testing.T) {
		t.Parallel()
		pool := database(t)
		s := entitlementspg.New(pool, nil)
		tenant, end := endsSoon(t, s)
		runOnce(t, s)
		require.EqualValues(t, 1, s.Stats().Rolled)
		seals := sealedAhead(t, pool, tenant, end)
		require.Len(t, seals, 1)
		require.True(t, end.Add(time.Hour).Equal(seals[0]))

		exacts := s.Stats().Exact
		out := settle(t, s, op(entitlements.OpConsume, use(tenant, hourly, 2, ""), end))
		require.EqualValues(t, 2, out[0].Decision.Used, "nothing of the hour before")
		require.Equal(t, exacts, s.Stats().Exact)
		out = settle(t, s, op(entitlements.OpConsume, use(tenant, hourly, 1, ""), end.Add(-time.Microsecond)))
		require.EqualValues(t, 2, out[0].Decision.Used, "the hour before goes on")
		reconciled(t, newGate(pool, nil), tenant)
	})

	t.Run("once_however_often_and_by_however_many", func(t *testing.T) {
		t.Parallel()
		pool := database(t)
		s := entitlementspg.New(pool, nil)
		tenant, _ := endsSoon(t, s)
		runOnce(t, s)
		before := dump(t, pool, tenant)
		other := entitlementspg.New(pool, nil)
		runOnce(t, other)
		require.Zero(t, other.Stats().Rolled)
		require.Equal(t, before, dump(t, pool, tenant))
	})

	t.Run("by_the_plan_of_then", func(t *testing.T) {
		t.Parallel()
		pool := database(t)
		s := entitlementspg.New(pool, nil)
		tenant, end := endsSoon(t, s)
		_, err := s.Change(t.Context(), tenant, now(), func(r *entitlements.Rights, _ *entitlements.Versions) ([]tenon.Change, error) {
			r.Entitlement.Next = &entitlements.Next{At: end, Plan: "free", Version: 1}
			return nil, nil
		})
		require.NoError(t, err)
		settle(t, s, op(entitlements.OpConsume, use(tenant, hourly, 1, ""), now()))
		runOnce(t, s)
		out := settle(t, s, op(entitlements.OpConsume, use(tenant, hourly, 1, ""), end))
		require.Equal(t, entitlements.ReasonNotInPlan, out[0].Decision.Reason)
	})

	t.Run("and_a_change_of_plan_breaks_their_seals", func(t *testing.T) {
		t.Parallel()
		pool := database(t)
		s := entitlementspg.New(pool, nil)
		tenant, end := endsSoon(t, s)
		runOnce(t, s)
		_, err := s.Change(t.Context(), tenant, now(), subscribed("free", end.Add(-3*time.Hour)))
		require.NoError(t, err)
		require.True(t, sealedAhead(t, pool, tenant, end)[0].Before(end))
		out := settle(t, s, op(entitlements.OpConsume, use(tenant, hourly, 1, ""), end))
		require.Equal(t, entitlements.ReasonNotInPlan, out[0].Decision.Reason)
	})

	t.Run("but_not_where_a_grant_or_a_hold_decides", func(t *testing.T) {
		t.Parallel()
		pool := database(t)
		s := entitlementspg.New(pool, nil)
		g := entitlements.NewGate(s, nil)
		granted, end := endsSoon(t, s)
		_, err := g.Grant(t.Context(), granted, entitlements.Grant{Feature: hourly, Amount: 5, ExpiresAt: end.Add(-time.Minute)})
		require.NoError(t, err)
		holding, endToo := endsSoon(t, s)
		_, err = g.Reserve(t.Context(), use(holding, hourly, 1, ""), time.Hour)
		require.NoError(t, err)
		before := append(dump(t, pool, granted), dump(t, pool, holding)...)
		runOnce(t, s)
		require.Zero(t, s.Stats().Rolled)
		require.Empty(t, sealedAhead(t, pool, granted, end))
		require.Empty(t, sealedAhead(t, pool, holding, endToo))
		require.Equal(t, before, append(dump(t, pool, granted), dump(t, pool, holding)...))
	})
}
