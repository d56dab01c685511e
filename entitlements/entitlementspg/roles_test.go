package entitlementspg_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/internal/pgtest"
)

// inTenant runs f in a transaction that names its tenant, as a host's middleware does.
func inTenant(t *testing.T, app *pgxpool.Pool, tenant string, f func(g *entitlements.Gate, tx pgx.Tx)) {
	t.Helper()
	tx := pgtest.Begin(t, app)
	pgtest.Exec(t, tx, "select set_config('tenon.tenant_id', $1, true)", tenant)
	f(within(newGate(app, nil), tx), tx)
	require.NoError(t, tx.Commit(t.Context()))
}

func TestUnderRowLevelSecurity(t *testing.T) {
	t.Parallel()
	r := pgtest.NewRoles(t, database(t))
	worker := newGate(r.Worker, nil)
	tenant, other := subscribe(t, worker, "free"), subscribe(t, worker, "basic")
	allowed(t, worker, use(other, calls, 2, "theirs"))
	theirs := dump(t, r.Admin, other)

	inTenant(t, r.App, tenant, func(g *entitlements.Gate, tx pgx.Tx) {
		allowed(t, g, use(tenant, calls, 1, "k"))
		require.True(t, consume(t, g, use(tenant, calls, 1, "k")).Replayed)
		res, err := g.Reserve(t.Context(), use(tenant, calls, 2, ""), time.Minute)
		require.NoError(t, err)
		d, err := g.Check(t.Context(), tenant, calls)
		require.NoError(t, err)
		require.Equal(t, entitlements.ReasonLimitReached, d.Reason)
		_, err = g.Commit(t.Context(), res.Hold, 1)
		require.NoError(t, err)
		again, err := g.Reserve(t.Context(), use(tenant, calls, 1, ""), time.Minute)
		require.NoError(t, err)
		require.NoError(t, g.Release(t.Context(), again.Hold))
		require.NoError(t, g.Record(t.Context(), use(tenant, calls, 1, "late")))
		_, err = g.Correct(t.Context(), entitlements.Correction{Tenant: tenant, Key: "late"})
		require.NoError(t, err)
		all, err := g.CheckAll(t.Context(), tenant)
		require.NoError(t, err)
		require.Len(t, all, len(catalog().Features))
		_, err = g.Explain(t.Context(), tenant, calls)
		require.NoError(t, err)
		_, err = g.ChangePlan(t.Context(), entitlements.PlanChange{Tenant: tenant, Plan: "basic"})
		require.NoError(t, err)
		_, err = g.Grant(t.Context(), tenant, entitlements.Grant{Feature: mixed, Amount: 5})
		require.NoError(t, err)
		drifts, err := g.Reconcile(t.Context(), "")
		require.NoError(t, err)
		require.Empty(t, drifts)
		require.Equal(t, []string{tenant}, pgtest.List[string](t, tx, "select distinct tenant_id from tenon.usage_counters"))
	})
	require.EqualValues(t, 2, used(t, r.Admin, tenant, calls))

	t.Run("the_app_role_has_no_effect_on_another_tenant", func(t *testing.T) {
		inTenant(t, r.App, tenant, func(g *entitlements.Gate, tx pgx.Tx) {
			require.Equal(t, entitlements.ReasonNoPlan, consume(t, g, use(other, calls, 1, "theirs")).Reason)
			require.ErrorIs(t, g.Record(t.Context(), use(other, calls, 1, "")), entitlements.ErrUnknownTenant)
			_, err := g.Correct(t.Context(), entitlements.Correction{Tenant: other, Key: "theirs"})
			require.ErrorIs(t, err, entitlements.ErrUnknownKey)
			_, err = g.Cancel(t.Context(), other, entitlements.Now, "")
			require.ErrorIs(t, err, entitlements.ErrUnknownTenant)
			erased, err := entitlementspg.New(tx, nil).Erase(t.Context(), tenon.Subject{Tenant: other})
			require.NoError(t, err)
			for table, n := range erased {
				require.Zero(t, n, table)
			}
		})
		tx := pgtest.Begin(t, r.App)
		pgtest.Exec(t, tx, "select set_config('tenon.tenant_id', $1, true)", tenant)
		_, err := within(newGate(r.App, nil), tx).Subscribe(t.Context(), entitlements.Subscription{Tenant: other, Plan: "top"})
		require.True(t, pgerr.Is(err, pgerr.InsufficientPrivilege), "%v", err)
		require.Equal(t, theirs, dump(t, r.Admin, other))
	})
	t.Run("the_app_role_declares_nothing", func(t *testing.T) {
		_, err := newGate(r.App, nil).ApplyCatalog(t.Context(), catalog())
		require.True(t, pgerr.Is(err, pgerr.InsufficientPrivilege), "%v", err)
	})
	t.Run("the_worker_role_commits_groups_and_runs_across_tenants", func(t *testing.T) {
		s := entitlementspg.New(r.Worker, nil)
		planned(t, s, "due")
		expiring(t, s, other, mixed)
		stop := hammer(t, worker, []string{tenant, other})
		runOnce(t, s)
		stop()
		require.Equal(t, "free true 2", pgtest.One[string](t, r.Admin, planSQL, "due"))
		drifts, err := s.Reconcile(t.Context(), "", false)
		require.NoError(t, err)
		require.Empty(t, drifts)
	})
	t.Run("the_owner_sees_every_tenant", func(t *testing.T) {
		require.Greater(t, pgtest.One[int](t, r.Owner, "select count(distinct tenant_id) from tenon.usage_events"), 1)
	})
	t.Run("a_role_that_is_filtered_does_not_run_and_is_told_what_is_missing", func(t *testing.T) {
		err := entitlementspg.New(r.App, nil).Run(t.Context())
		require.ErrorIs(t, err, tenon.ErrDenied)
		require.ErrorContains(t, err, "tenon.usage_counters")
		require.ErrorContains(t, err, "connect as the worker role")
	})
}
