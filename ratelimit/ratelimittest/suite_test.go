package ratelimittest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimittest"
)

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	ratelimittest.TestStore(t, func(_ *testing.T, now func() time.Time) ratelimit.Store {
		return ratelimit.NewMemoryStore(&ratelimit.MemoryOptions{Now: now})
	})
}

func TestWorstLooksAtEveryWindow(t *testing.T) {
	t.Parallel()
	taken := []ratelimittest.Taken{{At: 9, Units: 4}, {At: 0, Units: 1}, {At: 5, Units: 2}, {At: 10, Units: 8}}
	require.Equal(t, int64(14), ratelimittest.Worst(taken, 10)) // from 5 on
	require.Equal(t, int64(12), ratelimittest.Worst(taken, 2))
	require.Equal(t, int64(15), ratelimittest.Total(taken))
}
