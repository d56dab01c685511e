package slo

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/slo"
)

const (
	durations    = 1 << 16 // observed in turn; a power of two
	observeLoops = 4_000_000
	threshold    = 500 * time.Millisecond
)

// instruments count the same events in three ways.
type instruments struct {
	store    *slo.MemoryStore
	recorder *slo.Recorder
	prom     prometheus.Histogram
	reader   *sdk.ManualReader
	otel     metric.Float64Histogram
	took     []time.Duration
	outcomes []slo.Outcome
	good     metric.MeasurementOption
	bad      metric.MeasurementOption
}

func objectives() []slo.Objective {
	return []slo.Objective{
		{Key: slo.Key{Name: "uptime"}, Kind: slo.Ratio, Target: 999_000, Window: slo.Window{Length: 24 * time.Hour}},
		{
			Key: slo.Key{Name: "quote_p95_latency_ms"}, Kind: slo.Latency, Target: 950_000, Threshold: threshold,
			Window: slo.Window{Length: time.Hour},
		},
	}
}

func newInstruments() (*instruments, error) {
	i := &instruments{store: slo.NewMemoryStore(nil), reader: sdk.NewManualReader()}
	var err error
	if i.recorder, err = slo.NewRecorder(i.store, objectives(), nil); err != nil {
		return nil, err
	}
	i.prom = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "took_seconds", Buckets: prometheus.DefBuckets})
	meter := sdk.NewMeterProvider(sdk.WithReader(i.reader)).Meter("bench")
	if i.otel, err = meter.Float64Histogram("took_seconds"); err != nil {
		return nil, err
	}
	i.good = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "good")))
	i.bad = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "bad")))
	random := rand.New(rand.NewPCG(1, 2))
	for range durations {
		i.took = append(i.took, time.Duration(80e6*math.Exp(0.9*random.NormFloat64())))
		i.outcomes = append(i.outcomes, slo.Outcome(random.IntN(200)/199)) // one in 200 is bad
	}
	return i, nil
}

func (i *instruments) observe(goroutine, n int) int {
	for k := range n {
		at := (goroutine*7919 + k) % durations
		i.recorder.Observe(i.outcomes[at], i.took[at])
	}
	return n
}

func (i *instruments) observeProm(goroutine, n int) int {
	for k := range n {
		i.prom.Observe(i.took[(goroutine*7919+k)%durations].Seconds())
	}
	return n
}

func (i *instruments) recordOTel(goroutine, n int) int {
	ctx := context.Background()
	for k := range n {
		at := (goroutine*7919 + k) % durations
		with := i.good
		if i.outcomes[at] == slo.Bad {
			with = i.bad
		}
		i.otel.Record(ctx, i.took[at].Seconds(), with)
	}
	return n
}

var begin = time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)

// verify observes every duration once, and says whether all three counted everything and tenon exactly.
func (i *instruments) verify(ctx context.Context) error {
	i.recorder.Tick(begin)
	for _, way := range []func(int, int) int{i.observe, i.observeProm, i.recordOTel} {
		way(0, durations)
	}
	if err := i.recorder.Flush(ctx); err != nil {
		return err
	}
	var want [2]slo.Count
	for k, took := range i.took {
		want[0].Valid++
		want[1].Valid++
		if i.outcomes[k] == slo.Good {
			want[0].Good++
		}
		if took <= threshold {
			want[1].Good++
		}
	}
	for k, o := range objectives() {
		got, err := i.store.Count(ctx, []slo.Span{{Key: o.Key, Measure: o.Measure(), From: begin, To: begin.Add(time.Minute)}})
		if err != nil || got[0] != want[k] {
			return fmt.Errorf("%s counted %v, want %v: %w", o.Name, got, want[k], err)
		}
	}
	return i.verifyPeers(ctx)
}

func (i *instruments) verifyPeers(ctx context.Context) error {
	var written dto.Metric
	if err := i.prom.Write(&written); err != nil {
		return err
	}
	var read metricdata.ResourceMetrics
	if err := i.reader.Collect(ctx, &read); err != nil {
		return err
	}
	var n uint64
	for _, p := range read.ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[float64]).DataPoints {
		n += p.Count
	}
	if written.Histogram.GetSampleCount() != durations || n != durations {
		return fmt.Errorf("prometheus counted %d, opentelemetry %d of %d", written.Histogram.GetSampleCount(), n, durations)
	}
	return nil
}

