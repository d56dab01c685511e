package notifypg_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
	"github.com/transbotai/tenon/notify/notifytest"
)

// newRoles puts the database under row level security, and returns a pool for each role.
func newRoles(t *testing.T) (admin, app, worker *pgxpool.Pool) {
	t.Helper()
	url, admin := database(t)
	name := admin.Config().ConnConfig.Database
	roles := migrations.Roles{App: name + "_app", Worker: name + "_worker"}
	for _, role := range []string{roles.App, roles.Worker} {
		execute(t, admin, "create role "+role+" login")
		t.Cleanup(func() {
			ctx := context.Background()
			conn, err := pgx.ConnectConfig(ctx, admin.Config().ConnConfig)
			require.NoError(t, err)
			defer conn.Close(ctx)
			for _, sql := range []string{"drop owned by " + role, "drop role " + role} {
				_, err := conn.Exec(ctx, sql)
				require.NoError(t, err, sql)
			}
		})
	}
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	require.NoError(t, migrations.ApplyGrants(t.Context(), conn, roles))
	require.NoError(t, migrations.EnableRLS(t.Context(), conn, roles))
	return admin, as(t, admin, roles.App), as(t, admin, roles.Worker)
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

func TestUnderRowLevelSecurity(t *testing.T) {
	t.Parallel()
	admin, app, worker := newRoles(t)
	inTenant := func(f func(tx pgx.Tx)) {
		tx := begin(t, app)
		execute(t, tx, "select set_config('tenon.tenant_id', 'acme', true)")
		f(tx)
		require.NoError(t, tx.Commit(t.Context()))
	}
	inTenant(func(tx pgx.Tx) {
		store := notifypg.New(tx, nil)
		require.NoError(t, store.Notify(t.Context(), notifytest.Notification("acme", "k")))
		require.NoError(t, store.Notify(t.Context(), notifytest.Notification("acme", "k")), "again")
	})
	tx := begin(t, app)
	execute(t, tx, "select set_config('tenon.tenant_id', 'acme', true)")
	require.Error(t, notifypg.New(tx, nil).Notify(t.Context(), notifytest.Notification("globex", "k")))
	require.NoError(t, notifypg.New(worker, nil).Notify(t.Context(), notifytest.Notification("", "of nobody")))
	require.NoError(t, notifypg.New(worker, nil).Notify(t.Context(), notifytest.Notification("globex", "theirs")))
	inTenant(func(tx pgx.Tx) {
		list, err := notifypg.New(tx, nil).List(t.Context(), notify.Query{})
		require.NoError(t, err)
		require.Len(t, list, 1)
	})

	require.ErrorIs(t, newOutbox(app, nil).Run(t.Context()), tenon.ErrDenied)
	to := runFor(t, worker, func(to *notifytest.Notifier) bool { return len(to.Told()) == 3 })
	require.ElementsMatch(t, []string{"k", "of nobody", "theirs"}, to.Keys())
	require.Zero(t, one[int](t, admin, "select count(*) from tenon.notifications where state <> 'delivered'"))
}

func TestExportAndErase(t *testing.T) {
	t.Parallel()
	_, pool := database(t)
	store := notifypg.New(pool, nil)
	for _, tenant := range []string{"acme", "globex"} {
		require.NoError(t, store.Notify(t.Context(), notifytest.Notification(tenant, "k")))
	}
	_, err := store.Claim(t.Context(), notify.Claim{
		Destination: notify.DefaultDestination, Lease: tenon.NewID(noon), Now: noon, Until: noon, Limit: 5,
	})
	require.NoError(t, err)
	subject := tenon.Subject{Tenant: "acme"}
	var tables []string
	for row, err := range store.Export(t.Context(), subject) {
		require.NoError(t, err)
		require.True(t, json.Valid(row.Data))
		require.Contains(t, string(row.Data), "acme")
		tables = append(tables, row.Table)
	}
	require.Equal(t, []string{"tenon.notification_groups", "tenon.notifications"}, tables)
	for row, err := range store.Export(t.Context(), tenon.Subject{Tenant: "acme", User: "ann"}) {
		t.Fatalf("a person has no rows here, and there is %v (%v)", row, err)
	}
	for _, err := range store.Export(t.Context(), tenon.Subject{}) {
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
	none := map[string]int64{"tenon.notification_groups": 0, "tenon.notifications": 0}
	erased, err := store.Erase(t.Context(), tenon.Subject{Tenant: "acme", User: "ann"})
	require.NoError(t, err)
	require.Equal(t, none, erased)
	erased, err = store.Erase(t.Context(), subject)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"tenon.notification_groups": 1, "tenon.notifications": 1}, erased)
	erased, err = store.Erase(t.Context(), subject)
	require.NoError(t, err)
	require.Equal(t, none, erased)
	_, err = store.Erase(t.Context(), tenon.Subject{User: "ann"})
	require.ErrorIs(t, err, tenon.ErrInvalid)
	require.Equal(t, 2, one[int](t, pool, "select (select count(*) from tenon.notifications)"+
		" + (select count(*) from tenon.notification_groups)"))
}

func TestEraseAnswersForEveryTableWithATenant(t *testing.T) {
	t.Parallel()
	_, pool := database(t)
	erased, err := notifypg.New(pool, nil).Erase(t.Context(), tenon.Subject{Tenant: "acme"})
	require.NoError(t, err)
	rows, err := pool.Query(t.Context(), `
select 'tenon.' || table_name
from information_schema.columns
where table_schema = 'tenon'
  and column_name = 'tenant_id'`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Len(t, erased, len(tables))
	for _, table := range tables {
		require.Contains(t, erased, table)
	}
}
