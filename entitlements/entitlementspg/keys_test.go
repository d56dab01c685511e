package entitlementspg_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/internal/pgtest"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	pool := database(t)
	g := newGate(pool, nil)

	t.Run("an_acceptance_is_replayed_and_counts_once", func(t *testing.T) {
		t.Parallel()
		tenant := subscribe(t, g, "basic")
		require.False(t, consume(t, g, use(tenant, calls, 2, "k")).Replayed)
		d := consume(t, g, use(tenant, calls, 2, "k"))
		require.True(t, d.Allowed && d.Replayed)
		require.EqualValues(t, 2, used(t, pool, tenant, calls))
	})
	t.Run("a_key_of_another_tenant_is_another_key", func(t *testing.T) {
		t.Parallel()
		one, two := subscribe(t, g, "basic"), subscribe(t, g, "basic")
		allowed(t, g, use(one, calls, 1, "k"))
		require.False(t, consume(t, g, use(two, calls, 5, "k")).Replayed)
	})
	t.Run("another_payload_is_a_conflict_and_writes_nothing", func(t *testing.T) {
		t.Parallel()
		tenant := subscribe(t, g, "basic")
		allowed(t, g, use(tenant, calls, 2, "k"))
		before := dump(t, pool, tenant)
		for _, u := range []entitlements.Use{
			use(tenant, calls, 3, "k"), use(tenant, mixed, 2, "k"),
			{Tenant: tenant, Feature: calls, Quantity: 2, Key: "k", Metadata: map[string]any{"a": 1}},
			{Tenant: tenant, Feature: calls, Quantity: 2, Key: "k", At: now()},
		} {
			_, err := g.Consume(t.Context(), u)
			require.ErrorIs(t, err, entitlements.ErrKeyReused)
		}
		require.ErrorIs(t, g.Record(t.Context(), use(tenant, calls, 2, "k")), tenon.ErrConflict, "a Record is not a Consume")
		require.Equal(t, withoutCounters(before), withoutCounters(dump(t, pool, tenant)))
		reconciled(t, g, tenant)
	})
	t.Run("a_refusal_is_not_stored", func(t *testing.T) {
		t.Parallel()
		tenant := subscribe(t, g, "free")
		require.False(t, consume(t, g, use(tenant, calls, 4, "k")).Allowed)
		_, err := g.ChangePlan(t.Context(), entitlements.PlanChange{Tenant: tenant, Plan: "basic"})
		require.NoError(t, err)
		d := consume(t, g, use(tenant, calls, 4, "k"))
		require.True(t, d.Allowed)
		require.False(t, d.Replayed)
	})
	t.Run("a_replay_at_the_limit_is_an_acceptance", func(t *testing.T) {
		t.Parallel()
		tenant := subscribe(t, g, "free")
		allowed(t, g, use(tenant, calls, 3, "k"))
		require.False(t, consume(t, g, use(tenant, calls, 1, "other")).Allowed)
		require.True(t, consume(t, g, use(tenant, calls, 3, "k")).Replayed)
	})
	t.Run("twice_in_one_record_counts_once", func(t *testing.T) {
		t.Parallel()
		tenant := subscribe(t, g, "basic")
		u := use(tenant, calls, 2, "k")
		require.NoError(t, g.Record(t.Context(), u, u, use(tenant, calls, 1, "l"), u))
		require.EqualValues(t, 3, used(t, pool, tenant, calls))
		reconciled(t, g, tenant)
	})
	t.Run("for_two_features_in_one_record_fails_one_alone", func(t *testing.T) {
		t.Parallel()
		tenant := subscribe(t, g, "basic")
		for range 2 {
			err := g.Record(t.Context(), use(tenant, calls, 2, "k"), use(tenant, mixed, 2, "k"), use(tenant, mixed, 1, "l"))
			require.ErrorIs(t, err, entitlements.ErrKeyReused)
			require.EqualValues(t, 2, used(t, pool, tenant, calls)+used(t, pool, tenant, mixed)-1)
		}
		reconciled(t, g, tenant)
	})
	t.Run("for_two_features_at_once_counts_one_of_them", func(t *testing.T) {
		t.Parallel()
		tenant := subscribe(t, g, "basic")
		other := newGate(pool, nil)
		for n := range 30 {
			key := fmt.Sprint(n)
			var fits, conflicts int
			var mu sync.Mutex
			together(4, func(i int) {
				feature, by := []string{calls, mixed}[i%2], []*entitlements.Gate{g, other}[i/2]
				_, err := by.Consume(t.Context(), use(tenant, feature, 1, key))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					fits++
				} else if isConflict(err) {
					conflicts++
				}
			})
			require.Equal(t, []int{2, 2}, []int{fits, conflicts})
		}
		require.EqualValues(t, 30, used(t, pool, tenant, calls)+used(t, pool, tenant, mixed))
		reconciled(t, g, tenant)
	})
	t.Run("of_bulk_records_in_opposite_orders_end_without_a_deadlock", func(t *testing.T) {
		t.Parallel()
		tenant := subscribe(t, g, "basic")
		const n = 200
		var errs [2]error
		for round := range 5 {
			together(2, func(i int) {
				uses := make([]entitlements.Use, n)
				for j := range uses {
					k := j
					if i == 1 {
						k = n - 1 - j
					}
					uses[j] = use(tenant, []string{open, mixed}[i], 1, fmt.Sprintf("%d/%d", round, k))
				}
				errs[i] = g.Record(t.Context(), uses...)
			})
			for _, err := range errs {
				require.True(t, err == nil || isConflict(err) && !isAway(err), "%v", err)
			}
		}
		require.EqualValues(t, 5*n, used(t, pool, tenant, open)+used(t, pool, tenant, mixed))
		reconciled(t, g, tenant)
	})
}

