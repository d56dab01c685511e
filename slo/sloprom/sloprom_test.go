package sloprom_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/sloprom"
)

var (
	uptime = slo.Objective{
		Key: slo.Key{Name: "uptime"}, Kind: slo.Ratio, Target: 999_000, Window: slo.Window{Length: 30 * 24 * time.Hour},
	}
	quotes = slo.Objective{
		Key: slo.Key{Name: "quotes"}, Kind: slo.Latency, Target: 950_000, Threshold: 500 * time.Millisecond,
		Window: slo.Window{Length: time.Hour},
	}
	theirs = slo.Objective{
		Key: slo.Key{Tenant: "acme", Name: "uptime"}, Kind: slo.Ratio, Target: 990_000, Window: slo.Window{Length: time.Hour},
	}
)

// newBoard counts good and bad events of 100 ms.
func newBoard(t *testing.T, good, bad int) *slo.Board {
	t.Helper()
	store := slo.NewMemoryStore(nil)
	board := slo.NewBoard(store, nil)
	_, err := board.Define(t.Context(), uptime, quotes, theirs)
	require.NoError(t, err)
	rec, err := slo.NewRecorder(store, []slo.Objective{uptime, quotes}, nil)
	require.NoError(t, err)
	rec.Tick(time.Now())
	for range good {
		rec.Observe(slo.Good, 100*time.Millisecond)
	}
	for range bad {
		rec.Observe(slo.Bad, 700*time.Millisecond)
	}
	require.NoError(t, rec.Flush(t.Context()))
	_, err = board.Evaluate(t.Context())
	require.NoError(t, err)
	return board
}

func TestTheCollectorIsWellFormed(t *testing.T) {
	t.Parallel()
	for _, c := range []*sloprom.Collector{
		sloprom.NewCollector(newBoard(t, 900, 100), nil),
		sloprom.NewCollector(newBoard(t, 0, 0), &sloprom.Options{Tenants: true}),
	} {
		problems, err := testutil.CollectAndLint(c)
		require.NoError(t, err)
		require.Empty(t, problems)
	}
}

func TestTheCollectorSaysWhatTheBoardSays(t *testing.T) {
	t.Parallel()
	c := sloprom.NewCollector(newBoard(t, 900, 100), nil)
	require.NoError(t, testutil.CollectAndCompare(c, strings.NewReader(`
# HELP tenon_slo_up Whether the objectives could be read.
# TYPE tenon_slo_up gauge
tenon_slo_up 1
# HELP tenon_slo_releases_frozen Whether releases are frozen.
# TYPE tenon_slo_releases_frozen gauge
tenon_slo_releases_frozen 1
# HELP tenon_slo_budget_consumed_ratio The share of the error budget that is used.
# TYPE tenon_slo_budget_consumed_ratio gauge
tenon_slo_budget_consumed_ratio{objective="quotes",tenant=""} 2
tenon_slo_budget_consumed_ratio{objective="uptime",tenant=""} 100
# HELP tenon_slo_current_ratio The share of events in the window that was good; missing without data.
# TYPE tenon_slo_current_ratio gauge
tenon_slo_current_ratio{objective="quotes",tenant=""} 0.9
tenon_slo_current_ratio{objective="uptime",tenant=""} 0.9
`), "tenon_slo_up", "tenon_slo_releases_frozen", "tenon_slo_budget_consumed_ratio", "tenon_slo_current_ratio"))
	require.Positive(t, testutil.CollectAndCount(c, "tenon_slo_alert_firing"))
	require.Equal(t, 3, testutil.CollectAndCount(c, "tenon_slo_latency_seconds"))
	require.Equal(t, 12, testutil.CollectAndCount(c, "tenon_slo_health"))
}

func TestWithoutDataThereIsNoCurrentRatio(t *testing.T) {
	t.Parallel()
	c := sloprom.NewCollector(newBoard(t, 0, 0), &sloprom.Options{Tenants: true})
	require.Zero(t, testutil.CollectAndCount(c, "tenon_slo_current_ratio"))
	require.Equal(t, 3, testutil.CollectAndCount(c, "tenon_slo_target_ratio"))
}

type away struct{ *slo.MemoryStore }

func (away) Load(context.Context) (*slo.State, error) { return nil, tenon.ErrUnavailable }

