package directorypg_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directorypg"
	"github.com/transbotai/tenon/directory/directorytest"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// execModes are those of pgx that prepare no statement under a name, as PgBouncer in transaction mode may require.
var execModes = []string{"exec", "simple_protocol"}

func connectPool(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func TestStoreInEveryModeOfExecution(t *testing.T) {
	t.Parallel()
	for _, mode := range execModes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			modePool := func(t *testing.T) *pgxpool.Pool {
				return connectPool(t, pgtest.Database(t, migrations.Directory)+"&default_query_exec_mode="+mode)
			}
			directorytest.TestStore(t, func(t *testing.T) directory.Store { return directorypg.New(modePool(t), nil) })
			if mode == "simple_protocol" { // values go as text there, which is the harder way
				directorytest.TestEffects(t, func(t *testing.T, n tenon.Notifier, r tenon.Recorder) directory.Store {
					return directorypg.New(modePool(t), telling(n, r))
				})
			}
			store := directorypg.New(modePool(t), nil)
			d := publish(t, bookAt(store, noon, nil), "acme", profile("One"))
			erased, err := store.Erase(t.Context(), tenon.Subject{Tenant: "acme", User: "ines"})
			require.NoError(t, err)
			require.Len(t, erased, 7)
			for row, err := range store.Export(t.Context(), tenon.Subject{Tenant: "acme"}) {
				require.NoError(t, err)
				require.Contains(t, string(row.Data), d.ID)
			}
			erased, err = store.Erase(t.Context(), tenon.Subject{Tenant: "acme"})
			require.NoError(t, err)
			require.EqualValues(t, 1, erased["tenon.directory_entries"])
		})
	}
}
