package ratelimit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/ratelimit"
)

func op(kind ratelimit.OpKind, n int64, limits ...ratelimit.Limit) ratelimit.Op {
	return ratelimit.Op{Kind: kind, Key: key, Limits: limits, N: n, Least: n}
}

func TestAnAccountIsTheSameAsNoneOnceItExpires(t *testing.T) {
	t.Parallel()
	require.Equal(t, time.UnixMicro(0).UTC(), new(ratelimit.Account).Expires(), "nothing was counted")
	for _, limits := range [][]ratelimit.Limit{
		{ratelimit.PerMinute(5)},
		{ratelimit.Bucket(1, 5)},
		{ratelimit.PerDay(5, nil)},
		{ratelimit.InFlight(5, time.Minute)},
		{ratelimit.PerHour(5), ratelimit.PerMinute(5)},
	} {
		var a ratelimit.Account
		require.True(t, a.Settle(op(ratelimit.OpTake, 2, limits...), time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)).Granted)
		end := a.Expires()
		last := a.Settle(op(ratelimit.OpPeek, 1, limits...), end.Add(-time.Microsecond))
		require.Equal(t, time.Microsecond, last.ResetAfter, limits[0].Algorithm)
		after := a.Settle(op(ratelimit.OpPeek, 5, limits...), end)
		require.True(t, after.Granted, limits[0].Algorithm)
		require.Zero(t, after.ResetAfter, limits[0].Algorithm)
		require.Equal(t, int64(5), after.Remaining, limits[0].Algorithm)
	}
}

func TestAMemoryStoreForgetsWhatHasExpired(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	s := ratelimit.NewMemoryStore(&ratelimit.MemoryOptions{Now: func() time.Time { return now }})
	come := func(tenant string, keys int) {
		for i := range keys {
			one := op(ratelimit.OpTake, 1, ratelimit.PerSecond(5))
			one.Key = ratelimit.Key{Tenant: tenant, Name: named(i).Name}
			_, err := s.Settle(t.Context(), []ratelimit.Op{one})
			require.NoError(t, err)
		}
	}
	left := func(tenant string) int64 {
		erased, err := s.Erase(t.Context(), tenon.Subject{Tenant: tenant})
		require.NoError(t, err)
		return erased["ratelimits"]
	}
	come("long-ago", 1000)
	now = now.Add(time.Minute)
	come("acme", 100)
	require.Zero(t, left("long-ago"))
	require.EqualValues(t, 100, left("acme"))
}
