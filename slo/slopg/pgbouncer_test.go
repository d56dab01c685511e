package slopg_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slopg"
	"github.com/transbotai/tenon/slo/slotest"
)

func TestStoreThroughPgBouncer(t *testing.T) {
	t.Parallel()
	pooler := pgtest.Pooler(t)
	for _, mode := range pgtest.ExecModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			open := func(t *testing.T) *pgxpool.Pool {
				return pgtest.Connect(t, pgtest.Pooled(pooler, pgtest.Database(t, migrations.SLO), mode))
			}
			slotest.TestStore(t, func(t *testing.T) slo.Store { return slopg.New(open(t), nil) })
			slotest.TestEffects(t, func(t *testing.T, n tenon.Notifier, r tenon.Recorder) slo.Store {
				return slopg.New(open(t), telling(n, r))
			})
		})
	}
}

func TestTablesThroughPgBouncer(t *testing.T) {
	t.Parallel()
	pooler := pgtest.Pooler(t)
	for _, mode := range pgtest.ExecModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.Connect(t, pgtest.Pooled(pooler, pgtest.Database(t, migrations.SLO), mode))
			pgtest.Exec(t, pool, hostSQL, pgx.QueryExecModeSimpleProtocol)
			now := time.Date(2026, 3, 10, 12, 0, 30, 0, time.UTC)
			insert(t, pool, event{at: now, status: 200, took: 501}, event{at: now, status: 500, took: 500})
			store := slopg.New(pool, &slopg.Options{Tables: tables})
			acme := uptime()
			acme.Tenant = "acme"
			define(t, store, uptime(), latency(), acme)
			require.NoError(t, store.Check(t.Context()))
			require.NoError(t, store.Fold(t.Context(), now))
			require.NoError(t, store.Fold(t.Context(), now.Add(time.Minute)))
			r := report(t, store, now.Add(time.Minute))
			s, _ := r.Status(uptime().Key)
			require.Equal(t, slo.Count{Good: 1, Valid: 2}, s.Count)
			s, _ = r.Status(latency().Key)
			require.Equal(t, slo.Count{Good: 1, Valid: 2}, s.Count)
			require.InEpsilon(t, 501e6, float64(s.Latency.P99), 0.01)
		})
	}
}
