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

func TestStoreThroughPgBouncer(t *testing.T) {
	t.Parallel()
	pooler := pgtest.Pooler(t)
	for _, mode := range pgtest.ExecModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			open := func(t *testing.T) *pgxpool.Pool {
				return pgtest.Connect(t, pgtest.Pooled(pooler, pgtest.Database(t, migrations.Directory), mode))
			}
			directorytest.TestStore(t, func(t *testing.T) directory.Store { return directorypg.New(open(t), nil) })
			if mode == "simple_protocol" { // values go as text there, which is the harder way
				directorytest.TestEffects(t, func(t *testing.T, n tenon.Notifier, r tenon.Recorder) directory.Store {
					return directorypg.New(open(t), telling(n, r))
				})
			}
			store := directorypg.New(open(t), nil)
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
