package kpipg_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/kpi/kpipg"
	"github.com/transbotai/tenon/migrations"
)

func TestStoreThroughPgBouncer(t *testing.T) {
	t.Parallel()
	pooler := pgtest.Pooler(t)
	for _, mode := range pgtest.ExecModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.Connect(t, pgtest.Pooled(pooler, pgtest.Database(t, migrations.KPI), mode))
			define(t, pool)
			track(t, pool, sent("acme", "1"), accepted("acme", "1"))
			fold(t, pool)
			track(t, pool, sent("acme", "1"), sent("acme", "2"))
			_, err := patient(kpipg.New(pool, nil)).Correct(t.Context(), sent("acme", "1"))
			require.NoError(t, err)
			for range 2 {
				require.Equal(t, "1 of 2, 0", figure(t, pool, "quote_book", "acme"))
				require.Equal(t, "2 of 2, 25", figure(t, pool, "amount", "acme"))
				require.Equal(t, "2 of 2, 0", figure(t, pool, "users", "acme"))
				fold(t, pool)
				consistent(t, pool)
			}
			require.NoError(t, kpipg.New(pool, nil).Rebuild(t.Context()))
			consistent(t, pool)
			_, err = kpipg.New(pool, nil).Erase(t.Context(), tenon.Subject{Tenant: "acme", User: "ann"})
			require.NoError(t, err)
			consistent(t, pool)
		})
	}
}
