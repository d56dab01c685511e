package entitlementspg_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/migrations"
)

// roles are a database under row level security, with a pool for each of its roles.
type roles struct {
	admin, owner, app, worker *pgxpool.Pool
}

func newRoles(t *testing.T) roles {
	t.Helper()
	url, admin := database(t)
	database := admin.Config().ConnConfig.Database
	names := migrations.Roles{Owner: database + "_owner", App: database + "_app", Worker: database + "_worker"}
	for _, name := range []string{names.Owner, names.App, names.Worker} {
		createRole(t, admin, name)
	}
	conn := connected(t, url)
	require.NoError(t, migrations.ApplyGrants(t.Context(), conn, names))
	r := roles{admin: admin, owner: as(t, admin, names.Owner), app: as(t, admin, names.App), worker: as(t, admin, names.Worker)}
	config := conn.Config()
	config.User = names.Owner
	owner, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	defer owner.Close(t.Context())
	require.NoError(t, migrations.EnableRLS(t.Context(), owner, names))
	return r
}

// createRole makes a role that goes with the test; roles belong to the server.
func createRole(t *testing.T, admin *pgxpool.Pool, name string) {
	t.Helper()
	execute(t, admin, "create role "+name+" login")
	t.Cleanup(func() {
		ctx := context.Background()
		conn, err := pgx.ConnectConfig(ctx, admin.Config().ConnConfig)
		require.NoError(t, err)
		defer conn.Close(ctx)
		for _, sql := range []string{"reassign owned by " + name + " to current_user", "drop owned by " + name, "drop role " + name} {
			_, err = conn.Exec(ctx, sql)
			require.NoError(t, err, sql)
		}
	})
}

func as(t *testing.T, admin *pgxpool.Pool, role string) *pgxpool.Pool {
	t.Helper()
	config := admin.Config()
	config.ConnConfig.User = role
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// inTenant runs f in a transaction that names its tenant, as a host's middleware does.
func inTenant(t *testing.T, app *pgxpool.Pool, tenant string, f func(g *entitlements.Gate, tx pgx.Tx)) {
	t.Helper()
	tx := begin(t, app)
	execute(t, tx, "select set_config('tenon.tenant_id', $1, true)", tenant)
	f(within(newGate(app, nil), tx), tx)
	require.NoError(t, tx.Commit(t.Context()))
}

func TestUnderRowLevelSecurity(t *testing.T) {
	t.Parallel()
	r := newRoles(t)
	worker := newGate(r.worker, nil)
	tenant, other := subscribe(t, worker, "free"), subscribe(t, worker, "basic")
	allowed(t, worker, use(other, calls, 2, "theirs"))
	theirs := dump(t, r.admin, other)

	inTenant(t, r.app, tenant, func(g *entitlements.Gate, tx pgx.Tx) {
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
		require.Equal(t, []string{tenant}, list[string](t, tx, "select distinct tenant_id from tenon.usage_counters"))
	})
	require.EqualValues(t, 2, used(t, r.admin, tenant, calls))

	t.Run("the_app_role_has_no_effect_on_another_tenant", func(t *testing.T) {
		inTenant(t, r.app, tenant, func(g *entitlements.Gate, tx pgx.Tx) {
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
		tx := begin(t, r.app)
		execute(t, tx, "select set_config('tenon.tenant_id', $1, true)", tenant)
		_, err := within(newGate(r.app, nil), tx).Subscribe(t.Context(), entitlements.Subscription{Tenant: other, Plan: "top"})
		require.Equal(t, "42501", state(err), "%v", err)
		require.Equal(t, theirs, dump(t, r.admin, other))
	})
	t.Run("the_app_role_declares_nothing", func(t *testing.T) {
		_, err := newGate(r.app, nil).ApplyCatalog(t.Context(), catalog())
		require.Equal(t, "42501", state(err), "%v", err)
	})
	t.Run("the_worker_role_commits_groups_and_runs_across_tenants", func(t *testing.T) {
		s := entitlementspg.New(r.worker, nil)
		planned(t, s, "due")
		expiring(t, s, other, mixed)
		stop := hammer(t, worker, []string{tenant, other})
		runOnce(t, s)
		stop()
		require.Equal(t, "free true 2", one[string](t, r.admin, planSQL, "due"))
		drifts, err := s.Reconcile(t.Context(), "", false)
		require.NoError(t, err)
		require.Empty(t, drifts)
	})
	t.Run("the_owner_sees_every_tenant", func(t *testing.T) {
		require.Greater(t, one[int](t, r.owner, "select count(distinct tenant_id) from tenon.usage_events"), 1)
	})
	t.Run("a_role_that_is_filtered_does_not_run_and_is_told_what_is_missing", func(t *testing.T) {
		err := entitlementspg.New(r.app, nil).Run(t.Context())
		require.ErrorIs(t, err, tenon.ErrDenied)
		require.ErrorContains(t, err, "tenon.usage_counters")
		require.ErrorContains(t, err, "connect as the worker role")
	})
}
