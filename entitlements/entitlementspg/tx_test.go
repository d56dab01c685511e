package entitlementspg_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/internal/pgtest"
)

func within(g *entitlements.Gate, tx pgx.Tx) *entitlements.Gate {
	return g.WithStore(entitlementspg.New(tx, nil))
}

func TestInTheCallersTransaction(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, "create table public.quotes (id text primary key)")
	g := newGate(pool, nil)

	t.Run("use_commits_with_the_hosts_own_rows", func(t *testing.T) {
		t.Parallel()
		tenant := subscribe(t, g, "basic")
		tx := pgtest.Begin(t, pool)
		pgtest.Exec(t, tx, "insert into public.quotes values ($1)", tenant)
		allowed(t, within(g, tx), use(tenant, calls, 2, "k"))
		require.Zero(t, used(t, pool, tenant, calls), "nobody sees it yet")
		require.NoError(t, tx.Commit(t.Context()))
		require.EqualValues(t, 2, used(t, pool, tenant, calls))
		require.True(t, consume(t, g, use(tenant, calls, 2, "k")).Replayed)
	})
	t.Run("several_uses_are_all_or_none_with_the_transaction", func(t *testing.T) {
		t.Parallel()
		tenant := subscribe(t, g, "basic")
		allowed(t, g, use(tenant, calls, 1, ""))
		allowed(t, g, use(tenant, seats, 1, ""))
		before := dump(t, pool, tenant)
		tx := pgtest.Begin(t, pool)
		decisions, err := within(g, tx).ConsumeEach(t.Context(), use(tenant, seats, 1, "e"), use(tenant, calls, 1000, ""))
		require.NoError(t, err)
		require.True(t, decisions[0].Allowed)
		require.False(t, decisions[1].Allowed)
		require.NoError(t, tx.Rollback(t.Context()))
		require.Equal(t, before, dump(t, pool, tenant))

		tx = pgtest.Begin(t, pool)
		decisions, err = within(g, tx).ConsumeEach(t.Context(), use(tenant, seats, 1, "e"), use(tenant, calls, 1, "c"))
		require.NoError(t, err)
		require.True(t, decisions[0].Allowed && decisions[1].Allowed)
		require.NoError(t, tx.Commit(t.Context()))
		require.EqualValues(t, 2, used(t, pool, tenant, seats))
		require.EqualValues(t, 2, used(t, pool, tenant, calls))
	})
	t.Run("a_rollback_leaves_nothing_and_no_view_has_learnt_it", func(t *testing.T) {
		t.Parallel()
		tenant := subscribe(t, g, "free")
		allowed(t, g, use(tenant, calls, 1, ""))
		before := dump(t, pool, tenant)
		view, err := g.Check(t.Context(), tenant, calls)
		require.NoError(t, err)

		tx := pgtest.Begin(t, pool)
		bound := within(g, tx)
		for range 2 {
			allowed(t, bound, use(tenant, calls, 1, ""))
		}
		require.False(t, consume(t, bound, use(tenant, calls, 1, "")).Allowed, "three are used, as this transaction sees it")
		seen, err := bound.Check(t.Context(), tenant, calls)
		require.NoError(t, err)
		require.False(t, seen.Allowed)
		_, err = bound.ChangePlan(t.Context(), entitlements.PlanChange{Tenant: tenant, Plan: "top"})
		require.NoError(t, err)
		require.NoError(t, tx.Rollback(t.Context()))

		require.Equal(t, before, dump(t, pool, tenant))
		after, err := g.Check(t.Context(), tenant, calls)
		require.NoError(t, err)
		require.Equal(t, []any{view.Used, view.Plan, view.Allowed}, []any{after.Used, after.Plan, after.Allowed})
	})
	t.Run("a_refusal_a_replay_and_a_conflict_do_not_abort_it", func(t *testing.T) {
		t.Parallel()
		tenant := subscribe(t, g, "free")
		allowed(t, g, use(tenant, calls, 2, "k"))
		tx := pgtest.Begin(t, pool)
		bound := within(g, tx)
		require.False(t, consume(t, bound, use(tenant, calls, 2, "l")).Allowed)
		require.True(t, consume(t, bound, use(tenant, calls, 2, "k")).Replayed)
		_, err := bound.Consume(t.Context(), use(tenant, calls, 1, "k"))
		require.ErrorIs(t, err, entitlements.ErrKeyReused)
		_, err = bound.Commit(t.Context(), entitlements.Hold{Tenant: tenant, ID: "01985b4a-0000-7000-8000-000000000000"}, 1)
		require.ErrorIs(t, err, entitlements.ErrUnknownHold)
		_, err = bound.Correct(t.Context(), entitlements.Correction{Tenant: tenant, Key: "nothing"})
		require.ErrorIs(t, err, entitlements.ErrUnknownKey)
		_, err = bound.Consume(t.Context(), use(tenant, "nothing", 1, ""))
		require.ErrorIs(t, err, entitlements.ErrUnknownFeature)
		_, err = bound.Cancel(t.Context(), "nobody", entitlements.Now, "")
		require.ErrorIs(t, err, entitlements.ErrUnknownTenant)
		pgtest.Exec(t, tx, "insert into public.quotes values ($1)", tenant)
		allowed(t, bound, use(tenant, calls, 1, ""))
		require.NoError(t, tx.Commit(t.Context()))
		require.EqualValues(t, 3, used(t, pool, tenant, calls))
	})
	t.Run("a_plain_use_is_one_statement_in_one_round_trip", func(t *testing.T) {
		t.Parallel()
		tenant := subscribe(t, g, "basic")
		allowed(t, g, use(tenant, calls, 1, ""))
		counting := pgtest.NewFaulty(pool, 0, pgtest.Fail)
		tx := pgtest.Begin(t, counting)
		bound := within(g, tx)
		before := counting.Steps()
		allowed(t, bound, use(tenant, calls, 1, "k"))
		require.Equal(t, 1, counting.Steps()-before)
		require.NoError(t, tx.Commit(t.Context()))
	})
	t.Run("a_serialisation_failure_passes_to_the_caller", func(t *testing.T) {
		t.Parallel()
		tenant := subscribe(t, g, "basic")
		allowed(t, g, use(tenant, calls, 1, ""))
		tx, err := pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
		require.NoError(t, err)
		defer func() { _ = tx.Rollback(context.Background()) }()
		require.EqualValues(t, 1, used(t, tx, tenant, calls), "it has its snapshot")
		allowed(t, g, use(tenant, calls, 1, ""))
		_, err = within(g, tx).Consume(t.Context(), use(tenant, calls, 1, ""))
		require.True(t, pgerr.Is(err, pgerr.SerializationFailure), "%v", err)
	})
	t.Run("use_in_a_repeatable_read_transaction_is_exact", func(t *testing.T) {
		t.Parallel()
		tenant := subscribe(t, g, "free")
		accepted := make([]int, 8)
		together(len(accepted), func(i int) {
			for range 40 {
				if repeatableConsume(t.Context(), g, pool, tenant) == nil {
					accepted[i]++
				}
			}
		})
		sum := 0
		for _, n := range accepted {
			sum += n
		}
		require.EqualValues(t, sum, used(t, pool, tenant, calls))
		require.LessOrEqual(t, sum, 3)
		reconciled(t, g, tenant)
	})
	t.Run("a_deadlock_passes_to_the_caller", func(t *testing.T) {
		t.Parallel()
		tenant := subscribe(t, g, "basic")
		for _, f := range []string{calls, open} {
			allowed(t, g, use(tenant, f, 1, ""))
		}
		one, two := pgtest.Begin(t, pool), pgtest.Begin(t, pool)
		allowed(t, within(g, one), use(tenant, calls, 1, ""))
		allowed(t, within(g, two), use(tenant, open, 1, ""))
		crossed := make(chan error, 1)
		go func() {
			_, err := within(g, one).Consume(t.Context(), use(tenant, open, 1, ""))
			_ = one.Rollback(context.Background())
			crossed <- err
		}()
		_, err := within(g, two).Consume(t.Context(), use(tenant, calls, 1, ""))
		_ = two.Rollback(context.Background())
		other := <-crossed
		require.True(t, (err == nil) != (other == nil), "one of them: %v, %v", err, other)
		require.True(t, pgerr.Is(errors.Join(err, other), pgerr.DeadlockDetected), "%v, %v", err, other)
	})
	t.Run("an_expired_hold_of_another_is_given_back_in_it", func(t *testing.T) {
		t.Parallel()
		tenant := subscribe(t, g, "free")
		s := entitlementspg.New(pool, nil)
		past := op(entitlements.OpReserve, use(tenant, calls, 3, "h"), now())
		past.Until = now().Add(time.Millisecond)
		settle(t, s, past)
		later := now().Add(time.Minute)
		tx := pgtest.Begin(t, pool)
		o := settle(t, entitlementspg.New(tx, nil), op(entitlements.OpConsume, use(tenant, calls, 3, "k"), later))[0]
		require.True(t, o.Decision.Allowed)
		require.NoError(t, tx.Commit(t.Context()))
		reconciled(t, g, tenant)
	})
}