func TestAStoreThatIsAwayShowsInUp(t *testing.T) {
	t.Parallel()
	c := sloprom.NewCollector(slo.NewBoard(away{slo.NewMemoryStore(nil)}, nil), nil)
	require.NoError(t, testutil.CollectAndCompare(c, strings.NewReader(`
# HELP tenon_slo_up Whether the objectives could be read.
# TYPE tenon_slo_up gauge
tenon_slo_up 0
`)))
}

// stats is like the Stats of a package.
type stats struct {
	Delivered   int64
	OldestAge   time.Duration
	LastHTTPRun time.Time
	Never       time.Time
	LastError   string
	Healthy     bool
	Share       float64
	Size        uint32
	Inner       struct{ Depth int }
	ByName      map[string]int64
	hidden      int64
}

func TestStatsAreExportedByTheirFields(t *testing.T) {
	t.Parallel()
	c := sloprom.NewStats("notify", func() stats {
		s := stats{
			Delivered: 7, OldestAge: 1500 * time.Millisecond, LastHTTPRun: time.UnixMilli(1_772_366_400_500), LastError: "away",
			Healthy: true, Share: 0.5, Size: 3, hidden: 1, ByName: map[string]int64{"a": 1},
		}
		s.Inner.Depth = 2
		return s
	})
	var want strings.Builder
	for _, m := range [][3]string{
		{"delivered", "Delivered", "7"},
		{"healthy", "Healthy", "1"},
		{"inner_depth", "", "2"},
		{"last_error", "LastError", "1"},
		{"last_http_run_timestamp_seconds", "LastHTTPRun", "1.7723664005e+09"},
		{"never_timestamp_seconds", "Never", "0"},
		{"oldest_age_seconds", "OldestAge", "1.5"},
		{"share", "Share", "0.5"},
		{"size", "Size", "3"},
	} {
		help := "sloprom_test.stats." + m[1] + "."
		if m[1] == "" {
			help = "struct { Depth int }.Depth."
		}
		fmt.Fprintf(&want, "# HELP tenon_notify_%s %s\n# TYPE tenon_notify_%s untyped\ntenon_notify_%s %s\n", m[0], help, m[0], m[0], m[2])
	}
	require.NoError(t, testutil.CollectAndCompare(c, strings.NewReader(want.String())))
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(c))
	_, err := registry.Gather()
	require.NoError(t, err)
}

func TestNewStatsPanicsOnWhatIsNoComponent(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { sloprom.NewStats("Notify", func() stats { return stats{} }) })
	require.Panics(t, func() { sloprom.NewStats("notify", func() int { return 1 }) })
}

