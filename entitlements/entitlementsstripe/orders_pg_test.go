package entitlementsstripe_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// database returns a pool on a database of the test's own, with the catalogue.
func (s *shop) database() (string, *pgxpool.Pool) {
	s.t.Helper()
	url := pgtest.Database(s.t, migrations.Entitlements)
	pool, err := pgxpool.New(s.t.Context(), url)
	require.NoError(s.t, err)
	s.t.Cleanup(pool.Close)
	_, err = s.store(pool).Declare(s.t.Context(), testCatalog(), s.fake.Now())
	require.NoError(s.t, err)
	return url, pool
}

// store returns a store on a handle, patient where the machine is busy.
func (s *shop) store(db entitlementspg.DB) *entitlementspg.Store {
	return entitlementspg.New(db, &entitlementspg.Options{Timeout: time.Minute})
}

// faults are what goes wrong at a statement.
var faults = []pgtest.Fault{pgtest.Fail, pgtest.CutBefore, pgtest.CutAfter}

// orderStatements is more than the events of most orders take; past that nothing goes wrong.
const orderStatements = 40

func TestEveryOrderOfSixEventsOnPostgresWithACrashBetweenAnyTwoStatements(t *testing.T) {
	t.Parallel()
	inShares(t, 3, func(t *testing.T, orders []order) {
		s := newShop(t, began())
		s.opts.LeaseTTL = 500 * time.Millisecond // so long waits whoever comes after a crash
		_, pool := s.database()
		fired := map[string]bool{}
		for i, l := range s.lives(len(orders)) {
			n, fault := 1+orders[i].number%orderStatements, faults[orders[i].number/orderStatements%len(faults)]
			faulty := pgtest.NewFaulty(pool, n, fault)
			x := s.open(s.store(faulty))
			send(t, x.Handler(), l.sequence(orders[i]))
			s.arrive(s.open(s.store(pool)), s.store(pool), l)
			if faulty.Fired() {
				fired[fmt.Sprint(n, fault)] = true
			}
		}
		require.Greater(t, len(fired), 10, "crashes are everywhere: %v", fired)
	})
}
