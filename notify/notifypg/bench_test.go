package notifypg_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
)

// fill writes n entries over the groups, a thousand at a time.
func fill(b *testing.B, store *notifypg.Store, groups, n int) {
	b.Helper()
	for i := 0; i < n; {
		var batch []notify.Entry
		for ; i < n && len(batch) < 1000; i++ {
			entries, err := byGroup.Entries(numbered(i%groups, i), time.Now())
			require.NoError(b, err)
			batch = append(batch, entries...)
		}
		require.NoError(b, store.Add(b.Context(), batch))
	}
}

func BenchmarkNotify(b *testing.B) {
	pool := database(b)
	store := notifypg.New(pool, nil)
	i := 0
	for b.Loop() {
		i++
		require.NoError(b, store.Notify(b.Context(), numbered(0, i)))
	}
}

// BenchmarkDeliver measures one entry of many, by a receiver that answers at once.
func BenchmarkDeliver(b *testing.B) {
	for _, groups := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprint(groups, "groups"), func(b *testing.B) {
			pool := database(b)
			fill(b, notifypg.New(pool, nil), groups, b.N)
			ctx, cancel := context.WithCancel(b.Context())
			var delivered atomic.Int64
			outbox := newOutbox(pool, notify.Func(func(context.Context, tenon.Notification) error {
				if delivered.Add(1) == int64(b.N) {
					cancel()
				}
				return nil
			}))
			b.ResetTimer()
			require.NoError(b, outbox.Run(ctx))
		})
	}
}

// BenchmarkClaimBehindABacklog measures a claim of eight entries and their settling while some 100,000 entries wait
// behind the heads of 100 groups.
func BenchmarkClaimBehindABacklog(b *testing.B) {
	pool := database(b)
	store := notifypg.New(pool, nil)
	fill(b, store, 100, 100_000)
	var settled atomic.Int64
	stop := errors.New("enough")
	ctx, cancel := context.WithCancelCause(b.Context())
	outbox := newOutbox(pool, notify.Func(func(context.Context, tenon.Notification) error {
		if settled.Add(1) == 1000 {
			cancel(stop)
		}
		return nil
	}))
	require.NoError(b, outbox.Run(ctx))
	now := time.Now().Add(time.Hour)
	for b.Loop() {
		lease := tenon.NewID(now)
		entries, err := store.Claim(b.Context(), notify.Claim{
			Destination: notify.DefaultDestination, Lease: lease, Now: now, Until: now.Add(time.Minute), Limit: 8,
		})
		require.NoError(b, err)
		require.Len(b, entries, 8)
		var results []notify.Result
		for _, e := range entries {
			results = append(results, notify.Result{Entry: e, Lease: lease, State: notify.Pending, At: now, Due: now.Add(-time.Second)})
		}
		require.NoError(b, store.Settle(b.Context(), results))
	}
}
