package ratelimitpg_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimitpg"
)

// database returns a pool on a database of the test's own.
func database(t *testing.T) *pgxpool.Pool {
	t.Helper()
	return pgtest.Pool(t, migrations.Ratelimit)
}

// hour is a limit that nothing is given back of while a test runs.
var hour = ratelimit.PerHour(1_000_000)

func take(key ratelimit.Key, n int64, limits ...ratelimit.Limit) ratelimit.Op {
	if len(limits) == 0 {
		limits = []ratelimit.Limit{hour}
	}
	return ratelimit.Op{Kind: ratelimit.OpTake, Key: key, Limits: limits, N: n, Least: n}
}

// settle carries out operations that must not fail.
func settle(t *testing.T, s *ratelimitpg.Store, ops ...ratelimit.Op) []ratelimit.Outcome {
	t.Helper()
	outcomes, err := s.Settle(t.Context(), ops)
	require.NoError(t, err)
	require.Len(t, outcomes, len(ops))
	for _, o := range outcomes {
		require.NoError(t, o.Err)
	}
	return outcomes
}

// used is what was taken of hour.
func used(t *testing.T, s *ratelimitpg.Store, key ratelimit.Key) int64 {
	t.Helper()
	op := take(key, 1)
	op.Kind = ratelimit.OpPeek
	return hour.Max - settle(t, s, op)[0].Remaining
}

// running runs s.Run until stop, which returns how it ended.
func running(t *testing.T, s *ratelimitpg.Store) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// eventually waits for what another goroutine does.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	require.Eventually(t, done, 30*time.Second, time.Millisecond)
}
