package flagsopenfeature_test

import (
	"fmt"
	"testing"

	of "github.com/open-feature/go-sdk/openfeature"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagsopenfeature"
)

// BenchmarkProvider is what the provider takes beneath OpenFeature's client, with 1,003 flags loaded.
func BenchmarkProvider(b *testing.B) {
	set := flags.NewSet(flags.NewMemoryStore(nil), nil)
	definitions := []flags.Definition{
		{Key: "on", Type: flags.TypeBool, Default: "on"},
		{Key: "rollout", Type: flags.TypeBool, Rollout: &flags.Rollout{Percent: 10}},
		{Key: "conditions", Type: flags.TypeBool, Rules: []flags.Rule{{Serve: flags.Only("on"), If: flags.Condition{All: []flags.Condition{
			{Attr: "plan", Op: flags.OpEqual, Value: "pro"},
			{Attr: "country", Op: flags.OpIn, Values: []any{"US", "CA"}},
			{Attr: "seats", Op: flags.OpAtLeast, Value: 10.0},
		}}}}},
	}
	for i := range 1000 {
		definitions = append(definitions, flags.Definition{Key: fmt.Sprint("flag-", i), Type: flags.TypeBool, Default: "on"})
	}
	require.NoError(b, set.Declare(b.Context(), definitions...))
	p := flagsopenfeature.New(set, nil)
	flat := of.FlattenedContext{of.TargetingKey: "acme", "plan": "pro", "country": "US", "seats": 12}
	ctx := b.Context()
	for _, key := range []string{"on", "rollout", "conditions"} {
		b.Run(key, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d := p.BooleanEvaluation(ctx, key, false, flat)
				if d.Variant == "" {
					b.Fatal(d)
				}
			}
		})
	}
}
