package flagspg_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagspg"
	"github.com/transbotai/tenon/flags/flagstest"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func TestStoreThroughPgBouncer(t *testing.T) {
	t.Parallel()
	pooler := pgtest.Pooler(t)
	for _, mode := range pgtest.ExecModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			url := pgtest.Database(t, migrations.Flags)
			store := flagspg.New(pgtest.Connect(t, pgtest.Pooled(pooler, url, mode)), nil)
			flagstest.TestStore(t, func(*testing.T) flags.Store { return store })
			erased, err := store.Erase(t.Context(), tenon.Subject{Tenant: "acme"})
			require.NoError(t, err)
			require.Len(t, erased, 2)
		})
	}
}
