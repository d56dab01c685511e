package entitlementspg_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// pooled returns a pool on a database of its own that goes through PgBouncer, with fewer connections than there are
// clients.
func pooled(t *testing.T, mode string) *pgxpool.Pool {
	t.Helper()
	return pgtest.Connect(t, pgtest.Pooled(pgtest.Pooler(t), pgtest.Database(t, migrations.Entitlements), mode))
}

func TestStoreThroughPgBouncer(t *testing.T) {
	t.Parallel()
	for _, mode := range pgtest.ExecModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			pool := pooled(t, mode)
			newStore := func(*testing.T) entitlements.Store { return entitlementspg.New(pool, nil) }
			if mode == "exec" || conform.Soak() {
				entitlementstest.TestStore(t, newStore)
			}
			entitlementstest.TestModel(t, newStore, 1, 100)
		})
	}
}

func TestNotificationsThroughPgBouncer(t *testing.T) {
	t.Parallel()
	pool := pooled(t, "exec")
	entitlementstest.TestNotifications(t, func(_ *testing.T, n tenon.Notifier) entitlements.Store {
		return entitlementspg.New(pool, &entitlementspg.Options{Notifier: func(pgx.Tx) tenon.Notifier { return n }})
	})
}

func TestDecisionsThroughPgBouncerAreExact(t *testing.T) {
	t.Parallel()
	for _, mode := range pgtest.ExecModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			pool := pooled(t, mode)
			_, err := entitlementspg.New(pool, nil).Declare(t.Context(), catalog(), now())
			require.NoError(t, err)
			one, two := newGate(pool, nil), newGate(pgtest.Connect(t, pool.Config().ConnString()), nil)
			tenant := subscribe(t, one, "basic")
			var accepted atomic.Int64
			together(goroutines, func(i int) {
				g := []*entitlements.Gate{one, two}[i%2]
				for n := 0; ; n++ {
					d, err := g.Consume(t.Context(), use(tenant, calls, 1, fmt.Sprintf("%d/%d", i, n)))
					if err != nil {
						t.Errorf("consume: %v", err)
					}
					if !d.Allowed {
						return
					}
					accepted.Add(1)
				}
			})
			require.EqualValues(t, 1000, accepted.Load())
			require.EqualValues(t, 1000, used(t, pool, tenant, calls))
			reconciled(t, one, tenant)
		})
	}
}

func TestNoSettingIsLeftBehindOnAPooledConnection(t *testing.T) {
	t.Parallel()
	pool := pooled(t, "exec")
	_, err := entitlementspg.New(pool, nil).Declare(t.Context(), catalog(), now())
	require.NoError(t, err)
	g := newGate(pool, nil)
	tenant := subscribe(t, g, "basic")
	for range 20 {
		allowed(t, g, use(tenant, calls, 1, ""))
	}
	for range 20 {
		require.Equal(t, []string{"on", "on", "read committed", "off"}, pgtest.List[string](t, pool, `
select unnest(array[current_setting('enable_seqscan'), current_setting('enable_mergejoin'),
  current_setting('transaction_isolation'), current_setting('transaction_read_only')])`))
	}
	require.Zero(t, pgtest.One[int64](t, pool, "select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())"))
}

func TestMaintenanceThroughPgBouncer(t *testing.T) {
	t.Parallel()
	pool := pooled(t, "exec")
	_, err := entitlementspg.New(pool, nil).Declare(t.Context(), catalog(), now())
	require.NoError(t, err)
	s := entitlementspg.New(pool, &entitlementspg.Options{Every: time.Millisecond})
	runOnce(t, s)
}
