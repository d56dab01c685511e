package entitlementspg_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/internal/pgtest"
)

// running starts Run and returns a function that ends it and returns its error.
func running(t *testing.T, s *entitlementspg.Store) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(time.Minute):
			t.Fatal("Run does not end")
			return nil
		}
	}
}

// runOnce lets Run do at least one whole round, which must go well.
func runOnce(t *testing.T, s *entitlementspg.Store) {
	t.Helper()
	stop := running(t, s)
	require.Eventually(t, func() bool {
		v := s.Stats()
		return !v.LastRun.IsZero() || v.LastError != ""
	}, time.Minute, time.Millisecond)
	require.NoError(t, stop())
	require.Empty(t, s.Stats().LastError)
}

// planned puts tenants on the plan top two hours ago, with a downgrade an hour ago.
func planned(t *testing.T, s *entitlementspg.Store, tenants ...string) {
	t.Helper()
	at := now().Add(-2 * time.Hour)
	for _, tenant := range tenants {
		_, err := s.Change(t.Context(), tenant, at, func(r *entitlements.Rights, _ *entitlements.Versions) ([]tenon.Change, error) {
			r.Entitlement = &entitlements.Entitlement{
				Plan: "top", Version: 1, Status: entitlements.Active, StartedAt: at,
				Next: &entitlements.Next{At: at.Add(time.Hour), Plan: "free", Version: 1},
			}
			return nil, nil
		})
		require.NoError(t, err)
	}
}

// expiring makes a hold that has expired.
func expiring(t *testing.T, s *entitlementspg.Store, tenant, feature string) {
	t.Helper()
	o := op(entitlements.OpReserve, use(tenant, feature, 2, ""), now().Add(-time.Hour))
	o.Until = now().Add(-time.Minute)
	require.True(t, settle(t, s, o)[0].Decision.Allowed)
}

const planSQL = `
select plan_id || ' ' || (next_at is null)::text || ' ' || revision::text
from tenon.org_entitlements
where tenant_id = $1`

