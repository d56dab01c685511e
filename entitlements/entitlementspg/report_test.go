package entitlementspg_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/internal/pgtest"
)

func TestReconcileNamesEachNumberThatIsWrongAndRepairSetsItRight(t *testing.T) {
	t.Parallel()
	pool := database(t)
	g := newGate(pool, nil)
	tenant, other := subscribe(t, g, "free"), subscribe(t, g, "basic")
	_, err := g.Grant(t.Context(), tenant, entitlements.Grant{Feature: calls, Amount: 5})
	require.NoError(t, err)
	allowed(t, g, use(tenant, calls, 4, ""))
	_, err = g.Reserve(t.Context(), use(tenant, calls, 2, ""), time.Hour)
	require.NoError(t, err)
	allowed(t, g, use(other, calls, 7, ""))
	right := dump(t, pool, tenant)
	pgtest.Exec(t, pool, "update tenon.usage_counters set used = 1, held = 9, granted = 0, sealed_until = 'infinity', ceiling = 99, hard_limit = 99 where tenant_id = $1", tenant)
	pgtest.Exec(t, pool, "update tenon.grants set used = 0, held = 1 where tenant_id = $1", tenant)
	pgtest.Exec(t, pool, "update tenon.usage_counters set used = used + 1 where tenant_id = $1", other)

	drifts, err := g.Reconcile(t.Context(), tenant)
	require.NoError(t, err)
	require.Len(t, drifts, 5)
	all, err := g.Reconcile(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, all, 6)
	repaired, err := g.Repair(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, all, repaired)
	drifts, err = g.Reconcile(t.Context(), "")
	require.NoError(t, err)
	require.Empty(t, drifts)
	require.Equal(t, withoutCounters(right), withoutCounters(dump(t, pool, tenant)))
	require.False(t, consume(t, g, use(tenant, calls, 3, "")).Allowed, "a repaired counter decides anew")
	require.EqualValues(t, 2, consume(t, g, use(tenant, calls, 0, "")).Remaining)
	allowed(t, g, use(tenant, calls, 2, ""))
	reconciled(t, g, tenant)
}

func TestACounterThatIsGoneIsCountedAnewFromEventsDrawsAndOpenHolds(t *testing.T) {
	t.Parallel()
	pool := database(t)
	g := newGate(pool, nil)
	tenant := subscribe(t, g, "free")
	_, err := g.Grant(t.Context(), tenant, entitlements.Grant{Feature: calls, Amount: 5})
	require.NoError(t, err)
	allowed(t, g, use(tenant, calls, 4, ""))
	r, err := g.Reserve(t.Context(), use(tenant, calls, 2, ""), time.Hour)
	require.NoError(t, err)
	before := consume(t, g, use(tenant, calls, 0, ""))
	counters := dump(t, pool, tenant)
	pgtest.Exec(t, pool, "delete from tenon.usage_counters where tenant_id = $1", tenant)
	require.Equal(t, before, consume(t, g, use(tenant, calls, 0, "")))
	require.Equal(t, counters, dump(t, pool, tenant))
	_, err = g.Commit(t.Context(), r.Hold, 1)
	require.NoError(t, err)
	reconciled(t, g, tenant)
}

func TestReconcileLeavesOutWhatBeganBeforeTheEventsThatAreKept(t *testing.T) {
	t.Parallel()
	pool := database(t)
	g := newGate(pool, &entitlementspg.Options{KeepEvents: 24 * time.Hour})
	tenant := subscribe(t, g, "basic")
	_, err := g.Subscribe(t.Context(), entitlements.Subscription{Tenant: tenant, Plan: "basic", CurrentPeriodStart: now().Add(-48 * time.Hour)})
	require.NoError(t, err)
	allowed(t, g, use(tenant, calls, 7, ""))
	pgtest.Exec(t, pool, "delete from tenon.usage_events where tenant_id = $1", tenant)
	reconciled(t, g, tenant)
	_, err = g.Repair(t.Context(), tenant)
	require.NoError(t, err)
	require.EqualValues(t, 7, used(t, pool, tenant, calls))
}

func TestStatsSayWhatAStoreDid(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s := entitlementspg.New(pool, nil)
	g := entitlements.NewGate(s, nil)
	tenant := subscribe(t, g, "basic")
	together(16, func(int) {
		for range 5 {
			allowed(t, g, use(tenant, calls, 1, ""))
		}
	})
	v := s.Stats()
	require.LessOrEqual(t, v.Settled, int64(80))
	require.GreaterOrEqual(t, v.Settled+v.Apart, int64(80), "some are in both: they came with others and left alone")
	require.Positive(t, v.Batches)
	require.Positive(t, v.Exact, "the first use of a period")
	require.LessOrEqual(t, v.Largest, int64(16))
	require.Positive(t, v.Slowest)
	require.True(t, v.LastRun.IsZero())
	runOnce(t, s)
	require.WithinDuration(t, time.Now(), s.Stats().LastRun, time.Minute)
}
