package ratelimitredis_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/redistest"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimitredis"
)

// ours begins the names of a test's own Redis keys.
func ours() string { return tenon.NewID(time.Now()) + ":" }

// server starts a server that the test may break.
func server(t *testing.T, opts *redistest.Options) *redistest.Server {
	t.Helper()
	s, err := redistest.Start(t.Context(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	return s
}

func connect(t *testing.T, opts *redis.Options) *redis.Client {
	t.Helper()
	client := redis.NewClient(opts)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// cluster starts a Redis Cluster of three nodes.
func cluster(t *testing.T) (*redistest.Cluster, *redis.ClusterClient) {
	t.Helper()
	c, err := redistest.StartCluster(t.Context(), 3)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Stop()) })
	client := redis.NewClusterClient(c.Options())
	t.Cleanup(func() { _ = client.Close() })
	return c, client
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
func settle(t *testing.T, s *ratelimitredis.Store, ops ...ratelimit.Op) []ratelimit.Outcome {
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
func used(t *testing.T, s *ratelimitredis.Store, key ratelimit.Key) int64 {
	t.Helper()
	op := take(key, 1)
	op.Kind = ratelimit.OpPeek
	return hour.Max - settle(t, s, op)[0].Remaining
}
