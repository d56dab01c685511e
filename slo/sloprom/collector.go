package sloprom

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/transbotai/tenon/slo"
)

// Options of a [Collector]. The zero value of each field has the documented meaning.
type Options struct {
	// Timeout bounds a scrape; 0 means 5 seconds.
	Timeout time.Duration
	// Tenants shows the objectives of tenants too. There may be many.
	Tenants bool
	// Logger is told of scrapes that failed. Nil discards.
	Logger *slog.Logger
}

// Collector is a [prometheus.Collector] of a board.
type Collector struct {
	board   *slo.Board
	options Options
}

var _ prometheus.Collector = (*Collector)(nil)

// NewCollector returns a collector of board.
func NewCollector(board *slo.Board, opts *Options) *Collector {
	c := &Collector{board: board}
	if opts != nil {
		c.options = *opts
	}
	if c.options.Timeout == 0 {
		c.options.Timeout = 5 * time.Second
	}
	if c.options.Logger == nil {
		c.options.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("tenon_slo_"+name, help, labels, nil)
}

// The metrics of a board.
var (
	up       = desc("up", "Whether the objectives could be read.")
	frozen   = desc("releases_frozen", "Whether releases are frozen.")
	override = desc("release_override", "Whether an override lets releases pass.")
	target   = desc("target_ratio", "The share of events that is to be good.", "objective", "tenant")
	current  = desc("current_ratio", "The share of events in the window that was good; missing without data.", "objective", "tenant")
	good     = desc("window_good_events", "Good events in the window.", "objective", "tenant")
	valid    = desc("window_valid_events", "Good and bad events in the window.", "objective", "tenant")
	consumed = desc("budget_consumed_ratio", "The share of the error budget that is used.", "objective", "tenant")
	burnRate = desc("burn_rate", "How fast the budget burns over a window; 1 uses it up in one period.", "objective", "tenant", "window")
	health   = desc("health", "1 for where the objective stands, 0 for the rest.", "objective", "tenant", "health")
	firing   = desc("alert_firing", "1 for an open alert.", "objective", "tenant", "alert", "severity")
	latency  = desc("latency_seconds", "Quantiles of durations, within 1 %.", "objective", "tenant", "q")
)

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		up, frozen, override, target, current, good, valid, consumed, burnRate, health, firing, latency,
	} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), c.options.Timeout)
	defer cancel()
	r, err := c.board.Current(ctx)
	if err != nil {
		c.options.Logger.Warn("objectives not read", "err", err)
		gauge(ch, up, 0)
		return
	}
	gauge(ch, up, 1)
	gauge(ch, frozen, number(r.Freeze.Frozen))
	gauge(ch, override, number(r.Override != nil))
	for _, s := range r.Statuses {
		if s.Objective.Tenant == "" || c.options.Tenants {
			collectStatus(ch, s)
		}
	}
}

// healths are all there are.
var healths = []slo.Health{slo.NoData, slo.LowTraffic, slo.Healthy, slo.AtRisk, slo.Exhausted, slo.Breached}

func collectStatus(ch chan<- prometheus.Metric, s slo.Status) {
	o := s.Objective
	labels := func(more ...string) []string { return append([]string{o.Name, o.Tenant}, more...) }
	gauge(ch, target, o.Target.Float(), labels()...)
	gauge(ch, good, float64(s.Count.Good), labels()...)
	gauge(ch, valid, float64(s.Count.Valid), labels()...)
	gauge(ch, consumed, s.Consumed, labels()...)
	if s.Health != slo.NoData {
		gauge(ch, current, s.Current, labels()...)
	}
	for _, h := range healths {
		gauge(ch, health, number(h == s.Health), labels(string(h))...)
	}
	windows := map[time.Duration]bool{}
	burn := func(window time.Duration, rate float64) {
		if !windows[window] { // one label may stand for the windows of two tiers
			windows[window] = true
			gauge(ch, burnRate, rate, labels(promDuration(window))...)
		}
	}
	burn(s.Forecast.Over, s.Forecast.Rate)
	for _, b := range s.Burns {
		burn(b.Tier.Long, b.Long.Burn(o.Target))
		burn(b.Tier.Short, b.Short.Burn(o.Target))
	}
	for _, e := range s.Alerts {
		gauge(ch, firing, 1, labels(string(e.Alert), string(e.Severity))...)
	}
	if s.Latency != (slo.Latencies{}) {
		gauge(ch, latency, s.Latency.P50.Seconds(), labels("0.5")...)
		gauge(ch, latency, s.Latency.P95.Seconds(), labels("0.95")...)
		gauge(ch, latency, s.Latency.P99.Seconds(), labels("0.99")...)
	}
}

func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	m, err := prometheus.NewConstMetric(d, prometheus.GaugeValue, v, labels...)
	if err != nil { // a label that is not UTF-8
		m = prometheus.NewInvalidMetric(d, err)
	}
	ch <- m
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
