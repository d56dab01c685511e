package ratelimitredis_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/transbotai/tenon/internal/redistest"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimitredis"
	"github.com/transbotai/tenon/ratelimit/ratelimittest"
)

// newStores gives each test a store with keys of its own.
func newStores(client redis.UniversalClient) ratelimittest.NewStore {
	return func(_ *testing.T, now func() time.Time) ratelimit.Store {
		return ratelimitredis.New(client, &ratelimitredis.Options{Prefix: ours(), Now: now})
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	ratelimittest.TestStore(t, newStores(redistest.Client(t)))
}

func TestStoreOnACluster(t *testing.T) {
	t.Parallel()
	_, client := cluster(t)
	ratelimittest.TestStore(t, newStores(client))
}

func TestStoreOnARing(t *testing.T) {
	t.Parallel()
	ratelimittest.TestStore(t, newStores(ring(t)))
}
