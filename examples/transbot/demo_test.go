package main

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/examples/transbot/internal/demo"
	"github.com/transbotai/tenon/internal/pgtest"
)

// filling is a database with the catalogue, for the demo to be filled in.
func filling(t *testing.T) (*pgxpool.Pool, *entitlements.Gate) {
	t.Helper()
	all, err := sets()
	require.NoError(t, err)
	pool := pgtest.Pool(t, all...)
	gate := entitlements.NewGate(entitlementspg.New(pool, nil), nil)
	catalog, err := entitlements.ParseCatalog(bytes.NewReader(catalogFile))
	require.NoError(t, err)
	_, err = gate.ApplyCatalog(t.Context(), catalog)
	require.NoError(t, err)
	return pool, gate
}

// content returns every row of a table as text, in order.
func content(t *testing.T, pool *pgxpool.Pool, table string) []string {
	t.Helper()
	rows, err := pool.Query(context.WithoutCancel(t.Context()), "select r::text from "+table+" r order by 1")
	require.NoError(t, err)
	var all []string
	for rows.Next() {
		var row string
		require.NoError(t, rows.Scan(&row))
		all = append(all, row)
	}
	require.NoError(t, rows.Err())
	return all
}

var filled = []string{
	"companies", "users", "quotes", "bulk_jobs", "tenon.org_entitlements", "tenon.plan_history", "tenon.grants",
	"tenon.overrides", "tenon.usage_events", "tenon.usage_keys", "tenon.usage_counters",
}

func TestDemo(t *testing.T) {
	t.Parallel()
	pool, gate := filling(t)
	now := time.Now().UTC()
	made, err := demo.Fill(t.Context(), pool, now)
	require.NoError(t, err)
	require.Equal(t, 40, made.Companies)
	require.Greater(t, made.Quotes, 5_000)

	t.Run("filled_twice_is_the_same", func(t *testing.T) {
		before := map[string][]string{}
		for _, table := range filled {
			before[table] = content(t, pool, table)
			require.NotEmpty(t, before[table], table)
		}
		again, err := demo.Fill(t.Context(), pool, now)
		require.NoError(t, err)
		require.Zero(t, again)
		for _, table := range filled {
			require.Equal(t, before[table], content(t, pool, table), table)
		}
	})

	t.Run("has_every_plan_and_state", func(t *testing.T) {
		states := map[string]bool{}
		for _, row := range content(t, pool, "(select distinct plan_id || '/' || status from tenon.org_entitlements)") {
			states[row] = true
		}
		for _, want := range []string{"(starter/active)", "(pro/active)", "(enterprise/active)", "(pro/trialing)", "(pro/past_due)", "(starter/canceled)", "(pro/paused)"} {
			require.True(t, states[want], "%s in %v", want, states)
		}
		for company, plan := range map[string]string{demo.StarterCompany: "starter", demo.ProCompany: "pro", demo.EnterpriseCompany: "enterprise"} {
			e, err := gate.Entitlement(t.Context(), company)
			require.NoError(t, err)
			require.Equal(t, plan, e.Plan)
		}
		require.Equal(t, "transbotai-demo", demo.ProCompany)
	})

	t.Run("leaves_the_starter_company_two_quotes", func(t *testing.T) {
		d, err := gate.Check(t.Context(), demo.StarterCompany, "rates")
		require.NoError(t, err)
		require.Equal(t, int64(2), d.Remaining)
	})

	t.Run("counted_what_it_kept", func(t *testing.T) {
		drift, err := gate.Reconcile(t.Context(), "")
		require.NoError(t, err)
		require.Empty(t, drift)
		quotes := content(t, pool, "(select company_id, count(*) from quotes group by 1)")
		uses := content(t, pool, "(select tenant_id, count(*) from tenon.usage_events where feature_key = 'rates' group by 1)")
		require.Equal(t, quotes, uses)
	})
}

func TestDemoIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	const quotes = "(select company_id, key, origin, destination, weight_kg, price_cents, status, created_at from quotes)"
	now := time.Now().UTC()
	var all [2][]string
	for i := range all {
		pool, _ := filling(t)
		_, err := demo.Fill(t.Context(), pool, now)
		require.NoError(t, err)
		all[i] = content(t, pool, quotes)
	}
	require.Equal(t, all[0], all[1])
}

func TestDemoGoesOn(t *testing.T) {
	t.Parallel()
	const quotes = "(select company_id, key, origin, destination, price_cents, created_at from quotes)"
	pool, gate := filling(t)
	now := time.Now().UTC()
	_, err := demo.Fill(t.Context(), pool, now.AddDate(0, 0, -3))
	require.NoError(t, err)
	before := content(t, pool, quotes)
	_, err = pool.Exec(t.Context(), "delete from tenon.usage_keys") // as the gate does in the end
	require.NoError(t, err)
	made, err := demo.Fill(t.Context(), pool, now)
	require.NoError(t, err)
	require.Zero(t, made.Companies)
	require.Positive(t, made.Quotes)
	after := content(t, pool, quotes)
	require.Len(t, after, len(before)+made.Quotes)
	for _, row := range before {
		_, kept := slices.BinarySearch(after, row)
		require.True(t, kept, row)
	}
	drift, err := gate.Reconcile(t.Context(), "")
	require.NoError(t, err)
	require.Empty(t, drift)
	require.Len(t, content(t, pool, "(select from tenon.usage_events where feature_key = 'rates')"), len(after))
}
