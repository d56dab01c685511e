package main

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

const quotesSQL = `
create table public.quotes (
	tenant_id text not null,
	id uuid not null default gen_random_uuid(),
	lanes bigint not null check (lanes < 50),
	primary key (tenant_id, id)
)`

func TestAQuoteAndItsUseStandOrFallTogether(t *testing.T) {
	t.Parallel()
	ctx, url := t.Context(), pgtest.Database(t, migrations.Entitlements)
	pool, err := pgxpool.New(ctx, url)
	require.NoError(t, err)
	defer pool.Close()
	_, err = pool.Exec(ctx, quotesSQL)
	require.NoError(t, err)
	gate := entitlements.NewGate(entitlementspg.New(pool, nil), nil)
	_, err = gate.ApplyCatalog(ctx, entitlements.Catalog{
		Features: []entitlements.Feature{{Key: "rates", Kind: entitlements.Metered}},
		Plans: []entitlements.Plan{{ID: "starter", Features: map[string]entitlements.Allowance{
			"rates": {Limits: []entitlements.Limit{{Hard: 100, Period: entitlements.Monthly}}},
		}}},
	})
	require.NoError(t, err)
	_, err = gate.Subscribe(ctx, entitlements.Subscription{Tenant: "acme", Plan: "starter"})
	require.NoError(t, err)

	made := func(lanes string) (string, error) {
		var out strings.Builder
		err := run(ctx, url, "acme", lanes, &out)
		return out.String(), err
	}
	said, err := made("30")
	require.NoError(t, err)
	require.Equal(t, "Included in your plan.\n", said)
	_, err = made("60") // the plan allows it, the host's table does not
	require.Error(t, err)
	said, err = made("80")
	require.NoError(t, err)
	require.Equal(t, "The limit of your plan is reached.\n", said)

	var quotes int
	require.NoError(t, pool.QueryRow(ctx, "select count(*) from public.quotes").Scan(&quotes))
	require.Equal(t, 1, quotes)
	d, err := gate.Consume(ctx, entitlements.Use{Tenant: "acme", Feature: "rates"})
	require.NoError(t, err)
	require.EqualValues(t, 70, d.Remaining)
}
