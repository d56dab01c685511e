package entitlementspg_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/internal/pgtest"
)

// full makes a tenant with a row in every table that has rows of tenants.
func full(t *testing.T, s *entitlementspg.Store) string {
	t.Helper()
	ctx := tenon.WithCaller(t.Context(), tenon.Caller{Actor: "ann"})
	g := entitlements.NewGate(s, nil)
	tenant := subscribe(t, g, "basic")
	_, err := g.Grant(ctx, tenant, entitlements.Grant{Feature: mixed, Amount: 10})
	require.NoError(t, err)
	allowed(t, g, use(tenant, mixed, 205, "k"))
	allowed(t, g, use(tenant, alarms, 6, ""))
	_, err = g.Reserve(ctx, use(tenant, calls, 2, ""), time.Hour)
	require.NoError(t, err)
	require.NoError(t, g.Attach(ctx, tenant, "pack", 1))
	hard := int64(9)
	require.NoError(t, g.Override(ctx, tenant, entitlements.Override{Feature: calls, Period: entitlements.Monthly, Hard: &hard, Reason: "agreed"}))
	bill(t, s, tenant)
	return tenant
}

// bill gives the tenant what a biller keeps.
func bill(t *testing.T, s *entitlementspg.Store, tenant string) {
	t.Helper()
	at, customer, holder := now(), "cus_"+tenant, tenon.NewID(time.Now())
	_, err := s.LinkCustomer(t.Context(), entitlements.BillingCustomer{Tenant: tenant, Customer: customer, LinkedAt: at})
	require.NoError(t, err)
	_, err = s.LeaseCustomer(t.Context(), entitlements.LeaseRequest{Customer: customer, Holder: holder, TTL: time.Hour})
	require.NoError(t, err)
	_, err = s.Conclude(t.Context(), entitlements.Conclusion{
		Customer: customer, Holder: holder, Tenant: tenant, Now: at,
		Event: entitlements.BillingEvent{ID: "evt_" + tenant, Type: "invoice.paid", Customer: customer, State: entitlements.EventDone, ReceivedAt: at},
	})
	require.NoError(t, err)
	w := entitlements.UsageWindow{Tenant: tenant, Meter: "calls", Start: at}
	require.NoError(t, s.PlanUsage(t.Context(), w, func([]entitlements.UsageLine) ([]entitlements.UsageLine, error) {
		return []entitlements.UsageLine{{UsageWindow: w, Revision: 1, Quantity: 1, At: at, State: entitlements.UsagePending, CreatedAt: at, NextAt: at}}, nil
	}))
	_, err = s.Change(t.Context(), tenant, at, func(r *entitlements.Rights, _ *entitlements.Versions) ([]tenon.Change, error) {
		r.Entitlement.Status, r.Entitlement.TrialEndsAt = entitlements.Trialing, at.Add(time.Hour)
		return nil, nil
	})
	require.NoError(t, err)
	_, err = s.RemindOfTrials(t.Context(), at, []time.Duration{2 * time.Hour})
	require.NoError(t, err)
}

func TestErase(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s := entitlementspg.New(pool, nil)
	tenant, other := full(t, s), full(t, s)
	theirs := dump(t, pool, other)
	mine := dump(t, pool, tenant)
	tables := pgtest.List[string](t, pool, tenantTablesSQL)

	erased, err := s.Erase(t.Context(), tenon.Subject{Tenant: tenant})
	require.NoError(t, err)
	for _, table := range []string{"billing_events", "billing_leases"} {
		require.Equal(t, []string{"cus_" + other}, pgtest.List[string](t, pool, "select customer_id from tenon."+table))
	}
	require.Len(t, erased, len(tables), "it answers for every table of schema tenon with a column tenant_id, and no other")
	var sum int64
	for _, table := range tables {
		require.Contains(t, erased, "tenon."+table)
		require.Positive(t, erased["tenon."+table], "the test has no row in %s", table)
		sum += erased["tenon."+table]
	}
	require.EqualValues(t, len(mine), sum)
	require.Empty(t, dump(t, pool, tenant))
	require.Equal(t, theirs, dump(t, pool, other), "the other's rows are what they were")

	again, err := s.Erase(t.Context(), tenon.Subject{Tenant: tenant})
	require.NoError(t, err)
	for table, n := range again {
		require.Zero(t, n, table)
	}
	_, err = s.Erase(t.Context(), tenon.Subject{User: "ann"})
	require.ErrorIs(t, err, tenon.ErrInvalid)
	require.Equal(t, entitlements.ReasonNoPlan, consume(t, entitlements.NewGate(s, nil), use(tenant, calls, 1, "")).Reason)
}

func TestEraseOfAPersonEmptiesTheAuthorshipAndNothingElse(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s := entitlementspg.New(pool, nil)
	tenant, other := full(t, s), full(t, s)
	before, theirs := dump(t, pool, tenant), dump(t, pool, other)
	erased, err := s.Erase(t.Context(), tenon.Subject{Tenant: tenant, User: "ann"})
	require.NoError(t, err)
	require.EqualValues(t, 1, erased["tenon.overrides"])
	after := strings.Join(dump(t, pool, tenant), "\n")
	require.NotContains(t, after, "ann")
	require.Equal(t, strings.ReplaceAll(strings.Join(before, "\n"), `"created_by": "ann"`, `"created_by": ""`), after)
	require.Equal(t, theirs, dump(t, pool, other))
}

func TestEraseWhileTheTenantIsUsedLeavesNothing(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s := entitlementspg.New(pool, nil)
	tenant := full(t, s)
	stop := hammer(t, entitlements.NewGate(s, nil), []string{tenant})
	_, err := s.Erase(t.Context(), tenon.Subject{Tenant: tenant})
	require.NoError(t, err)
	stop()
	require.Empty(t, dump(t, pool, tenant))
}

func TestExport(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s := entitlementspg.New(pool, nil)
	tenant := full(t, s)
	full(t, s)
	var rows []string
	for row, err := range s.Export(t.Context(), tenon.Subject{Tenant: tenant}) {
		require.NoError(t, err)
		require.True(t, json.Valid(row.Data))
		rows = append(rows, strings.TrimPrefix(row.Table, "tenon.")+" "+string(row.Data))
	}
	require.ElementsMatch(t, dump(t, pool, tenant), rows)

	var of []string
	for row, err := range s.Export(t.Context(), tenon.Subject{Tenant: tenant, User: "ann"}) {
		require.NoError(t, err)
		of = append(of, row.Table)
	}
	require.Equal(t, []string{"tenon.overrides"}, of)

	for _, err := range s.Export(t.Context(), tenon.Subject{Tenant: tenant}) {
		require.NoError(t, err)
		break // gives its connection back
	}
	require.Zero(t, pool.Stat().AcquiredConns())
	for _, err := range s.Export(t.Context(), tenon.Subject{}) {
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
}