func TestAKeyThatIsTakenAfterItWasLookedUpIsAConflict(t *testing.T) {
	t.Parallel()
	pool := database(t)
	g := newGate(pool, nil)
	tenant := subscribe(t, g, "basic")
	tx := pgtest.Begin(t, pool)
	allowed(t, within(g, tx), use(tenant, calls, 1, "k"))
	reserved := make(chan error, 1)
	go func() { // sees no such key yet, and then waits for it
		_, err := g.Reserve(t.Context(), use(tenant, mixed, 1, "k"), time.Minute)
		reserved <- err
	}()
	awaitWaiters(t, pool, 1)
	require.NoError(t, tx.Commit(t.Context()))
	require.ErrorIs(t, <-reserved, entitlements.ErrKeyReused)
	require.Zero(t, consume(t, g, use(tenant, mixed, 0, "")).Held)
	reconciled(t, g, tenant)
}

// losing is a pool of which a batch loses a race once, as it may under a stricter isolation.
type losing struct {
	*pgxpool.Pool
	sql  string // part of a statement in the batch
	left atomic.Int64
}

func (l *losing) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	for _, q := range b.QueuedQueries {
		if strings.Contains(q.SQL, l.sql) && l.left.Add(-1) == 0 {
			return lostRace{}
		}
	}
	return l.Pool.SendBatch(ctx, b)
}

// lostRace is the result of such a batch.
type lostRace struct{ pgx.BatchResults }

func (lostRace) Close() error { return &pgconn.PgError{Code: pgerr.SerializationFailure} }

func TestAReplayIsAnsweredThoughTheLookAtItsKeyLosesARace(t *testing.T) {
	t.Parallel()
	pool := database(t)
	db := &losing{Pool: pool, sql: "select u.n, k.digest"}
	g := newGate(db, nil)
	for name, features := range map[string][]string{"alone": {calls}, "among_others": {calls, mixed, open}} {
		t.Run(name, func(t *testing.T) {
			tenant := subscribe(t, g, "basic")
			var uses []entitlements.Use
			for _, f := range features {
				uses = append(uses, use(tenant, f, 2, "key of "+f))
			}
			for _, replayed := range []bool{false, true} {
				if replayed {
					db.left.Store(1)
				}
				decisions, err := g.ConsumeEach(t.Context(), uses...)
				require.NoError(t, err)
				for _, d := range decisions {
					require.True(t, d.Allowed, d.Feature)
					require.Equal(t, replayed, d.Replayed, d.Feature)
				}
			}
			require.LessOrEqual(t, db.left.Load(), int64(0), "the race was lost")
			require.EqualValues(t, 2, used(t, pool, tenant, calls))
			reconciled(t, g, tenant)
		})
	}
}

// raceForKeys sends uses whose keys every child sends.
func raceForKeys(ctx context.Context, c *child) error {
	var sum report
	var mu sync.Mutex
	together(goroutines, func(i int) {
		for n := range 10 {
			key := fmt.Sprint((n*7 + i) % 40)
			d, err := c.gate.Consume(ctx, use(c.Tenant, calls, 3, key))
			mu.Lock()
			switch {
			case err != nil:
				sum.Err = err.Error()
			case d.Replayed:
				sum.Replayed++
			case d.Allowed:
				sum.Accepted += 3
			}
			mu.Unlock()
		}
	})
	c.Say(sum)
	return nil
}

func TestProcessesRacingWithTheSameKeysCountEachOnce(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	g := newGate(pool, nil)
	tenant := subscribe(t, g, "basic")
	sum := total(t, four(t, "race", order{URL: url, Tenant: tenant}))
	require.EqualValues(t, 40*3, sum.Accepted, "one of them was told that it was first")
	require.EqualValues(t, 4*goroutines*10-40, sum.Replayed)
	require.EqualValues(t, 40*3, used(t, pool, tenant, calls))
	reconciled(t, g, tenant)
}
