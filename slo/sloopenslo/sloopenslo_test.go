package sloopenslo_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/sloopenslo"
)

var all = []slo.Objective{
	{Key: slo.Key{Name: "uptime"}, Description: "requests that do not fail", Kind: slo.Ratio, Target: 999_000, Window: slo.Window{Length: 24 * time.Hour}},
	{Key: slo.Key{Name: "quote_p95_latency_ms"}, Kind: slo.Latency, Target: 950_000, Threshold: 500 * time.Millisecond, Window: slo.Window{Length: time.Hour}},
	{Key: slo.Key{Name: "queue_wait"}, Kind: slo.Freshness, Target: 990_001, Threshold: time.Minute, Window: slo.Window{Length: 90 * time.Minute}},
	{Key: slo.Key{Tenant: "acme", Name: "uptime"}, Kind: slo.TimeSlice, Target: 990_000, Slice: 950_000, Window: slo.Window{Calendar: slo.Monthly, Zone: "Europe/Berlin"}},
	{Key: slo.Key{Name: "slices"}, Kind: slo.TimeSlice, Target: slo.Whole, Slice: slo.Whole, Threshold: 1500 * time.Microsecond, Window: slo.Window{Calendar: slo.Weekly, Zone: "UTC"}},
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	warnings, err := sloopenslo.Write(&b, all, nil)
	require.NoError(t, err)
	require.Empty(t, warnings)
	got, warnings, err := sloopenslo.Read(&b, nil)
	require.NoError(t, err, b.String())
	require.Equal(t, all, got)
	for _, w := range warnings { // a calendar needs a start in OpenSLO
		require.Contains(t, w.String(), "the start")
	}
}

func TestWhatHasNoCounterpartIsWarnedOf(t *testing.T) {
	t.Parallel()
	o := all[0]
	o.Tiers, o.BudgetAlerts, o.Absence, o.Advisory = []slo.Tier{}, []slo.PPM{1}, time.Hour, true
	o.Traffic.MinBad = 5
	var b bytes.Buffer
	warnings, err := sloopenslo.Write(&b, []slo.Objective{o}, nil)
	require.NoError(t, err)
	require.Len(t, warnings, 5)
}

// file is a document as others write it. Edit replaces parts of it, in pairs.
func file(edit ...string) string {
	return strings.NewReplacer(edit...).Replace(`apiVersion: openslo/v1
kind: SLO
metadata:
  name: web-availability
  displayName: Web availability
spec:
  service: web
  indicator:
    metadata: {name: good}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: Prometheus, spec: {query: good}}}
        total: {metricSource: {type: Prometheus, spec: {query: all}}}
  timeWindow:
    - duration: 28d
      isRolling: true
  budgetingMethod: Occurrences
  objectives:
    - displayName: most
      target: 0.999
`)
}

const threshold = `thresholdMetric: {metricSource: {type: Prometheus, spec: {query: q}}}`

// latency makes the document one of a threshold.
func latency(edit ...string) string {
	text := file()
	from, to := strings.Index(text, "ratioMetric"), strings.Index(text, "  timeWindow")
	text = text[:from] + threshold + "\n" + text[to:]
	text = strings.Replace(text, "target: 0.999", "op: lte\n      value: 500\n      targetPercent: 95", 1)
	return strings.NewReplacer(edit...).Replace(text)
}

