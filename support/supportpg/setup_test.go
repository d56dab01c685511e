package supportpg_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supportpg"
	"github.com/transbotai/tenon/support/supporttest"
)

// soak says whether the long versions of the loops were asked for.
func soak() bool { return os.Getenv("TENON_SOAK") != "" }

func database(t *testing.T) (string, *pgxpool.Pool) {
	t.Helper()
	url := pgtest.Database(t, migrations.Support)
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return url, pool
}

// one reads one value.
func one[T any](t *testing.T, db supportpg.DB, sql string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, db.QueryRow(t.Context(), sql, args...).Scan(&v), sql)
	return v
}

func execute(t *testing.T, db supportpg.DB, sql string, args ...any) {
	t.Helper()
	_, err := db.Exec(t.Context(), sql, args...)
	require.NoError(t, err, sql)
}

func TestStore(t *testing.T) {
	t.Parallel()
	supporttest.TestStore(t, func(t *testing.T, n tenon.Notifier, r tenon.Recorder) support.Store {
		_, pool := database(t)
		return supportpg.New(pool, &supportpg.Options{
			Notifier: func(pgx.Tx) tenon.Notifier { return n }, Recorder: func(pgx.Tx) tenon.Recorder { return r },
		})
	})
}
