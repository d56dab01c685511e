package slohttp

import (
	"time"

	"github.com/transbotai/tenon/slo"
)

// status is how an objective does, in JSON.
type status struct {
	Name        string        `json:"name"`
	Description string        `json:"description,omitempty"`
	Kind        slo.Kind      `json:"kind"`
	Target      float64       `json:"target"`
	Current     *float64      `json:"current"`
	ThresholdMS float64       `json:"threshold_ms,omitempty"`
	LatencyMS   *quantiles    `json:"latency_ms,omitempty"`
	Status      slo.Health    `json:"status"`
	At          time.Time     `json:"at"`
	From        time.Time     `json:"from"`
	Window      int64         `json:"window"` // seconds
	Excluded    int64         `json:"excluded,omitempty"`
	Count       count         `json:"count"`
	Budget      budget        `json:"budget"`
	Burn        []burn        `json:"burn"`
	Forecast    forecast      `json:"forecast"`
	Alerts      []slo.Episode `json:"alerts"`
}

type quantiles struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

type count struct {
	Good  int64 `json:"good"`
	Valid int64 `json:"valid"`
	Bad   int64 `json:"bad"`
	Open  int64 `json:"open,omitempty"`
}

// budget is in events, and as shares of it.
type budget struct {
	Allowed   float64  `json:"allowed"`
	Consumed  *float64 `json:"consumed"`
	Remaining *float64 `json:"remaining"`
}

// burn is a tier: what it fires at, and how fast the budget burns over its windows.
type burn struct {
	Above     float64  `json:"above"`
	Long      int64    `json:"long"`  // seconds
	Short     int64    `json:"short"` // seconds
	LongRate  *float64 `json:"long_rate"`
	ShortRate *float64 `json:"short_rate"`
	Firing    bool     `json:"firing"`
}

type forecast struct {
	Over     int64     `json:"over"` // seconds
	Rate     *float64  `json:"rate"`
	Exhausts time.Time `json:"exhausts,omitzero"` // absent: not within a window's length
}

func statusOf(s slo.Status) status {
	o := s.Objective
	v := status{
		Name: o.Name, Description: o.Description, Kind: o.Kind, Target: o.Target.Float(), ThresholdMS: millis(o.Threshold),
		Status: s.Health, At: s.At, From: s.From, Window: seconds(o.Window.Period()), Excluded: seconds(s.Excluded),
		Count:    count{Good: s.Count.Good, Valid: s.Count.Valid, Bad: s.Count.Bad(), Open: s.Count.Open},
		Budget:   budget{Allowed: s.Allowed, Consumed: finite(s.Consumed), Remaining: finite(s.Remaining)},
		Burn:     []burn{},
		Forecast: forecast{Over: seconds(s.Forecast.Over), Rate: finite(s.Forecast.Rate), Exhausts: s.Forecast.Exhausts},
		Alerts:   append([]slo.Episode{}, s.Alerts...),
	}
	if s.Health != slo.NoData {
		v.Current = finite(s.Current)
	}
	if s.Latency != (slo.Latencies{}) {
		v.LatencyMS = &quantiles{millis(s.Latency.P50), millis(s.Latency.P95), millis(s.Latency.P99)}
	}
	for _, b := range s.Burns {
		v.Burn = append(v.Burn, burn{
			Above: b.Tier.Burn.Float(), Long: seconds(b.Tier.Long), Short: seconds(b.Tier.Short),
			LongRate: finite(b.Long.Burn(o.Target)), ShortRate: finite(b.Short.Burn(o.Target)), Firing: b.Firing,
		})
	}
	return v
}

// release is whether releases are frozen, in JSON.
type release struct {
	Frozen   bool          `json:"frozen"`
	Since    time.Time     `json:"since,omitzero"`
	Because  []string      `json:"because,omitempty"`
	Override *slo.Override `json:"override,omitempty"`
}

// releaseOf leaves out the names of tenants' objectives. A tenant is told that releases are frozen; because of what, and
// who overrode it, is not its business.
func releaseOf(r slo.Report, tenant string) release {
	v := release{Frozen: r.Freeze.Frozen}
	if v.Frozen {
		v.Since = r.Freeze.Since
	}
	if tenant != "" {
		return v
	}
	v.Override = r.Override
	for _, k := range r.Freeze.Because {
		if k.Tenant == "" {
			v.Because = append(v.Because, k.Name)
		}
	}
	return v
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
