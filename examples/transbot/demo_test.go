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
	require.NoError(t, sell(t.Context(), gate))
	return pool, gate
}

// sell brings the catalogue in.
func sell(ctx context.Context, gate *entitlements.Gate) error {
	catalog, err := entitlements.ParseCatalog(bytes.NewReader(catalogFile))
	if err != nil {
		return err
	}
	_, err = gate.ApplyCatalog(ctx, catalog)
	return err
}

// filledAt is when the demo of [alreadyFilled] was filled.
var filledAt = time.Now().UTC()

// alreadyFilled is a database with the catalogue in which the demo was filled.
func alreadyFilled(t *testing.T) (*pgxpool.Pool, *entitlements.Gate) {
	t.Helper()
	url := pgtest.Copy(t, "transbot filled", func(ctx context.Context, url string) error {
		pool, err := pgxpool.New(ctx, url)
		if err != nil {
			return err
		}
		defer pool.Close()
		if err := migrate(ctx, pool.Config().ConnConfig); err != nil {
			return err
		}
		if err := sell(ctx, entitlements.NewGate(entitlementspg.New(pool, nil), nil)); err != nil {
			return err
		}
		_, err = demo.Fill(ctx, pool, filledAt)
		return err
	})
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool, entitlements.NewGate(entitlementspg.New(pool, nil), nil)
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
	pool, gate := alreadyFilled(t)
	require.Len(t, content(t, pool, "companies"), 40)
	require.Greater(t, len(content(t, pool, "quotes")), 5_000)

	t.Run("filled_twice_is_the_same", func(t *testing.T) {
		before := map[string][]string{}
		for _, table := range filled {
			before[table] = content(t, pool, table)
			require.NotEmpty(t, before[table], table)
		}
		again, err := demo.Fill(t.Context(), pool, filledAt)
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
	one, _ := alreadyFilled(t)
	other, _ := filling(t)
	made, err := demo.Fill(t.Context(), other, filledAt)
	require.NoError(t, err)
	require.Equal(t, 40, made.Companies)
	require.Equal(t, content(t, one, quotes), content(t, other, quotes))
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
