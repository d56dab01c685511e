package migrations_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/migrations"
)

// inTenant runs fn in a transaction of the tenant, which is rolled back.
func inTenant(t *testing.T, conn *pgx.Conn, tenant string, fn func()) {
	t.Helper()
	exec(t, conn, "begin")
	exec(t, conn, "select set_config('tenon.tenant_id', $1, true)", tenant)
	fn()
	exec(t, conn, "rollback")
}

func tenants(t *testing.T, conn *pgx.Conn, table string) []string {
	t.Helper()
	return list(t, conn, "select distinct tenant_id from "+table+" order by 1")
}

func TestRowLevelSecurity(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	admin, owner, roles := three(t)
	for _, tenant := range []string{"acme", "bolt", ""} {
		exec(t, owner, aWidget, tenant)
		exec(t, owner, "insert into tenon.readings values ($1, $2, 1)", tenant, tenon.NewID(time.Now()))
	}
	app, worker := as(t, admin, roles.App), as(t, admin, roles.Worker)
	require.Len(t, tenants(t, app, "tenon.widgets"), 3, "off until the host calls")

	for range 2 { // again is harmless
		require.NoError(t, migrations.EnableRLS(ctx, owner, roles))
		for _, table := range []string{"tenon.widgets", "tenon.readings"} {
			require.Empty(t, tenants(t, app, table))
			require.Len(t, tenants(t, worker, table), 3)
			require.Len(t, tenants(t, owner, table), 3)
			inTenant(t, app, "acme", func() { require.Equal(t, []string{"acme"}, tenants(t, app, table)) })
			require.Empty(t, tenants(t, app, table), "the setting reads '' after the transaction")
		}
	}

	exec(t, admin, "grant select on all tables in schema tenon to "+pgx.Identifier{roles.App}.Sanitize())
	for _, part := range partitions(t, admin, "readings") {
		require.Empty(t, tenants(t, app, part), "a partition read directly")
	}
	inTenant(t, app, "acme", func() { exec(t, app, aWidget, "acme") })
	inTenant(t, app, "acme", func() {
		tag, err := app.Exec(ctx, "update tenon.widgets set name = 'x'")
		require.NoError(t, err)
		require.EqualValues(t, 1, tag.RowsAffected())
		denied(t, app, "insert into tenon.widgets (tenant_id, id) values ('bolt', gen_random_uuid())")
	})
	inTenant(t, app, "acme", func() { denied(t, app, "update tenon.widgets set tenant_id = 'bolt'") })

	require.NoError(t, migrations.EnsurePartitions(ctx, worker, "readings", time.Now(), 20))
	require.Empty(t, list(t, admin, `
select c.oid::regclass::text
from pg_class c
join pg_inherits i on i.inhrelid = c.oid
where i.inhparent = 'tenon.readings'::regclass
  and not (c.relrowsecurity and c.relforcerowsecurity
    and (select count(*) from pg_policy where polrelid = c.oid) = 3)`), "later partitions take the policies")

	require.NoError(t, migrations.DisableRLS(ctx, owner))
	require.Len(t, tenants(t, app, "tenon.widgets"), 3)
	require.Empty(t, list(t, admin, "select polname::text from pg_policy"))
}

func TestCheckNotFiltered(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	admin, owner, roles := three(t)
	app, worker := as(t, admin, roles.App), as(t, admin, roles.Worker)
	require.NoError(t, migrations.CheckNotFiltered(ctx, emptyDatabase(t)), "no schema")
	require.NoError(t, migrations.CheckNotFiltered(ctx, app), "not enabled")

	require.NoError(t, migrations.EnableRLS(ctx, owner, roles))
	for _, conn := range []*pgx.Conn{admin, owner, worker} {
		require.NoError(t, migrations.CheckNotFiltered(ctx, conn))
	}
	err := migrations.CheckNotFiltered(ctx, app)
	require.ErrorIs(t, err, migrations.ErrFiltered)
	require.ErrorIs(t, err, tenon.ErrDenied)
	require.ErrorContains(t, err, "tenon.readings, tenon.trail, tenon.widgets")
	require.ErrorContains(t, err, "EnableRLS")

	for name, sql := range map[string]string{
		"no policy":           "drop policy tenon_worker on tenon.widgets",
		"for select alone":    "drop policy tenon_worker on tenon.widgets; create policy p on tenon.widgets for select using (true)",
		"a condition":         "alter policy tenon_worker on tenon.widgets using (tenant_id <> 'acme')",
		"a condition to save": "alter policy tenon_worker on tenon.widgets with check (tenant_id <> 'acme')",
		"a restrictive one":   "create policy p on tenon.widgets as restrictive using (tenant_id <> 'acme')",
	} {
		exec(t, owner, sql)
		require.ErrorContains(t, migrations.CheckNotFiltered(ctx, worker), "on tenon.widgets;", name)
		exec(t, owner, "drop policy if exists p on tenon.widgets")
		require.NoError(t, migrations.EnableRLS(ctx, owner, roles))
		require.NoError(t, migrations.CheckNotFiltered(ctx, worker))
	}
}

func TestEnableRLSRefusesAnAppThatPoliciesWouldNotBind(t *testing.T) {
	t.Parallel()
	_, owner, roles := three(t)
	require.ErrorIs(t, migrations.EnableRLS(t.Context(), owner, migrations.Roles{App: "x", Worker: "x"}), tenon.ErrInvalid)
	err := migrations.EnableRLS(t.Context(), owner, migrations.Roles{App: roles.Owner, Worker: roles.Worker})
	require.ErrorIs(t, err, tenon.ErrInvalid)
	require.ErrorContains(t, err, "owns tenon.")
}
