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

// execModes are those of pgx that prepare no statement under a name, as PgBouncer before 1.21 requires.
var execModes = []string{"cache_describe", "exec", "simple_protocol"}

func connect(t *testing.T, url, mode string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url+"&default_query_exec_mode="+mode)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func TestStoreInEveryModeOfExecution(t *testing.T) {
	t.Parallel()
	for _, mode := range execModes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			slotest.TestStore(t, func(t *testing.T) slo.Store {
				return slopg.New(connect(t, pgtest.Database(t, migrations.SLO), mode), nil)
			})
			slotest.TestEffects(t, func(t *testing.T, n tenon.Notifier, r tenon.Recorder) slo.Store {
				return slopg.New(connect(t, pgtest.Database(t, migrations.SLO), mode), telling(n, r))
			})
		})
	}
}

func TestTablesThroughPgBouncer(t *testing.T) {
	t.Parallel()
	for _, mode := range execModes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			config, err := pgx.ParseConfig(pgtest.Database(t, migrations.SLO))
			require.NoError(t, err)
			pool := connect(t, pgtest.PgBouncer(t, pgtest.Shared(t), config.Database, map[string]string{"default_pool_size": "2"}), mode)
			_, err = pool.Exec(t.Context(), hostSQL, pgx.QueryExecModeSimpleProtocol)
			require.NoError(t, err)
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