func TestRun(t *testing.T) {
	t.Parallel()
	t.Run("carries_a_planned_downgrade_out_into_the_table", func(t *testing.T) {
		t.Parallel()
		pool := database(t)
		opts := telling(t, pool)
		s := entitlementspg.New(pool, opts)
		tenant := tenon.NewID(time.Now())
		planned(t, s, tenant)
		g := entitlements.NewGate(s, nil)
		allowed(t, g, use(tenant, calls, 3, ""))
		require.False(t, consume(t, g, use(tenant, calls, 1, "")).Allowed, "decided by the next plan before Run has run")
		require.Equal(t, "top false 1", pgtest.One[string](t, pool, planSQL, tenant))
		runOnce(t, s)
		require.Equal(t, "free true 2", pgtest.One[string](t, pool, planSQL, tenant))
		require.Equal(t, []string{"top", "free"}, pgtest.List[string](t, pool, "select plan_id from tenon.plan_history where tenant_id = $1 order by effective_at", tenant))

		var change tenon.Change
		require.NoError(t, pool.QueryRow(t.Context(), "select body from public.told where tenant = $1", tenant).Scan(&change))
		require.Equal(t, "entitlements.plan_changed", change.Action)
		require.WithinDuration(t, time.Now(), change.At, time.Hour, "what is recorded has a time")
		var before, after entitlements.Entitlement
		require.NoError(t, json.Unmarshal(change.Before, &before))
		require.NoError(t, json.Unmarshal(change.After, &after))
		require.Equal(t, []string{"top", "free"}, []string{before.Plan, after.Plan})
	})
	t.Run("gives_expired_holds_back", func(t *testing.T) {
		t.Parallel()
		pool := database(t)
		s := entitlementspg.New(pool, nil)
		g := entitlements.NewGate(s, nil)
		tenant := subscribe(t, g, "basic")
		expiring(t, s, tenant, calls)
		expiring(t, s, tenant, mixed)
		require.EqualValues(t, 4, pgtest.One[int64](t, pool, "select sum(held)::bigint from tenon.usage_counters where tenant_id = $1", tenant))
		runOnce(t, s)
		require.Zero(t, pgtest.One[int64](t, pool, "select sum(held)::bigint from tenon.usage_counters where tenant_id = $1", tenant))
		require.Equal(t, []string{"expired", "expired"}, pgtest.List[string](t, pool, "select state from tenon.holds where tenant_id = $1", tenant))
		reconciled(t, g, tenant)
	})
	t.Run("removes_keys_at_their_age_and_not_before", func(t *testing.T) {
		t.Parallel()
		pool := database(t)
		s := entitlementspg.New(pool, &entitlementspg.Options{KeepKeys: 24 * time.Hour})
		tenant := subscribe(t, entitlements.NewGate(s, nil), "basic")
		for name, age := range map[string]time.Duration{"old": 25 * time.Hour, "young": 23 * time.Hour} {
			settle(t, s, op(entitlements.OpRecord, use(tenant, calls, 1, name), now().Add(-age)))
			held := op(entitlements.OpReserve, use(tenant, mixed, 1, name+" hold"), now().Add(-age))
			held.Until = held.Now.Add(time.Minute)
			settle(t, s, held)
			settle(t, s, holdOp(entitlements.OpCommit, tenant, held.ID, 1, held.Now.Add(time.Second)))
		}
		runOnce(t, s)
		require.Equal(t, []string{"young", "young hold"}, pgtest.List[string](t, pool, "select key from tenon.usage_keys where tenant_id = $1 order by key", tenant))
		require.EqualValues(t, 1, pgtest.One[int64](t, pool, "select count(*) from tenon.holds where tenant_id = $1", tenant))
		require.EqualValues(t, 4, pgtest.One[int64](t, pool, "select count(*) from tenon.usage_events where tenant_id = $1", tenant), "events stay")
		require.EqualValues(t, 3, s.Stats().Pruned)
		reconciled(t, entitlements.NewGate(s, nil), tenant)
	})
	t.Run("keeps_keys_for_ever_when_told_so", func(t *testing.T) {
		t.Parallel()
		pool := database(t)
		s := entitlementspg.New(pool, &entitlementspg.Options{KeepKeys: -1})
		tenant := subscribe(t, entitlements.NewGate(s, nil), "basic")
		settle(t, s, op(entitlements.OpRecord, use(tenant, calls, 1, "k"), now().Add(-20*24*time.Hour)))
		runOnce(t, s)
		require.Equal(t, []string{"k"}, pgtest.List[string](t, pool, "select key from tenon.usage_keys where tenant_id = $1", tenant))
	})
	t.Run("keeps_an_open_hold_however_old", func(t *testing.T) {
		t.Parallel()
		pool := database(t)
		s := entitlementspg.New(pool, &entitlementspg.Options{KeepKeys: time.Hour})
		g := entitlements.NewGate(s, nil)
		tenant := subscribe(t, g, "basic")
		held := op(entitlements.OpReserve, use(tenant, calls, 4, "k"), now().Add(-2*time.Hour))
		held.Until = now().Add(time.Hour)
		settle(t, s, held)
		runOnce(t, s)
		c, err := g.Commit(t.Context(), entitlements.Hold{Tenant: tenant, ID: held.ID}, 4)
		require.NoError(t, err)
		require.Zero(t, c.Ungated)
		reconciled(t, g, tenant)
	})
	t.Run("remembers_a_threshold_for_as_long_as_its_period_lasts", func(t *testing.T) {
		t.Parallel()
		pool := database(t)
		s := entitlementspg.New(pool, &entitlementspg.Options{KeepKeys: time.Hour})
		tenant := tenon.NewID(time.Now())
		start := now().Add(-10 * 24 * time.Hour)
		_, err := s.Change(t.Context(), tenant, start, subscribed("basic", start))
		require.NoError(t, err)
		settle(t, s, op(entitlements.OpConsume, use(tenant, alarms, 6, ""), now().Add(-3*time.Hour)))
		require.EqualValues(t, 1, pgtest.One[int64](t, pool, "select count(*) from tenon.usage_alerts where tenant_id = $1", tenant))
		runOnce(t, s)
		require.EqualValues(t, 1, pgtest.One[int64](t, pool, "select count(*) from tenon.usage_alerts where tenant_id = $1", tenant),
			"or it would be told again")
	})
	t.Run("makes_partitions_ahead_and_alarms_a_missing_one", func(t *testing.T) {
		t.Parallel()
		pool := database(t)
		last := pgtest.List[string](t, pool, partitionsSQL)
		name := last[len(last)-1]
		pgtest.Exec(t, pool, "drop table tenon."+name)
		pgtest.Exec(t, pool, "create table tenon."+name+" (in_the_way int)")
		s := entitlementspg.New(pool, &entitlementspg.Options{Every: time.Millisecond})
		stop := running(t, s)
		require.Eventually(t, func() bool { return s.Stats().Missing == 1 && s.Stats().LastError != "" }, time.Minute, time.Millisecond)
		require.Contains(t, s.Stats().LastError, name)
		require.True(t, s.Stats().LastRun.IsZero())
		pgtest.Exec(t, pool, "drop table tenon."+name)
		require.Eventually(t, func() bool { return s.Stats().Missing == 0 && s.Stats().LastError == "" && !s.Stats().LastRun.IsZero() }, time.Minute, time.Millisecond)
		require.NoError(t, stop())
		require.Equal(t, last, pgtest.List[string](t, pool, partitionsSQL))
	})
	t.Run("says_what_an_event_without_a_partition_lacks", func(t *testing.T) {
		t.Parallel()
		pool := database(t)
		s := entitlementspg.New(pool, nil)
		tenant := subscribe(t, entitlements.NewGate(s, nil), "basic")
		before := dump(t, pool, tenant)
		_, err := s.Settle(t.Context(), []entitlements.Op{op(entitlements.OpRecord, use(tenant, calls, 1, "k"), now().AddDate(1, 0, 0))})
		require.ErrorContains(t, err, "lacks the month's partition")
		require.ErrorIs(t, err, tenon.ErrUnavailable, "it may be written once there is one: a spool keeps it")
		require.Equal(t, before, dump(t, pool, tenant), "nothing was written")
	})
	t.Run("drops_events_that_are_older_than_they_are_kept", func(t *testing.T) {
		t.Parallel()
		pool := database(t)
		before := len(pgtest.List[string](t, pool, partitionsSQL))
		runOnce(t, entitlementspg.New(pool, &entitlementspg.Options{KeepEvents: 90 * 24 * time.Hour}))
		require.Len(t, pgtest.List[string](t, pool, partitionsSQL), before)
		runOnce(t, entitlementspg.New(pool, &entitlementspg.Options{KeepEvents: time.Nanosecond}))
		require.Len(t, pgtest.List[string](t, pool, partitionsSQL), before-1, "last month's")
	})
	t.Run("is_not_for_a_store_in_a_transaction", func(t *testing.T) {
		t.Parallel()
		pool := database(t)
		require.ErrorIs(t, entitlementspg.New(pgtest.Begin(t, pool), nil).Run(t.Context()), tenon.ErrInvalid)
	})
}

