package ratelimit_test

import (
	"strconv"
	"sync/atomic"
	"testing"

	"golang.org/x/time/rate"

	"github.com/transbotai/tenon/ratelimit"
)

func BenchmarkTake(b *testing.B) {
	for _, c := range []struct {
		name  string
		limit ratelimit.Limit
	}{
		{"bucket", ratelimit.Bucket(1e9, 1e9)},
		{"bucket_denied", ratelimit.Bucket(rate.Limit(0.001), 1)},
		{"strict", ratelimit.PerMinute(16_000_000_000)},
		{"strict_small", ratelimit.PerSecond(10_000_000)},
		{"strict_denied", ratelimit.PerHour(1)},
	} {
		b.Run(c.name+"/hot", func(b *testing.B) {
			lim, err := ratelimit.NewLimiter(nil, c.limit)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = lim.Take(b.Context(), ratelimit.Key{Name: "key"}, 1)
			}
		})
		b.Run(c.name+"/hot4", func(b *testing.B) {
			lim, _ := ratelimit.NewLimiter(nil, c.limit)
			ctx := b.Context()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_, _ = lim.Take(ctx, ratelimit.Key{Name: "key"}, 1)
				}
			})
		})
		b.Run(c.name+"/million", func(b *testing.B) {
			lim, _ := ratelimit.NewLimiter(&ratelimit.Options{MaxKeys: 1_000_000}, c.limit)
			keys := make([]string, 1_000_000)
			for i := range keys {
				keys[i] = "key-" + strconv.Itoa(i*7919)
				_, _ = lim.Take(b.Context(), ratelimit.Key{Name: keys[i]}, 1)
			}
			var n atomic.Int64
			ctx := b.Context()
			i := uint32(n.Add(1))
			b.ResetTimer()
			for range b.N {
				i = i*1664525 + 1013904223
				_, _ = lim.Take(ctx, ratelimit.Key{Name: keys[uint64(i)*1_000_000>>32]}, 1)
			}
			b.StopTimer()
			s := lim.Stats()
			b.ReportMetric(float64(s.Shared), "shared")
		})
	}
}