// promRules is a rule file as Prometheus reads it: fields that it does not know are errors.
type promRules struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []struct {
			Record      string            `yaml:"record,omitempty"`
			Alert       string            `yaml:"alert,omitempty"`
			Expr        string            `yaml:"expr"`
			For         string            `yaml:"for,omitempty"`
			Labels      map[string]string `yaml:"labels,omitempty"`
			Annotations map[string]string `yaml:"annotations,omitempty"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

func rules(t *testing.T, opts *sloprom.RulesOptions, objectives ...slo.Objective) promRules {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, sloprom.WriteRules(&b, objectives, opts))
	d := yaml.NewDecoder(&b)
	d.KnownFields(true)
	var r promRules
	require.NoError(t, d.Decode(&r))
	return r
}

var source = sloprom.Source{
	Bad: `sum(rate(http_requests_total{code=~"5.."}[$window]))`, Valid: `sum(rate(http_requests_total[$window]))`,
}

func TestTheRulesAreThoseOfTheWorkbook(t *testing.T) {
	t.Parallel()
	r := rules(t, &sloprom.RulesOptions{Sources: map[string]sloprom.Source{"uptime": source}}, uptime, quotes, theirs)
	require.Len(t, r.Groups, 3)
	require.Equal(t, "tenon_slo_uptime", r.Groups[0].Name)
	records, alerts := map[string]string{}, map[string]string{}
	for _, rule := range r.Groups[0].Rules {
		if rule.Record != "" {
			records[rule.Record] = rule.Expr
			require.Equal(t, "uptime", rule.Labels["objective"])
		} else {
			alerts[rule.Expr] = rule.Labels["severity"]
		}
	}
	require.Equal(t, `(sum(rate(http_requests_total{code=~"5.."}[5m]))) / (sum(rate(http_requests_total[5m])))`, records["tenon_slo:error_ratio:5m"])
	require.Len(t, records, 8, "5m 30m 1h 2h 6h 1d 3d 30d")
	const ratio = `tenon_slo:error_ratio:%s{objective="uptime"} > %s`
	want := map[string]string{}
	for _, tier := range [][4]string{
		{"1h", "5m", "0.0144", "critical"},
		{"6h", "30m", "0.006", "critical"},
		{"1d", "2h", "0.003", "warning"},
		{"3d", "6h", "0.001", "warning"},
	} {
		want[fmt.Sprintf(ratio, tier[0], tier[2])+" and "+fmt.Sprintf(ratio, tier[1], tier[2])] = tier[3]
	}
	require.Equal(t, want, alerts)
}

func TestARuleOfATierWithoutASeverityHasOne(t *testing.T) {
	t.Parallel()
	o := uptime
	o.Tiers = []slo.Tier{
		{Burn: 3_000, Long: 24 * time.Hour, Short: 2 * time.Hour}, {Burn: 14_400, Long: time.Hour, Short: 5 * time.Minute},
	}
	found := map[string]string{}
	for _, rule := range rules(t, &sloprom.RulesOptions{Sources: map[string]sloprom.Source{"uptime": source}}, o).Groups[0].Rules {
		if rule.Alert != "" {
			found[rule.Labels["tier"]] = rule.Labels["severity"]
		}
	}
	require.Equal(t, map[string]string{"14.4 over 1h0m0s and 5m0s": "critical", "3 over 24h0m0s and 2h0m0s": "warning"}, found)
}

// metric finds the names of metrics in an expression.
var metric = regexp.MustCompile(`tenon_[a-z_:]+`)

func TestEveryRuleLooksAtSomethingAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, g := range rules(t, nil, uptime, quotes).Groups {
		for _, rule := range g.Rules {
			require.NotEmpty(t, metric.FindString(rule.Expr), rule.Alert)
			require.NotEmpty(t, rule.Labels["severity"], rule.Alert)
			require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
			require.False(t, names[rule.Alert], "%s stands twice", rule.Alert)
			names[rule.Alert] = true
		}
	}
	for _, name := range []string{
		"TenonOutboxBacklog", "TenonPartitionMissing", "TenonFlagsStale", "TenonSpoolNotEmpty",
		"TenonDeadLetters", "TenonUsageNotBilled", "TenonReleasesFrozen", "TenonObjectivesUnknown",
	} {
		require.True(t, names[name], name)
	}
	require.Len(t, rules(t, &sloprom.RulesOptions{Watches: []sloprom.Watch{}}).Groups, 1)
}

func TestTextsSurviveYAML(t *testing.T) {
	t.Parallel()
	odd := "it's \"odd\": #1\n\ttab ü {{ $value }} \\ - x"
	r := rules(t, &sloprom.RulesOptions{Watches: []sloprom.Watch{
		{Name: "Odd", Expr: `m{a="b\\c"} > 1`, Severity: tenon.SeverityInfo, Summary: odd, For: 90 * time.Minute},
		{Name: "Quick", Expr: "m > 1", Severity: tenon.SeverityInfo, Summary: "x", For: 1500 * time.Millisecond},
	}})
	watches := r.Groups[len(r.Groups)-1].Rules
	require.Equal(t, "1500ms", watches[1].For)
	last := watches[0]
	require.Equal(t, odd, last.Annotations["summary"])
	require.Equal(t, `m{a="b\\c"} > 1`, last.Expr)
	require.Equal(t, "90m", last.For)
}

func TestRulesThatCannotBeAreRefusedAndNothingIsWritten(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	bad := uptime
	bad.Target = 2_000_000
	for _, err := range []error{
		sloprom.WriteRules(&b, []slo.Objective{bad}, nil),
		sloprom.WriteRules(&b, []slo.Objective{uptime}, &sloprom.RulesOptions{
			Sources: map[string]sloprom.Source{"uptime": {Bad: "rate(x[5m])", Valid: source.Valid}},
		}),
	} {
		var invalid *tenon.FieldError
		require.True(t, errors.As(err, &invalid), "%v", err)
	}
	require.Zero(t, b.Len())
	require.ErrorIs(t, sloprom.WriteRules(broken{}, nil, nil), io.ErrClosedPipe)
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