const partitionsSQL = `
select c.relname::text
from pg_inherits i
join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'tenon.usage_events'::regclass
order by 1`

func TestARetryAfterThePartitionHasChangedCountsOnce(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s := entitlementspg.New(pool, nil)
	g := entitlements.NewGate(s, nil)
	tenant := tenon.NewID(time.Now())
	lastMonth := now().AddDate(0, 0, -now().Day()).Add(-time.Hour)
	_, err := s.Change(t.Context(), tenant, lastMonth.Add(-time.Hour), subscribed("basic", lastMonth.Add(-time.Hour)))
	require.NoError(t, err)
	first := op(entitlements.OpRecord, use(tenant, calls, 2, "k"), lastMonth)
	settle(t, s, first)
	again := op(entitlements.OpRecord, use(tenant, calls, 2, "k"), now())
	require.NotEqual(t, first.ID[:8], again.ID[:8])
	require.True(t, settle(t, s, again)[0].Decision.Replayed)
	require.EqualValues(t, 1, pgtest.One[int64](t, pool, "select count(distinct tableoid) from tenon.usage_events where tenant_id = $1", tenant))

	settle(t, s, op(entitlements.OpCorrect, use(tenant, "", 0, "k"), now()))
	settle(t, s, op(entitlements.OpCorrect, use(tenant, "", 0, "k"), now()))
	require.EqualValues(t, 2, pgtest.One[int64](t, pool, "select count(distinct tableoid) from tenon.usage_events where tenant_id = $1", tenant))
	require.Zero(t, pgtest.One[int64](t, pool, "select sum(qty)::bigint from tenon.usage_events where tenant_id = $1", tenant))
	reconciled(t, g, tenant)
}

// plenty makes work for Run: more tenants than it takes at once.
func plenty(t *testing.T, s *entitlementspg.Store) (tenants []string) {
	t.Helper()
	g := entitlements.NewGate(s, nil)
	for range 130 {
		tenant := tenon.NewID(time.Now())
		planned(t, s, tenant)
		tenants = append(tenants, tenant)
	}
	for range 20 {
		tenant := subscribe(t, g, "basic")
		expiring(t, s, tenant, calls)
	}
	return tenants
}

