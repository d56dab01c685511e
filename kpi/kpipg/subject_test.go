package kpipg_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpipg"
)

// personal says that the amount of a quote is about a person.
var personal = &kpi.Registry{Events: map[string]kpi.EventType{"quote_sent": {
	Properties: map[string]kpi.PropertyType{"amount": {Type: kpi.TypeNumber, Personal: true}}, Open: true,
}}}

func export(t *testing.T, s *kpipg.Store, subject tenon.Subject) map[string]int {
	t.Helper()
	found := map[string]int{}
	for row, err := range s.Export(t.Context(), subject) {
		require.NoError(t, err)
		require.Contains(t, string(row.Data), `"acme"`)
		found[row.Table]++
	}
	return found
}

func TestACompanyIsExportedAndErased(t *testing.T) {
	t.Parallel()
	pool := database(t)
	define(t, pool)
	track(t, pool, sent("acme", "1"), accepted("acme", "1"), sent("zenith", "1"))
	fold(t, pool)
	track(t, pool, sent("acme", "2"))
	store := kpipg.New(pool, nil)
	aside := kpi.NewTracker(store, &kpi.TrackerOptions{Unfit: kpi.Quarantine})
	_, err := aside.Track(t.Context(), kpi.Event{Tenant: "acme", Name: strings.Repeat("x", 201)})
	require.NoError(t, err)

	all := tenon.Subject{Tenant: "acme"}
	require.Equal(t, map[string]int{
		"tenon.event_keys": 3, "tenon.events": 3, "tenon.event_quarantine": 1, "tenon.kpi_pending": 1,
		"tenon.kpi_rollups": 3, "tenon.kpi_subjects": 1, "tenon.kpi_freshness": 1,
	}, export(t, store, all))
	erased, err := store.Erase(t.Context(), all)
	require.NoError(t, err)
	require.EqualValues(t, 3, erased["tenon.events"])
	require.Empty(t, export(t, store, all))
	require.Equal(t, "0 of 1, 0", figure(t, pool, "quote_book", ""))
	consistent(t, pool)
	for _, s := range []tenon.Subject{{}, {User: "ann"}} {
		_, err := store.Erase(t.Context(), s)
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
}

func TestEveryTableOfATenantIsErased(t *testing.T) {
	t.Parallel()
	pool := database(t)
	erased, err := kpipg.New(pool, nil).Erase(t.Context(), tenon.Subject{Tenant: "acme"})
	require.NoError(t, err)
	const tables = `
select 'tenon.' || c.relname
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
where c.relnamespace = 'tenon'::regnamespace
  and c.relkind in ('r', 'p')
  and not c.relispartition`
	for _, table := range pgtest.List[string](t, pool, tables) {
		require.Contains(t, erased, table)
	}
}

func TestAPersonBecomesNobodyAndFiguresStayAsTheyWere(t *testing.T) {
	t.Parallel()
	pool := database(t)
	define(t, pool)
	track(t, pool, sent("acme", "1"), accepted("acme", "1"))
	fold(t, pool)
	track(t, pool, sent("acme", "2"))
	store := kpipg.New(pool, &kpipg.Options{Registry: personal})
	ann := tenon.Subject{Tenant: "acme", User: "ann"}
	require.Equal(t, map[string]int{"tenon.events": 2}, export(t, store, ann))
	erased, err := store.Erase(t.Context(), ann)
	require.NoError(t, err)
	require.EqualValues(t, 2, erased["tenon.events"])
	require.Empty(t, export(t, store, ann))
	for _, table := range []string{"events", "kpi_pending", "kpi_subjects", "kpi_rollups", "event_quarantine"} {
		require.Zero(t, pgtest.One[int64](t, pool, "select count(*) from tenon."+table+" t where to_jsonb(t)::text like '%ann%'"), table)
	}
	require.Equal(t, "1 of 2, 0", figure(t, pool, "quote_book", "acme"))
	require.Equal(t, "0 of 2, 0", figure(t, pool, "amount", "acme"), "the amounts were personal")
	require.Equal(t, "2 of 2, 0", figure(t, pool, "users", "acme"), "bob, and nobody")
	consistent(t, pool)
}
