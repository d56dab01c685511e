package notifypg_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
	"github.com/transbotai/tenon/notify/notifytest"
)

// database makes a database of the test's own.
func database(t testing.TB) (url string, pool *pgxpool.Pool) {
	t.Helper()
	url = pgtest.Database(t, migrations.Notify)
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return url, pool
}

func TestStore(t *testing.T) {
	t.Parallel()
	_, pool := database(t)
	notifytest.TestStore(t, func(*testing.T) notify.Store { return notifypg.New(pool, nil) })
}

func TestStoreInEveryModeOfExecution(t *testing.T) {
	t.Parallel()
	url, _ := database(t)
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			config, err := pgxpool.ParseConfig(url)
			require.NoError(t, err)
			config.ConnConfig.DefaultQueryExecMode = mode
			pool, err := pgxpool.NewWithConfig(t.Context(), config)
			require.NoError(t, err)
			t.Cleanup(pool.Close)
			notifytest.TestStore(t, func(*testing.T) notify.Store { return notifypg.New(pool, nil) })
		})
	}
}
