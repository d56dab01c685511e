package report_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
)

func TestFigure(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]report.Figure{
		"131,000/s": {Value: 131_234, Unit: report.PerSecond},
		"16.2×":     {Value: 16.2345, Unit: report.Times},
		"2.50×":     {Value: 2.4999, Unit: report.Times},
		"0.627×":    {Value: 0.62712, Unit: report.Times},
		"85.4 ns":   {Value: 85.44, Unit: report.Nanoseconds},
		"999 ns":    {Value: 999.4, Unit: report.Nanoseconds},
		"0 allocs":  {Value: 0, Unit: report.Allocs},
	} {
		require.Equal(t, want, f.String())
	}
}

func TestTargetIsMetAsItReads(t *testing.T) {
	t.Parallel()
	at := func(v float64) report.Figure { return report.Figure{Value: v, Unit: report.Times} }
	least, most := report.Target{Bound: report.AtLeast, Value: 25}, report.Target{Bound: report.AtMost, Value: 8}
	require.True(t, least.Met(at(24.96)))
	require.False(t, least.Met(at(24.9)))
	require.True(t, most.Met(at(8.004)))
	require.False(t, most.Met(at(8.01)))
	require.True(t, report.Target{}.Met(at(0)))
}

func section(name string, measured float64) report.Section {
	return report.Section{
		Name: name, Setting: "a machine.", Text: "Text.",
		Tables: []report.Table{{Title: "Table", Columns: []string{"tenon"}, Rows: []report.Row{{
			Case:   "case",
			Figure: report.Figure{Value: measured, Unit: report.Times},
			Target: report.Target{Bound: report.AtLeast, Value: 10},
			Cells:  []string{"1/s"},
		}}}},
		Samples: []report.Sample{{Name: "case/tenon", Unit: report.PerSecond, Series: measure.Series{1, 2}}},
	}
}

func TestMissedTargetIsShown(t *testing.T) {
	t.Parallel()
	text := section("audit", 9.94).Markdown()
	require.Contains(t, text, "**1 of 1 targets are MISSED.**")
	require.Contains(t, text, "| case | 9.94× | ≥ 10.0× | **MISSED** | 1/s |")
	require.Contains(t, section("audit", 10).Markdown(), "All 1 targets are met.")
}

func TestOneRunReplacesItsSectionAlone(t *testing.T) {
	t.Parallel()
	page := report.Replace("", section("flags", 11))
	page = report.Replace(page, section("audit", 9))
	flags := page[strings.Index(page, "<!-- begin flags"):]
	again := report.Replace(page, section("audit", 12))
	require.NotContains(t, again, "MISSED.")
	require.Contains(t, again, flags)
	require.Equal(t, 1, strings.Count(again, "## audit"))
	require.Less(t, strings.Index(again, "## audit"), strings.Index(again, "## flags"))
	require.Equal(t, again, report.Replace(again, section("audit", 12)))
}

func TestSamplesAreInTheFormatOfBenchstat(t *testing.T) {
	t.Parallel()
	require.Equal(t, "Benchmarkaudit/case/tenon 1 1 op/s\nBenchmarkaudit/case/tenon 1 2 op/s\n", section("audit", 1).Benchstat())
}
