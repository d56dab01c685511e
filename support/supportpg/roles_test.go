package supportpg_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supportpg"
)

func TestTheAppSeesItsTenantAloneAndTheWorkerAll(t *testing.T) {
	t.Parallel()
	roles := pgtest.NewRoles(t, database(t))
	app, work := roles.App, roles.Worker
	for _, tenant := range []string{"acme", "zenith"} {
		tx, err := app.Begin(t.Context())
		require.NoError(t, err)
		pgtest.Exec(t, tx, "select set_config('tenon.tenant_id', $1, true)", tenant)
		desk := support.NewDesk(supportpg.New(tx, nil))
		opened, err := desk.Open(t.Context(), support.NewTicket{Tenant: tenant, Priority: support.P1, Issue: "x"})
		require.NoError(t, err)
		_, err = desk.Solve(t.Context(), opened.Ref, "done")
		require.NoError(t, err)
		found, err := desk.List(t.Context(), support.TicketQuery{})
		require.NoError(t, err)
		require.Len(t, found, 1, tenant)
		require.NoError(t, tx.Commit(t.Context()))
	}
	desk := support.NewDesk(supportpg.New(work, nil))
	found, err := desk.List(t.Context(), support.TicketQuery{})
	require.NoError(t, err)
	require.Len(t, found, 2)
	rules, err := desk.Rules(t.Context())
	require.NoError(t, err)
	_, err = desk.SetRules(t.Context(), rules, "")
	require.NoError(t, err)
	_, err = support.NewDesk(supportpg.New(app, nil)).SetRules(t.Context(), rules, "")
	require.Error(t, err, "the app may not change the rules")
	timers, err := support.NewTimers(supportpg.New(app, nil), desk.Work(), nil)
	require.NoError(t, err)
	require.ErrorIs(t, timers.Run(t.Context()), migrations.ErrFiltered)
	require.True(t, errors.Is(migrations.ErrFiltered, tenon.ErrDenied))
}
