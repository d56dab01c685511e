package flags_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
)

// BenchmarkEvaluate evaluates one flag for 1,024 tenants in turn.
func BenchmarkEvaluate(b *testing.B) {
	store := flags.NewMemoryStore(nil)
	set := flags.NewSet(store, nil)
	require.NoError(b, set.Declare(b.Context(),
		flags.Definition{Key: "on", Type: flags.TypeBool, Default: "on"},
		flags.Definition{Key: "rollout", Type: flags.TypeBool, Rollout: &flags.Rollout{Percent: 10}},
		flags.Definition{Key: "rule", Type: flags.TypeBool, Rules: []flags.Rule{{Serve: flags.Only("on"), If: flags.Condition{All: []flags.Condition{
			{Attr: "country", Op: flags.OpIn, Values: []any{"US", "CA", "GB"}},
			{Attr: "plan", Op: flags.OpEqual, Value: "enterprise"},
			{Attr: "seats", Op: flags.OpAtLeast, Value: 50},
		}}}}},
	))
	who := make([]flags.Who, 1024)
	for i := range who {
		who[i] = flags.Who{Tenant: fmt.Sprintf("tenant-%06d", i), Attrs: []flags.Attr{
			flags.Text("country", "CA"), flags.Text("plan", "enterprise"), flags.Number("seats", 120),
		}}
	}
	for _, key := range []string{"on", "rollout", "rule"} {
		flag := flags.Bool(key, false)
		b.Run(key, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				flag.OnFor(set, &who[i%len(who)])
			}
		})
		b.Run(key+"/parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					flag.OnFor(set, &who[i%len(who)])
				}
			})
		})
		b.Run(key+"/detail", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				flag.DetailFor(set, &who[i%len(who)])
			}
		})
		b.Run(key+"/by context", func(b *testing.B) {
			ctx := tenon.WithCaller(b.Context(), tenon.Caller{Tenant: "acme", Actor: "ann"})
			b.ReportAllocs()
			for b.Loop() {
				flag.On(ctx, set)
			}
		})
	}
}
