// Package operating_test tries what docs/operating.md says of every package at once: poolers, replicas, a server that
// stands still, connections, deploys, shutdown, alerts.
package operating_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// house are all sets.
var house = []migrations.Set{
	migrations.Audit, migrations.Directory, migrations.Entitlements, migrations.Flags, migrations.GDPR, migrations.KPI,
	migrations.Notify, migrations.Ratelimit, migrations.SLO, migrations.Support,
}

// soak says whether the long versions of the loops were asked for.
func soak() bool { return os.Getenv("TENON_SOAK") != "" }

func connect(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// start starts a server of the test's own with the whole house on it.
func start(t *testing.T, opts *pgtest.Options) *pgtest.Server {
	t.Helper()
	server, err := pgtest.Start(t.Context(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Stop() })
	conn, err := pgx.Connect(t.Context(), server.URL("postgres"))
	require.NoError(t, err)
	require.NoError(t, migrations.Apply(t.Context(), conn, house...))
	require.NoError(t, conn.Close(t.Context()))
	return server
}

// one reads one value.
func one[T any](t *testing.T, db pgtest.Handle, sql string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, db.QueryRow(t.Context(), sql, args...).Scan(&v), sql)
	return v
}
