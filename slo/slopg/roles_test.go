package slopg_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slopg"
)

func TestTheWorkerDecidesAndTheAppSeesItsTenantAlone(t *testing.T) {
	t.Parallel()
	roles := pgtest.NewRoles(t, database(t))
	worker := slopg.New(roles.Worker, nil)
	now := time.Date(2026, 3, 10, 12, 0, 30, 0, time.UTC)
	acme := uptime()
	acme.Tenant = "acme"
	_, err := board(worker, now.Add(-48*time.Hour)).Define(t.Context(), uptime(), acme)
	require.NoError(t, err)
	var minutes []slo.Minute
	for _, o := range []slo.Objective{uptime(), acme} {
		minutes = append(minutes, slo.Minute{
			Key: o.Key, Measure: o.Measure(), At: now.Truncate(time.Minute), Instance: "one", Good: 500, Valid: 1000,
		})
	}
	require.NoError(t, worker.Record(t.Context(), minutes))
	r, err := board(worker, now).Evaluate(t.Context())
	require.NoError(t, err)
	require.True(t, r.Freeze.Frozen)

	app := roles.App
	require.ErrorIs(t, slopg.New(app, nil).Run(t.Context()), migrations.ErrFiltered)
	tx := pgtest.Begin(t, app)
	pgtest.Exec(t, tx, "select set_config('tenon.tenant_id', 'acme', true)")
	seen, err := board(slopg.New(tx, nil), now).Current(t.Context())
	require.NoError(t, err)
	require.Len(t, seen.Statuses, 1)
	require.Equal(t, acme.Key, seen.Statuses[0].Objective.Key)
	_, err = board(slopg.New(tx, nil), now).Define(t.Context(), uptime())
	require.Error(t, err, "the app may not change objectives")
}