// repeatableConsume uses one unit in a transaction that sees one snapshot.
func repeatableConsume(ctx context.Context, g *entitlements.Gate, pool *pgxpool.Pool, tenant string) error {
	return pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		d, err := within(g, tx).Consume(ctx, use(tenant, calls, 1, ""))
		if err == nil && !d.Allowed {
			err = errors.New(d.Reason.String())
		}
		return err
	})
}

func TestThePoolIsNeverAskedFromInsideATransaction(t *testing.T) {
	t.Parallel()
	sound := database(t)
	url := sound.Config().ConnString()
	tenant := subscribe(t, newGate(sound, nil), "basic")
	config, err := pgxpool.ParseConfig(url)
	require.NoError(t, err)
	config.MaxConns = 1
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()

	cold := newGate(pool, nil) // knows neither the time nor the catalogue
	tx := pgtest.Begin(t, pool)
	g := within(cold, tx)
	_, err = g.Consume(ctx, use(tenant, alarms, 5, "k"))
	require.NoError(t, err)
	r, err := g.Reserve(ctx, use(tenant, calls, 1, ""), time.Minute)
	require.NoError(t, err)
	_, err = g.Commit(ctx, r.Hold, 2)
	require.NoError(t, err)
	_, err = g.Check(ctx, tenant, calls)
	require.NoError(t, err)
	_, err = g.CheckAll(ctx, tenant)
	require.NoError(t, err)
	_, err = g.Explain(ctx, tenant, calls)
	require.NoError(t, err)
	_, err = g.Usage(ctx, entitlements.UsageQuery{Tenant: tenant, Feature: calls})
	require.NoError(t, err)
	_, err = g.Grant(ctx, tenant, entitlements.Grant{Feature: mixed, Amount: 1})
	require.NoError(t, err)
	_, err = g.ApplyCatalog(ctx, catalog())
	require.NoError(t, err)
	require.NoError(t, g.Record(ctx, use(tenant, calls, 1, ""), use(tenant, tasks, 1, "")))
	_, err = g.Correct(ctx, entitlements.Correction{Tenant: tenant, Key: "k"})
	require.NoError(t, err)
	_, err = g.Repair(ctx, tenant)
	require.NoError(t, err)
	require.NoError(t, tx.Commit(ctx))
}