func compareObserve(ctx context.Context, l *lab.Lab, s *report.Section) error {
	i, err := newInstruments()
	if err != nil {
		return err
	}
	if err := i.verify(ctx); err != nil {
		return err
	}
	t := report.Table{
		Title:   "Observe, in process",
		Text:    "Durations are spread over orders of magnitude, one event in 200 is bad. A time is from call to return, also in parallel.",
		Columns: []string{"tenon", "Prometheus", "OpenTelemetry"},
	}
	for _, c := range []struct {
		name       string
		goroutines int
	}{{"serial", 1}, {"parallel", runtime.GOMAXPROCS(0)}} {
		l.Say("slo: observe, %s", c.name)
		if err := i.compare(ctx, l, s, &t, c.name, c.goroutines); err != nil {
			return err
		}
	}
	t.Rows = append(t.Rows, i.sketchRow())
	s.Tables = append(s.Tables, t)
	return nil
}

func (i *instruments) compare(ctx context.Context, l *lab.Lab, s *report.Section, t *report.Table, name string, goroutines int) error {
	var allocs measure.Series
	var contenders []measure.Contender
	for k, way := range []func(int, int) int{i.observe, i.observeProm, i.recordOTel} {
		contenders = append(contenders, func(context.Context) (float64, error) {
			cost := measure.Loop(goroutines, l.Size(observeLoops), way)
			if k == 0 {
				allocs = append(allocs, cost.Allocs)
			}
			return cost.Nanoseconds, nil
		})
	}
	series, err := measure.Interleave(ctx, l.Rounds, contenders...)
	if err != nil {
		return err
	}
	cells := make([]string, len(series))
	for k, way := range []string{"tenon", "prometheus", "opentelemetry"} {
		cells[k] = report.Spread(series[k], report.Nanoseconds)
		s.Samples = append(s.Samples, report.Sample{Name: "observe/" + name + "/" + way, Unit: report.Nanoseconds, Series: series[k]})
	}
	none := []string{"", "", ""}
	t.Rows = append(t.Rows,
		report.Row{
			Case: name + ": tenon over Prometheus", Cells: cells, Target: report.Target{Bound: report.AtMost, Value: 1.5},
			Figure: report.Over(series[0], series[1]),
		},
		report.Row{
			Case: name + ": tenon over OpenTelemetry", Cells: none, Target: report.Target{Bound: report.AtMost, Value: 0.35},
			Figure: report.Over(series[0], series[2]),
		},
		report.Row{
			Case: name + ": allocations", Cells: none, Target: report.Target{Bound: report.AtMost, Value: 0},
			Figure: report.Figure{Value: whole(allocs.Median()), Unit: report.Allocs},
		})
	return nil
}

// whole rounds as package testing does: a handful in millions of calls is the timer's.
func whole(perCall float64) float64 {
	if perCall < 0.001 {
		return 0
	}
	return perCall
}

// sketchRow is the worst error of the quantiles that are shown.
func (i *instruments) sketchRow() report.Row {
	var s slo.Sketch
	for _, d := range i.took[:1<<12] {
		s = s.Observe(d)
	}
	sorted := slices.Sorted(slices.Values(i.took[:1<<12]))
	worst := 0.0
	for _, q := range []slo.PPM{500_000, 950_000, 990_000} {
		got, _ := s.Quantile(q)
		exact := float64(sorted[int(math.Ceil(q.Float()*float64(len(sorted))))-1])
		worst = max(worst, math.Abs(float64(got)/exact-1))
	}
	return report.Row{
		Case: "sketch: the worst error of p50, p95, p99; it takes 16 KiB in memory", Cells: []string{"", "", ""},
		Figure: report.Figure{Value: 100 * worst, Unit: percent}, Target: report.Target{Bound: report.AtMost, Value: 1},
	}
}
