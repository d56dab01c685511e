package supportpg_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supportpg"
)

func TestASubjectIsExportedAndErased(t *testing.T) {
	t.Parallel()
	pool := database(t)
	store := supportpg.New(pool, nil)
	ctx := tenon.WithCaller(t.Context(), tenon.Caller{Actor: "bob"})
	desk, findings := support.NewDesk(store), support.NewFindings(store, nil)
	tours, err := support.NewTours(store, []support.Tour{{Key: "a", Feature: "A", Title: "A", Steps: []support.TourStep{{Title: "1"}}}}, nil)
	require.NoError(t, err)
	for _, tenant := range []string{"acme", "zenith"} {
		opened, err := desk.Open(ctx, support.NewTicket{Tenant: tenant, Priority: support.P1, Issue: "x"})
		require.NoError(t, err)
		_, err = desk.Assign(ctx, opened.Ref, "bob")
		require.NoError(t, err)
		f, err := findings.Report(ctx, support.NewFinding{Tenant: tenant, Title: "x", Severity: support.Low})
		require.NoError(t, err)
		_, err = findings.Accept(ctx, f.Ref, support.Acceptance{Approver: "bob", Reason: "x", Until: time.Now().Add(time.Hour)})
		require.NoError(t, err)
		_, err = tours.Complete(ctx, support.Viewer{Tenant: tenant, User: "bob"}, "a")
		require.NoError(t, err)
	}
	export := func(s tenon.Subject) map[string]int {
		rows := map[string]int{}
		for row, err := range store.Export(t.Context(), s) {
			require.NoError(t, err)
			require.Contains(t, string(row.Data), `"acme"`)
			rows[row.Table]++
		}
		return rows
	}
	bob, acme := tenon.Subject{Tenant: "acme", User: "bob"}, tenon.Subject{Tenant: "acme"}
	require.Equal(t, map[string]int{"tenon.ticket_events": 2, "tenon.findings": 1, "tenon.tour_progress": 1}, export(bob))
	erased, err := store.Erase(t.Context(), bob)
	require.NoError(t, err)
	require.EqualValues(t, 2, erased["tenon.ticket_events"])
	require.Empty(t, export(bob))
	for table, n := range export(acme) {
		require.Positive(t, n, table)
	}
	all := map[string]int{"tenon.tickets": 1, "tenon.ticket_events": 2, "tenon.findings": 1, "tenon.timers": 2}
	require.Equal(t, all, export(acme))
	erased, err = store.Erase(t.Context(), acme)
	require.NoError(t, err)
	require.Contains(t, erased, "tenon.tour_progress")
	require.Empty(t, export(acme))
	require.Equal(t, 1, pgtest.One[int](t, pool, "select count(*) from tenon.tickets"), "the other tenant's stays")
	_, err = store.Erase(t.Context(), tenon.Subject{User: "bob"})
	require.ErrorIs(t, err, tenon.ErrInvalid)
}
