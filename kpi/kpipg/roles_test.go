package kpipg_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpipg"
	"github.com/transbotai/tenon/migrations"
)

func TestTheWorkerFoldsAndTheAppSeesItsTenantAlone(t *testing.T) {
	t.Parallel()
	roles := pgtest.NewRoles(t, database(t))
	admin, worker, app := roles.Admin, roles.Worker, roles.App
	define(t, worker)
	track(t, worker, sent("acme", "1"), sent("zenith", "1"), sent("zenith", "2"))

	require.ErrorIs(t, kpipg.New(app, nil).Run(t.Context()), migrations.ErrFiltered)
	tx := pgtest.Begin(t, app)
	pgtest.Exec(t, tx, "select set_config('tenon.tenant_id', 'acme', true)")
	require.Equal(t, kpi.Accepted, track(t, tx, accepted("acme", "1"))[0].Outcome)
	require.Equal(t, kpi.Duplicate, track(t, tx, sent("acme", "1"))[0].Outcome)
	require.Equal(t, "1 of 1, 0", figure(t, tx, "quote_book", "acme"))
	require.NoError(t, tx.Commit(t.Context()))

	running(t, kpipg.New(worker, &kpipg.Options{Every: 10 * time.Millisecond}).Run)
	require.Eventually(t, func() bool {
		return pgtest.One[int64](t, admin, "select count(*) from tenon.kpi_pending") == 0
	}, 30*time.Second, 10*time.Millisecond)
	consistent(t, worker)
	tx = pgtest.Begin(t, app)
	pgtest.Exec(t, tx, "select set_config('tenon.tenant_id', 'acme', true)")
	require.Equal(t, "1 of 1, 0", figure(t, tx, "quote_book", "acme"))
	require.Equal(t, "0 of 0, 0", figure(t, tx, "quote_book", "zenith"), "it sees none of them")
	require.EqualValues(t, 1, pgtest.One[int64](t, tx, "select sum(quotes) from tenon.kpi_quote_book"), "the view too")
	require.EqualValues(t, 3, pgtest.One[int64](t, admin, "select sum(quotes) from tenon.kpi_quote_book"))
	_, err := board(kpipg.New(app, nil)).Read(t.Context(), kpi.Query{KPI: "quote_book"})
	require.True(t, pgerr.Is(err, pgerr.InsufficientPrivilege), "all tenants together are not for the app: %v", err)
	for _, table := range []string{"kpi_rollups", "kpi_subjects", "kpi_freshness"} {
		_, err := app.Exec(t.Context(), "delete from tenon."+table)
		require.True(t, pgerr.Is(err, pgerr.InsufficientPrivilege), "who folds writes %s: %v", table, err)
	}
	_, err = kpipg.New(app, nil).Erase(t.Context(), tenon.Subject{Tenant: "zenith"})
	require.True(t, pgerr.Is(err, pgerr.InsufficientPrivilege), "erasing is for the worker: %v", err)
	require.EqualValues(t, 2, pgtest.One[int64](t, admin, "select count(*) from tenon.events where tenant_id = 'zenith'"))
}

// running runs f until the test ends.
func running(t *testing.T, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
}
