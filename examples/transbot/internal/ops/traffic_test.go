package ops

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whenever the demo is started, nothing but a drill takes more of a budget than an alert of it may have left to resolve.
func TestTheMadeUpTrafficIsAlwaysWell(t *testing.T) {
	t.Parallel()
	const resolves = 0.4 // of a budget
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	minutes := make([]rows, 3*24*60)
	for i := range minutes {
		m := begin.Add(time.Duration(i) * time.Minute)
		minutes[i].minute(m, m.Add(time.Hour), []string{"acme"})
	}
	for _, c := range []struct {
		objective string
		of        func(rows) [][]any
		bad       func([]any) bool
	}{
		{Uptime, func(r rows) [][]any { return r.requests }, func(row []any) bool { return row[4].(int) >= 500 }},
		{QuoteLatency, func(r rows) [][]any { return r.quotes }, func(row []any) bool { return row[4].(float64) > 500 }},
		{AgentSuccess, func(r rows) [][]any { return r.tasks }, func(row []any) bool { return row[6] != "succeeded" }},
	} {
		for _, o := range objectives() {
			if o.Name != c.objective {
				continue
			}
			window, valid, bad := int(o.Window.Length/time.Minute), 0, 0
			count := func(r rows, sign int) {
				for _, row := range c.of(r) {
					valid += sign
					if c.bad(row) {
						bad += sign
					}
				}
			}
			for i := range minutes {
				count(minutes[i], 1)
				if i < window {
					continue
				}
				count(minutes[i-window], -1)
				budget := float64(valid) * float64(1_000_000-o.Target) / 1_000_000
				require.Greater(t, bad, 0, "%s: now and then one", o.Name)
				require.LessOrEqual(t, float64(bad), resolves*budget, "%s before %s", o.Name, begin.Add(time.Duration(i)*time.Minute))
			}
		}
	}
}
