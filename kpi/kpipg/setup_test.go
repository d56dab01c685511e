package kpipg_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpipg"
	"github.com/transbotai/tenon/migrations"
)

func database(t *testing.T) *pgxpool.Pool {
	t.Helper()
	return pgtest.Pool(t, migrations.KPI)
}

// patient returns a tracker that a busy machine does not hurry.
func patient(store kpi.Store) *kpi.Tracker {
	return kpi.NewTracker(store, &kpi.TrackerOptions{Timeout: time.Minute})
}

func board(store kpi.Store) *kpi.Board {
	return kpi.NewBoard(store, &kpi.BoardOptions{Timeout: time.Minute})
}

// quotes are KPIs with a rollup of each kind.
var quotes = []kpi.KPI{
	{Name: "sent", Count: &kpi.Count{Of: kpi.On("quote_sent"), Breakdown: "lane"}},
	{Name: "amount", Sum: &kpi.Sum{Of: kpi.On("quote_sent"), Property: "amount"}},
	{Name: "quote_book", Conversion: &kpi.Conversion{
		Start: kpi.On("quote_sent", "quote_accepted"), Convert: kpi.On("quote_accepted"), Subject: "quote",
	}},
	{Name: "users", Unique: &kpi.Unique{Of: kpi.On("quote_sent", "quote_accepted")}},
}

func define(t *testing.T, db kpipg.DB) {
	t.Helper()
	require.NoError(t, board(kpipg.New(db, nil)).Define(t.Context(), quotes...))
}

// sent and accepted are events about a quote, whose keys follow from it.
func sent(tenant, quote string) kpi.Event {
	return kpi.Event{
		Tenant: tenant, User: "ann", Name: "quote_sent", Key: "sent/" + quote,
		Properties: map[string]any{"quote": quote, "amount": 12.5, "lane": "north"},
	}
}

func accepted(tenant, quote string) kpi.Event {
	return kpi.Event{
		Tenant: tenant, User: "bob", Name: "quote_accepted", Key: "accepted/" + quote, Properties: map[string]any{"quote": quote},
	}
}

func track(t *testing.T, db kpipg.DB, events ...kpi.Event) []kpi.Receipt {
	t.Helper()
	receipts, err := patient(kpipg.New(db, nil)).Track(t.Context(), events...)
	require.NoError(t, err)
	return receipts
}

func fold(t *testing.T, db kpipg.DB) {
	t.Helper()
	require.NoError(t, kpipg.New(db, nil).Fold(t.Context()))
}

// figure returns a KPI's total over the present and the last day, whatever is mature.
func figure(t *testing.T, db kpipg.DB, name, tenant string) string {
	t.Helper()
	return figures(t, kpipg.New(db, nil), kpi.Query{KPI: name, Tenant: tenant, Last: 2})
}

func figureOf(t *testing.T, store *kpipg.Store, name string) string {
	t.Helper()
	return figures(t, store, kpi.Query{KPI: name, Last: 2})
}

func figures(t *testing.T, store *kpipg.Store, q kpi.Query) string {
	t.Helper()
	report, err := board(store).Read(t.Context(), q)
	require.NoError(t, err)
	var count, sample int64
	var sum kpi.Amount
	for _, p := range report.Points {
		count, sample = count+p.Count, sample+p.Sample
		if p.Sum != nil {
			sum += *p.Sum
		}
	}
	return fmt.Sprintf("%d of %d, %s", count, sample, sum)
}

// consistent requires that rollups say what the events say.
func consistent(t *testing.T, db kpipg.DB) {
	t.Helper()
	drifts, err := kpipg.New(db, nil).Verify(t.Context())
	require.NoError(t, err)
	require.Empty(t, drifts)
}

// refusing is a recorder that cannot.
type refusing struct{ err error }

func (r refusing) RecordChange(context.Context, tenon.Change) error { return r.err }
