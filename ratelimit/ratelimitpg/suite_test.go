package ratelimitpg_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimitpg"
	"github.com/transbotai/tenon/ratelimit/ratelimittest"
)

// newStores gives each test a store on one database.
func newStores(pool *pgxpool.Pool) ratelimittest.NewStore {
	return func(_ *testing.T, now func() time.Time) ratelimit.Store {
		return ratelimitpg.New(pool, &ratelimitpg.Options{Now: now})
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	ratelimittest.TestStore(t, newStores(database(t)))
}

// turns lets goroutines take turns with a store that is bound to a transaction, which is one connection.
type turns struct {
	*ratelimitpg.Store
	pgtest.Turns
}

func (s *turns) Settle(ctx context.Context, ops []ratelimit.Op) ([]ratelimit.Outcome, error) {
	defer s.Take()()
	return s.Store.Settle(ctx, ops)
}

// A statement that failed would abort the transaction, so that all that follows failed too.
func TestStoreInACallersTransaction(t *testing.T) {
	t.Parallel()
	pool := database(t)
	ratelimittest.TestStore(t, func(t *testing.T, now func() time.Time) ratelimit.Store {
		return &turns{Store: ratelimitpg.New(pgtest.Begin(t, pool), &ratelimitpg.Options{Now: now})}
	})
}
