package entitlements_test

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
)

// BenchmarkCheck answers from memory, with 1,000 tenants of 50 features each, in random order.
func BenchmarkCheck(b *testing.B) {
	gate, asked := warmGate(b, 1000, 50)
	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			q := asked[i%len(asked)]
			if d, err := gate.Check(b.Context(), q[0], q[1]); err != nil || !d.Allowed {
				b.Fatal(d, err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		var part atomic.Int64
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := int(part.Add(7919)); pb.Next(); i++ {
				q := asked[i%len(asked)]
				if d, err := gate.Check(b.Context(), q[0], q[1]); err != nil || !d.Allowed {
					b.Error(d, err)
				}
			}
		})
	})
}

// BenchmarkCheckAll answers for all 50 features of a tenant at once.
func BenchmarkCheckAll(b *testing.B) {
	gate, asked := warmGate(b, 1000, 50)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		all, err := gate.CheckAll(b.Context(), asked[i%len(asked)][0])
		if err != nil || len(all) != 50 {
			b.Fatal(len(all), err)
		}
	}
}

// warmGate returns a gate over the memory store with every view loaded, and pairs of tenant and feature to ask for.
func warmGate(b *testing.B, tenants, features int) (*entitlements.Gate, [][2]string) {
	b.Helper()
	gate := entitlements.NewGate(entitlements.NewMemoryStore(nil), &entitlements.Options{MaxAge: time.Hour})
	c := entitlements.Catalog{Plans: []entitlements.Plan{{ID: "pro", Features: map[string]entitlements.Allowance{}}}}
	for f := range features {
		key := fmt.Sprintf("feature-%d", f)
		c.Features = append(c.Features, entitlements.Feature{Key: key, Kind: entitlements.Metered})
		c.Plans[0].Features[key] = entitlements.Allowance{Limits: []entitlements.Limit{{Hard: 1e9, Period: entitlements.Monthly}}}
	}
	_, err := gate.ApplyCatalog(b.Context(), c)
	require.NoError(b, err)
	for t := range tenants {
		tenant := fmt.Sprintf("tenant-%d", t)
		_, err := gate.Subscribe(b.Context(), entitlements.Subscription{Tenant: tenant, Plan: "pro"})
		require.NoError(b, err)
		_, err = gate.Check(b.Context(), tenant, "feature-0")
		require.NoError(b, err)
	}
	asked := make([][2]string, 1<<16)
	for i := range asked {
		asked[i] = [2]string{fmt.Sprintf("tenant-%d", rand.IntN(tenants)), fmt.Sprintf("feature-%d", rand.IntN(features))}
	}
	return gate, asked
}