func TestTwoRunsAtOnceDoEachPieceOnce(t *testing.T) {
	t.Parallel()
	pool := database(t)
	opts := telling(t, pool)
	one, two := entitlementspg.New(pool, opts), entitlementspg.New(pool, opts)
	tenants := plenty(t, one)
	together(2, func(i int) { runOnce(t, []*entitlementspg.Store{one, two}[i]) })
	for _, tenant := range tenants {
		require.Equal(t, []string{"free true 2"}, pgtest.List[string](t, pool, planSQL, tenant), "carried out once")
		require.Len(t, pgtest.List[string](t, pool, "select key from public.told where tenant = $1", tenant), 1, "and recorded once")
	}
	require.Empty(t, pgtest.List[string](t, pool, "select id::text from tenon.holds where state = 'open'"))
	drifts, err := one.Reconcile(t.Context(), "", false)
	require.NoError(t, err)
	require.Empty(t, drifts)
}

// lockRights keeps a tenant's rights in a transaction of somebody's.
func lockRights(t *testing.T, pool *pgxpool.Pool, tenant string) (unlock func()) {
	t.Helper()
	tx := pgtest.Begin(t, pool)
	pgtest.Exec(t, tx, "select from tenon.org_entitlements where tenant_id = $1 for update", tenant)
	return func() { require.NoError(t, tx.Rollback(t.Context())) }
}

const toldOfPlansSQL = "select tenant from public.told where body ->> 'action' = 'entitlements.plan_changed'"

func TestRunCancelledInTheMiddleLeavesTheRestToTheNext(t *testing.T) {
	t.Parallel()
	pool := database(t)
	opts := telling(t, pool)
	s := entitlementspg.New(pool, opts)
	tenants := plenty(t, s)
	for _, after := range []int{1, 7, 50} {
		stop := running(t, entitlementspg.New(pool, opts))
		require.Eventually(t, func() bool {
			return len(pgtest.List[string](t, pool, toldOfPlansSQL)) >= after
		}, time.Minute, time.Millisecond)
		require.NoError(t, stop())
	}
	stop := running(t, entitlementspg.New(pool, &entitlementspg.Options{Every: time.Millisecond, Recorder: opts.Recorder}))
	require.Eventually(t, func() bool {
		return pgtest.One[int](t, pool, "select count(*) from tenon.org_entitlements where next_at is not null") == 0
	}, time.Minute, time.Millisecond)
	require.NoError(t, stop())
	for _, tenant := range tenants {
		require.Equal(t, "free true 2", pgtest.One[string](t, pool, planSQL, tenant))
	}
	require.Len(t, pgtest.List[string](t, pool, toldOfPlansSQL), len(tenants))
}

func TestATenantThatSomebodyHasLockedHoldsUpNoOtherInRun(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s := entitlementspg.New(pool, &entitlementspg.Options{Every: 5 * time.Millisecond})
	g := entitlements.NewGate(s, nil)
	var tenants, holders []string
	for range 5 {
		tenants = append(tenants, tenon.NewID(time.Now()))
		holders = append(holders, subscribe(t, g, "basic"))
		expiring(t, s, holders[len(holders)-1], calls)
	}
	planned(t, s, tenants...)
	unlock, unlockToo := lockRights(t, pool, tenants[0]), locked(t, pool, holders[0], calls)
	stop := running(t, s)
	others := func() bool {
		return pgtest.One[int](t, pool, "select count(*) from tenon.org_entitlements where next_at is not null") == 1 &&
			pgtest.One[int](t, pool, "select count(*) from tenon.holds where state = 'open'") == 1
	}
	require.Eventually(t, others, time.Minute, 5*time.Millisecond, "the others are done")
	unlock()
	unlockToo()
	require.Eventually(t, func() bool {
		return pgtest.One[int](t, pool, "select count(*) from tenon.org_entitlements where next_at is not null") == 0 &&
			pgtest.One[int](t, pool, "select count(*) from tenon.holds where state = 'open'") == 0
	}, time.Minute, 5*time.Millisecond, "and the one that was locked in its turn")
	require.NoError(t, stop())
}

func TestATenantWhoseChangeFailsHoldsUpNoOtherInRun(t *testing.T) {
	t.Parallel()
	pool := database(t)
	opts := telling(t, pool)
	s := entitlementspg.New(pool, opts)
	var tenants []string
	for i := range 5 {
		tenants = append(tenants, fmt.Sprintf("tenant %d", i))
	}
	planned(t, s, tenants...)
	pgtest.Exec(t, pool, "alter table public.told add check (tenant <> 'tenant 0')")
	stop := running(t, s)
	require.Eventually(t, func() bool { return s.Stats().LastError != "" }, time.Minute, time.Millisecond)
	require.NoError(t, stop())
	require.Equal(t, []string{"tenant 0"}, pgtest.List[string](t, pool, "select tenant_id from tenon.org_entitlements where next_at is not null"))
}
