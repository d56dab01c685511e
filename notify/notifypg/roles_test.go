package notifypg_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
	"github.com/transbotai/tenon/notify/notifytest"
)

func TestUnderRowLevelSecurity(t *testing.T) {
	t.Parallel()
	roles := pgtest.NewRoles(t, database(t))
	admin, app, worker := roles.Admin, roles.App, roles.Worker
	inTenant := func(f func(tx pgx.Tx)) {
		tx := pgtest.Begin(t, app)
		pgtest.Exec(t, tx, "select set_config('tenon.tenant_id', 'acme', true)")
		f(tx)
		require.NoError(t, tx.Commit(t.Context()))
	}
	inTenant(func(tx pgx.Tx) {
		store := notifypg.New(tx, nil)
		require.NoError(t, store.Notify(t.Context(), notifytest.Notification("acme", "k")))
		require.NoError(t, store.Notify(t.Context(), notifytest.Notification("acme", "k")), "again")
	})
	tx := pgtest.Begin(t, app)
	pgtest.Exec(t, tx, "select set_config('tenon.tenant_id', 'acme', true)")
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
	require.Zero(t, pgtest.One[int](t, admin, "select count(*) from tenon.notifications where state <> 'delivered'"))
}
