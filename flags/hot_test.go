package flags_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/flags"
)

func BenchmarkHot(b *testing.B) {
	set := flags.NewSet(flags.NewMemoryStore(nil), nil)
	on := flags.Bool("on", false)
	pct := flags.Bool("pct", false)
	three := flags.Bool("three", false)
	defs := []flags.Definition{
		{Key: "on", Type: flags.TypeBool, Default: "on"},
		{Key: "pct", Type: flags.TypeBool, Rollout: &flags.Rollout{Percent: 10}},
		{Key: "three", Type: flags.TypeBool, Rules: []flags.Rule{{If: flags.Condition{All: []flags.Condition{
			{Attr: "country", Op: flags.OpIn, Values: []any{"US", "CA", "GB"}},
			{Attr: "plan", Op: flags.OpIn, Values: []any{"enterprise"}},
			{Attr: "seats", Op: flags.OpAtLeast, Value: 50},
		}}, Serve: flags.Only("on")}}},
	}
	require.NoError(b, set.Declare(b.Context(), defs...))
	var whos []*flags.Who
	for i := range 1024 {
		whos = append(whos, &flags.Who{Tenant: fmt.Sprintf("tenant-%06d", i*7919), Attrs: []flags.Attr{flags.Text("country", "CA"), flags.Text("plan", "enterprise"), flags.Number("seats", 120)}})
	}
	for name, f := range map[string]*flags.BoolFlag{"on": on, "pct": pct, "three": three} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				f.OnFor(set, whos[i&1023])
			}
		})
		b.Run(name+"-bykey", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				set.EvaluateAs(flags.TypeBool, name, whos[i&1023])
			}
		})
	}
}
