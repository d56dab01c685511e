package ratelimitpg_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
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

// oneAtATime lets goroutines take turns with a store that is bound to a transaction, which is one connection.
type oneAtATime struct {
	*ratelimitpg.Store
	mu sync.Mutex
}

func (s *oneAtATime) Settle(ctx context.Context, ops []ratelimit.Op) ([]ratelimit.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Store.Settle(ctx, ops)
}

// A statement that failed would abort the transaction, so that all that follows failed too.
func TestStoreInACallersTransaction(t *testing.T) {
	t.Parallel()
	pool := database(t)
	ratelimittest.TestStore(t, func(t *testing.T, now func() time.Time) ratelimit.Store {
		return &oneAtATime{Store: ratelimitpg.New(begin(t, pool), &ratelimitpg.Options{Now: now})}
	})
}

// execModes are those of pgx that prepare no statement under a name, as PgBouncer before 1.21 requires.
var execModes = []string{"cache_describe", "exec", "simple_protocol"}

func TestStoreThroughPgBouncer(t *testing.T) {
	t.Parallel()
	config, err := pgx.ParseConfig(pgtest.Database(t, migrations.Ratelimit))
	require.NoError(t, err)
	url := pgtest.PgBouncer(t, pgtest.Shared(t), config.Database, map[string]string{"default_pool_size": "4"})
	for _, mode := range execModes {
		t.Run(mode, func(t *testing.T) {
			ratelimittest.TestStore(t, newStores(connectPool(t, url+"&pool_max_conns=12&default_query_exec_mode="+mode)))
		})
	}
}
