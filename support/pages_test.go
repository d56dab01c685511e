package support_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/support"
)

func TestReportsCountMoreThanAPageHolds(t *testing.T) {
	t.Parallel()
	store, began := support.NewMemoryStore(nil), time.Now().Add(-time.Minute)
	desk, findings := support.NewDesk(store), support.NewFindings(store, nil)
	const count = 1001 // one more than a page
	for i := range count {
		_, err := desk.Open(t.Context(), support.NewTicket{Tenant: "acme", Priority: support.P2, Issue: "x"})
		require.NoError(t, err)
		_, err = findings.Report(t.Context(), support.NewFinding{
			Tenant: "acme", Title: fmt.Sprint(i), Severity: support.Low, FoundAt: began.AddDate(0, 0, -i%2),
		})
		require.NoError(t, err)
	}
	report, err := desk.Report(t.Context(), "acme", began.Add(-time.Hour), time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, count, report.Total)
	for since, want := range map[time.Time]int{{}: count, began.Add(-time.Hour): count/2 + 1} {
		kpi, err := findings.KPI(t.Context(), "acme", since)
		require.NoError(t, err)
		require.Equal(t, want, kpi.Lines[3].Open, "found since %s", since)
	}
}

func TestWhatTheClocksDidIsKeptThoughNobodyIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		desk := support.NewDesk(support.NewMemoryStore(nil))
		opened, err := desk.Open(t.Context(), support.NewTicket{Tenant: "acme", Priority: support.P1, Issue: "x"})
		require.NoError(t, err)
		time.Sleep(2 * time.Hour)
		require.NoError(t, desk.Tick(t.Context(), opened.Ref))
		seen, err := desk.Get(t.Context(), opened.Ref)
		require.NoError(t, err)
		require.Len(t, seen.History, 3)
		require.Equal(t, support.Escalated, seen.History[1].Kind)
		require.Equal(t, support.Breached, seen.History[2].Kind)
	})
}