func TestRead(t *testing.T) {
	t.Parallel()
	base := slo.Objective{
		Key: slo.Key{Name: "web-availability"}, Description: "Web availability", Kind: slo.Ratio, Target: 999_000,
		Window: slo.Window{Length: 28 * 24 * time.Hour},
	}
	with := func(f func(o *slo.Objective)) slo.Objective {
		o := base
		f(&o)
		return o
	}
	for name, c := range map[string]struct {
		text  string
		want  slo.Objective
		warns string // what one of the warnings says
	}{
		"a_ratio":          {file(), base, "metric sources are dropped"},
		"1m_is_a_minute":   {file("28d", "90m"), with(func(o *slo.Objective) { o.Window.Length = 90 * time.Minute }), ""},
		"1M_is_a_month":    {file("28d", "1M"), with(func(o *slo.Objective) { o.Window.Length = 30 * 24 * time.Hour }), "taken for 30 days"},
		"a_calendar_month": {file("28d", "1M", "isRolling: true", "isRolling: false"), with(func(o *slo.Objective) { o.Window = slo.Window{Calendar: slo.Monthly} }), ""},
		"a_calendar_with_a_zone": {
			file("28d", "1w", "isRolling: true", "isRolling: false\n      calendar: {startTime: 2024-01-01 00:00:00, timeZone: America/New_York}"),
			with(func(o *slo.Objective) { o.Window = slo.Window{Calendar: slo.Weekly, Zone: "America/New_York"} }), "the start",
		},
		"percent": {file("target: 0.999", "targetPercent: 99.95"), with(func(o *slo.Objective) { o.Target = 999_500 }), ""},
		"a_threshold": {latency(), with(func(o *slo.Objective) {
			o.Kind, o.Target, o.Threshold = slo.Latency, 950_000, 500*time.Millisecond
		}), "units of 1ms"},
		"a_threshold_below": {latency("lte", "lt", "500", "0.5"), with(func(o *slo.Objective) {
			o.Kind, o.Target, o.Threshold = slo.Latency, 950_000, 500*time.Microsecond
		}), "itself counts as good"},
		"time_slices": {
			file("Occurrences", "Timeslices", "target: 0.999", "target: 0.999\n      timeSliceTarget: 0.95\n      timeSliceWindow: 5m"),
			with(func(o *slo.Objective) { o.Kind, o.Slice = slo.TimeSlice, 950_000 }), "taken for slices of a minute",
		},
		"alert_policies":  {file("  objectives:", "  alertPolicies: [fast]\n  objectives:"), base, "alert policies are dropped"},
		"other_documents": {file() + "---\napiVersion: openslo/v1\nkind: Service\nmetadata: {name: web}\nspec: {}\n", base, "kind Service"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, warnings, err := sloopenslo.Read(strings.NewReader(c.text), nil)
			require.NoError(t, err)
			require.Equal(t, []slo.Objective{c.want}, got)
			require.Contains(t, fmt.Sprint(warnings), c.warns)
		})
	}
}

func TestSeveralObjectivesOfADocumentAndAnIndicatorElsewhere(t *testing.T) {
	t.Parallel()
	text := file("target: 0.999", "target: 0.999\n    - target: 0.9999\n")
	from, to := strings.Index(text, "  indicator:"), strings.Index(text, "  timeWindow")
	text = text[:from] + "  indicatorRef: good\n" + text[to:] +
		"---\napiVersion: openslo/v1\nkind: SLI\nmetadata: {name: good}\nspec:\n  ratioMetric: {counter: true}\n"
	got, _, err := sloopenslo.Read(strings.NewReader(text), nil)
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, "web-availability-1", got[0].Name)
	require.Equal(t, "web-availability-2", got[1].Name)
	require.EqualValues(t, 999_900, got[1].Target)
}

func TestReadRefusesByField(t *testing.T) {
	t.Parallel()
	slices := func(target string) string {
		return file("Occurrences", "Timeslices", "target: 0.999", "target: 0.999\n      timeSliceTarget: "+target)
	}
	for name, c := range map[string]struct{ text, field string }{
		"what is no YAML":           {"a: [", "input"},
		"what is no mapping":        {"- a", "input"},
		"what is no SLO":            {"apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: web}\nspec: 1\n", "web"},
		"what is no SLI":            {"apiVersion: openslo/v1\nkind: SLI\nmetadata: {name: good}\nspec: 1\n", "good"},
		"another version":           {file("openslo/v1", "openslo/v2"), "apiVersion"},
		"no window":                 {file("    - duration: 28d\n      isRolling: true\n", "    []\n"), "timeWindow"},
		"a window of nothing":       {file("28d", "0d"), "duration"},
		"a unit without a number":   {file("28d", "d"), "duration"},
		"a unit that is none":       {file("28d", "28x"), "duration"},
		"too long a window":         {file("28d", "93d"), "window.length"},
		"a great number":            {file("28d", "99999999999999999999d"), "duration"},
		"two calendar months":       {file("28d", "2M", "isRolling: true", "isRolling: false"), "duration"},
		"a calendar hour":           {file("28d", "1h", "isRolling: true", "isRolling: false"), "duration"},
		"a zone that is none":       {file("28d", "1M", "isRolling: true", "isRolling: false\n      calendar: {timeZone: Nowhere/At_All}"), "window.zone"},
		"a target over one":         {file("0.999", "1.5"), "target"},
		"a target of nothing":       {file("0.999", "0"), "target"},
		"a target too fine":         {file("0.999", "0.99999999"), "target"},
		"a target of words":         {file("0.999", "high"), "target"},
		"no target":                 {file("      target: 0.999\n", ""), "target"},
		"two targets":               {file("target: 0.999", "target: 0.999\n      targetPercent: 99.9"), "target"},
		"no objectives":             {file("    - displayName: most\n      target: 0.999\n", "    []\n"), "objectives"},
		"an odd indicator":          {file("ratioMetric", "otherMetric"), "indicator"},
		"no indicator":              {file("  indicator:", "  other:"), "indicator"},
		"a raw ratio":               {file("counter: true", "raw: {metricSource: {spec: {}}}"), "indicator"},
		"ratio time slices":         {file("Occurrences", "RatioTimeslices"), "budgetingMethod"},
		"slices without a target":   {file("Occurrences", "Timeslices"), "timeSliceTarget"},
		"slices of words":           {slices("most"), "timeSliceTarget"},
		"slices of nothing":         {slices("0"), "slice"},
		"a threshold at least":      {latency("lte", "gte"), "op"},
		"a negative threshold":      {latency("500", "-1"), "value"},
		"a threshold of no number":  {latency("500", ".nan"), "value"},
		"an infinite threshold":     {latency("500", ".inf"), "value"},
		"a threshold too fine":      {latency("500", "0.0001"), "value"},
		"a unit of thresholds":      {latency("  displayName", "  annotations: {tenon/unit: d}\n  displayName"), sloopenslo.UnitAnnotation},
		"an indicator that is away": {strings.Replace(file(), "  indicator:", "  indicatorRef: away\n  other:", 1), "indicatorRef"},
		"a composite":               {file("target: 0.999", "target: 0.999\n      compositeWeight: 2"), "indicator"},
		"too much":                  {file() + strings.Repeat("# more\n", 160_000), "input"},
		"too many":                  {strings.Repeat("---\napiVersion: openslo/v1\nkind: Service\n", 1001), "input"},
	} {
		_, _, err := sloopenslo.Read(strings.NewReader(c.text), nil)
		var wrong *tenon.FieldError
		require.ErrorAs(t, err, &wrong, name)
		require.Equal(t, c.field, wrong.Field, name)
	}
}

