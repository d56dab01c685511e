package slopg_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slopg"
)

// meanwhile is a database in which something happens before the first transaction begins.
type meanwhile struct {
	slopg.DB
	first func()
}

func (m *meanwhile) Begin(ctx context.Context) (pgx.Tx, error) {
	if f := m.first; f != nil {
		m.first = nil
		f()
	}
	return m.DB.Begin(ctx)
}

func TestATenantThatIsErasedWhileItIsCountedStaysErased(t *testing.T) {
	t.Parallel()
	pool := hosted(t)
	options := &slopg.Options{Tables: tables}
	acme := uptime()
	acme.Tenant = "acme"
	define(t, slopg.New(pool, options), acme)
	now := time.Date(2026, 3, 10, 12, 0, 30, 0, time.UTC)
	insert(t, pool, event{at: now.Add(-time.Minute), status: 200, company: "acme"})
	erase := func() {
		_, err := slopg.New(pool, nil).Erase(t.Context(), tenon.Subject{Tenant: "acme"})
		require.NoError(t, err)
	}
	require.NoError(t, slopg.New(&meanwhile{pool, erase}, options).Fold(t.Context(), now))
	require.Zero(t, pgtest.One[int64](t, pool, "select count(*) from tenon.slo_rollups"))
	require.Zero(t, pgtest.One[int64](t, pool, "select count(*) from tenon.slo_sources"))
}

func TestATenantIsExportedAndErased(t *testing.T) {
	t.Parallel()
	store := slopg.New(database(t), nil)
	acme := uptime()
	acme.Tenant = "acme"
	define(t, store, uptime(), acme)
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	m := slo.Minute{Key: acme.Key, Measure: acme.Measure(), At: now, Instance: "one", Good: 1, Valid: 1, Sketch: slo.Sketch{}.Observe(1)}
	require.NoError(t, store.Record(t.Context(), []slo.Minute{m}))
	ctx := tenon.WithCaller(t.Context(), tenon.Caller{Actor: "ines"})
	_, err := board(store, now).Exclude(ctx, slo.Exclusion{Key: acme.Key, From: now, To: now.Add(time.Hour), Reason: "maintenance"})
	require.NoError(t, err)

	export := func(s tenon.Subject) map[string]int {
		found := map[string]int{}
		for row, err := range store.Export(t.Context(), s) {
			require.NoError(t, err)
			require.Contains(t, string(row.Data), `"acme"`)
			found[row.Table]++
		}
		return found
	}
	all := tenon.Subject{Tenant: "acme"}
	require.Equal(t, map[string]int{
		"tenon.slo_targets": 1, "tenon.slo_target_versions": 1, "tenon.slo_exclusions": 1, "tenon.slo_rollups": 1, "tenon.slo_sketches": 1,
	}, export(all))
	require.Equal(t, map[string]int{"tenon.slo_exclusions": 1}, export(tenon.Subject{Tenant: "acme", User: "ines"}))
	erased, err := store.Erase(t.Context(), tenon.Subject{Tenant: "acme", User: "ines"})
	require.NoError(t, err)
	require.EqualValues(t, 1, erased["tenon.slo_exclusions"])
	require.Empty(t, export(tenon.Subject{Tenant: "acme", User: "ines"}))

	erased, err = store.Erase(t.Context(), all)
	require.NoError(t, err)
	require.EqualValues(t, 1, erased["tenon.slo_rollups"])
	require.Contains(t, erased, "tenon.slo_sources")
	require.Empty(t, export(all))
	for _, s := range []tenon.Subject{{}, {User: "ines"}} {
		_, err := store.Erase(t.Context(), s)
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
	state, err := store.Load(t.Context())
	require.NoError(t, err)
	require.Len(t, state.Objectives, 1, "the system's own stays")
}
