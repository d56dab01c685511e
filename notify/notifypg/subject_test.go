package notifypg_test

import (
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
	"github.com/transbotai/tenon/notify/notifytest"
)

func TestExportAndErase(t *testing.T) {
	t.Parallel()
	pool := database(t)
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
	require.Equal(t, 2, pgtest.One[int](t, pool, "select (select count(*) from tenon.notifications)"+
		" + (select count(*) from tenon.notification_groups)"))
}

func TestEraseAnswersForEveryTableWithATenant(t *testing.T) {
	t.Parallel()
	pool := database(t)
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
