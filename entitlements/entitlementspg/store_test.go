package entitlementspg_test

import (
	"context"
	"fmt"
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

func TestStore(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t, migrations.Entitlements)
	entitlementstest.TestStore(t, func(*testing.T) entitlements.Store { return entitlementspg.New(pool, nil) })
}

func TestStoreSharedByAll(t *testing.T) {
	t.Parallel()
	store := entitlementspg.New(pgtest.Pool(t, migrations.Entitlements), nil)
	entitlementstest.TestStore(t, func(*testing.T) entitlements.Store { return store })
}

func TestStoreNotifies(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t, migrations.Entitlements)
	entitlementstest.TestNotifications(t, func(_ *testing.T, n tenon.Notifier) entitlements.Store {
		return entitlementspg.New(pool, &entitlementspg.Options{Notifier: func(pgx.Tx) tenon.Notifier { return n }})
	})
}

func TestStoreRecords(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t, migrations.Entitlements)
	entitlementstest.TestChanges(t, func(_ *testing.T, r tenon.Recorder) entitlements.Store {
		return entitlementspg.New(pool, &entitlementspg.Options{Recorder: func(pgx.Tx) tenon.Recorder { return r }})
	})
}

func TestModel(t *testing.T) {
	t.Parallel()
	pool := suiteDatabase(t)
	store := entitlementspg.New(pool, nil)
	seeds, steps := int64(4), 150
	if conform.Soak() {
		seeds, steps = 60, 300
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed_", seed), func(t *testing.T) {
			t.Parallel()
			entitlementstest.TestModel(t, func(*testing.T) entitlements.Store { return store }, seed, steps)
		})
	}
	t.Run("in_a_callers_transaction", func(t *testing.T) {
		t.Parallel()
		entitlementstest.TestModel(t, inTransaction(pool, nil), seeds, steps)
	})
}

// turns lets goroutines take turns with a store that is bound to a transaction, which is one connection.
type turns struct {
	*entitlementspg.Store
	pgtest.Turns
}

func (s *turns) Settle(ctx context.Context, ops []entitlements.Op) ([]entitlements.Outcome, error) {
	defer s.Take()()
	return s.Store.Settle(ctx, ops)
}

func (s *turns) Load(ctx context.Context, tenants []string, at time.Time) ([]entitlements.Standing, error) {
	defer s.Take()()
	return s.Store.Load(ctx, tenants, at)
}

func (s *turns) Change(ctx context.Context, tenant string, at time.Time, edit entitlements.Edit) (*entitlements.Rights, error) {
	defer s.Take()()
	return s.Store.Change(ctx, tenant, at, edit)
}

func (s *turns) Versions(ctx context.Context) (*entitlements.Versions, error) {
	defer s.Take()()
	return s.Store.Versions(ctx)
}

func (s *turns) Declare(ctx context.Context, c entitlements.Catalog, at time.Time) (entitlements.CatalogDiff, error) {
	defer s.Take()()
	return s.Store.Declare(ctx, c, at)
}

// inTransaction gives each test a store bound to a transaction of its own that is rolled back in the end. A statement
// that failed would abort it, so that all that follows failed too: no expected outcome may be an SQL error.
func inTransaction(pool *pgxpool.Pool, opts *entitlementspg.Options) func(t *testing.T) entitlements.Store {
	return func(t *testing.T) entitlements.Store {
		return &turns{Store: entitlementspg.New(pgtest.Begin(t, pool), opts)}
	}
}

// suiteDatabase has the suite's catalogue, so that tests in transactions need not declare it.
func suiteDatabase(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := pgtest.Pool(t, migrations.Entitlements)
	_, err := entitlementspg.New(pool, nil).Declare(t.Context(), entitlementstest.Catalog(), now())
	require.NoError(t, err)
	return pool
}

func TestStoreInACallersTransaction(t *testing.T) {
	t.Parallel()
	entitlementstest.TestStore(t, inTransaction(suiteDatabase(t), nil))
}

func TestStoreNotifiesInACallersTransaction(t *testing.T) {
	t.Parallel()
	pool := suiteDatabase(t)
	entitlementstest.TestNotifications(t, func(t *testing.T, n tenon.Notifier) entitlements.Store {
		return inTransaction(pool, &entitlementspg.Options{Notifier: func(pgx.Tx) tenon.Notifier { return n }})(t)
	})
}