func TestAThresholdInATinyUnitIsExactOrRefused(t *testing.T) {
	t.Parallel()
	nanoseconds := &sloopenslo.Options{Unit: time.Nanosecond}
	got, _, err := sloopenslo.Read(strings.NewReader(latency("500", "1500000")), nanoseconds)
	require.NoError(t, err)
	require.Equal(t, 1500*time.Microsecond, got[0].Threshold)
	_, _, err = sloopenslo.Read(strings.NewReader(latency()), nanoseconds)
	var wrong *tenon.FieldError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, "value", wrong.Field, "half a microsecond")
}

func TestWriteRefusesAnObjectiveThatCannotBe(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	bad := all[0]
	bad.Target = 0
	_, err := sloopenslo.Write(&b, []slo.Objective{all[1], bad}, nil)
	require.ErrorIs(t, err, tenon.ErrInvalid)
	require.Zero(t, b.Len())
}

func FuzzRead(f *testing.F) {
	f.Add(file())
	f.Add(latency())
	f.Add(file("28d", "1M", "isRolling: true", "isRolling: false"))
	f.Fuzz(func(t *testing.T, text string) {
		got, _, err := sloopenslo.Read(strings.NewReader(text), nil)
		if err != nil {
			require.ErrorIs(t, err, tenon.ErrInvalid)
			return
		}
		var b bytes.Buffer
		_, err = sloopenslo.Write(&b, got, nil)
		require.NoError(t, err)
		again, _, err := sloopenslo.Read(&b, nil)
		require.NoError(t, err)
		require.Len(t, again, len(got))
		for i := range got {
			require.Equal(t, got[i].Target, again[i].Target)
			require.Equal(t, got[i].Window.Period(), again[i].Window.Period())
			require.Equal(t, got[i].Threshold, again[i].Threshold)
		}
	})
}

func ExampleWrite() {
	var b strings.Builder
	warnings, err := sloopenslo.Write(&b, all[:1], &sloopenslo.Options{Service: "freight"})
	_, after, _ := strings.Cut(b.String(), "timeWindow:")
	fmt.Print("timeWindow:", after)
	fmt.Println(warnings, err)
	// Output:
	// timeWindow:
	//     - duration: 1d
	//       isRolling: true
	//   budgetingMethod: Occurrences
	//   objectives:
	//     - target: 0.999
	// [] <nil>
}

func ExampleRead() {
	objectives, warnings, err := sloopenslo.Read(strings.NewReader(file()), nil)
	fmt.Println(objectives[0].Name, objectives[0].Target, objectives[0].Window)
	fmt.Println(warnings[0], err)
	// Output:
	// web-availability 99.9% 672h0m0s
	// web-availability: metric sources are dropped: count by a recorder or from a table <nil>
}
