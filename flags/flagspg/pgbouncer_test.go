package flagspg_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagspg"
	"github.com/transbotai/tenon/flags/flagstest"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// execModes are those of pgx that prepare no statement under a name, as PgBouncer before 1.21 requires.
var execModes = []string{"cache_describe", "exec", "simple_protocol"}

func TestStoreThroughPgBouncer(t *testing.T) {
	t.Parallel()
	for _, mode := range execModes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			config, err := pgx.ParseConfig(pgtest.Database(t, migrations.Flags))
			require.NoError(t, err)
			url := pgtest.PgBouncer(t, pgtest.Shared(t), config.Database, map[string]string{"default_pool_size": "4"}) +
				"&pool_max_conns=12&default_query_exec_mode=" + mode
			store := flagspg.New(connectPool(t, url), nil)
			flagstest.TestStore(t, func(*testing.T) flags.Store { return store })
			erased, err := store.Erase(t.Context(), tenon.Subject{Tenant: "acme"})
			require.NoError(t, err)
			require.Len(t, erased, 2)
		})
	}
}