// locked keeps the tenant's counter of a feature in a transaction of somebody's.
func locked(t *testing.T, pool *pgxpool.Pool, tenant, feature string) (unlock func()) {
	t.Helper()
	tx := pgtest.Begin(t, pool)
	pgtest.Exec(t, tx, "select from tenon.usage_counters where tenant_id = $1 and feature_key = $2 for update", tenant, feature)
	return func() { require.NoError(t, tx.Rollback(t.Context())) }
}

// waiters is how many sessions of the test's database wait for a lock.
const waiters = `
select count(*)
from pg_stat_activity
where datname = current_database()
  and wait_event_type = 'Lock'`

func awaitWaiters(t *testing.T, pool *pgxpool.Pool, n int64) {
	t.Helper()
	require.Eventually(t, func() bool { return pgtest.One[int64](t, pool, waiters) >= n }, time.Minute, time.Millisecond)
}

func TestACounterThatSomebodyHasLockedHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	for name, crowded := range map[string]bool{"in_an_idle_process": false, "in_a_crowd": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := database(t)
			g := newGate(pool, nil)
			tenants := make([]string, 24) // so that some share the locked one's lane
			for i := range tenants {
				tenants[i] = subscribe(t, g, "basic")
				allowed(t, g, use(tenants[i], calls, 1, ""))
			}
			unlock := locked(t, pool, tenants[0], calls)
			stop := func() {}
			if crowded {
				stop = hammer(t, g, tenants[1:])
			}
			waiting := make(chan entitlements.Decision, 1)
			go func() {
				d, err := g.Consume(t.Context(), use(tenants[0], calls, 1, "late"))
				if err != nil {
					t.Errorf("the one that waited: %v", err)
				}
				waiting <- d
			}()
			awaitWaiters(t, pool, 1)
			began := time.Now()
			for _, tenant := range tenants[1:] {
				allowed(t, g, use(tenant, calls, 1, ""))
			}
			took := time.Since(began)
			stop()
			require.Empty(t, waiting)
			require.Less(t, took, 30*time.Second, "less than the minute after which a batch gives up")
			unlock()
			d := <-waiting
			require.True(t, d.Allowed)
			require.EqualValues(t, 2, d.Used)
		})
	}
}

// hammer uses for all tenants, from many goroutines, until stop.
func hammer(t *testing.T, g *entitlements.Gate, tenants []string) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		together(16, func(i int) {
			for n := i; ctx.Err() == nil; n++ {
				if _, err := g.Consume(t.Context(), use(tenants[n%len(tenants)], open, 1, "")); err != nil {
					t.Errorf("in the crowd: %v", err)
					return
				}
			}
		})
	}()
	return func() {
		cancel()
		<-done
	}
}

func TestACallersTransactionDoesNotLoseToTheStoresOwn(t *testing.T) {
	t.Parallel()
	pool := database(t)
	g := newGate(pool, nil)
	tenant := subscribe(t, g, "basic")
	allowed(t, g, use(tenant, calls, 1, ""))
	tx := pgtest.Begin(t, pool)
	bound := within(g, tx)
	allowed(t, bound, use(tenant, calls, 1, "")) // holds the counter
	reserved := make(chan error, 1)
	go func() { // holds the tenant's row and wants the counter
		_, err := g.Reserve(t.Context(), use(tenant, calls, 1, ""), time.Minute)
		reserved <- err
	}()
	awaitWaiters(t, pool, 1)
	_, err := bound.Reserve(t.Context(), use(tenant, calls, 1, ""), time.Minute) // wants the tenant's row
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, <-reserved)
	reconciled(t, g, tenant)
}
