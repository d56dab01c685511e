package slo_test

import (
	"context"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/slo"
)

// nearest is the quantile by its definition: the nearest rank.
func nearest(all []time.Duration, q slo.PPM) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	rank := (int64(len(all))*int64(q) + int64(slo.Whole) - 1) / int64(slo.Whole)
	return sorted[max(rank, 1)-1]
}

// bigCompare compares bad × 10^12 with valid × share × (10^6 − target) without bounds.
func bigCompare(c slo.Count, target, share int64) int {
	a := new(big.Int).Mul(big.NewInt(c.Bad()), big.NewInt(1e12))
	b := new(big.Int).Mul(big.NewInt(c.Valid), big.NewInt(share*(1e6-target)))
	return a.Cmp(b)
}

const day = 24 * time.Hour

// The customer's objectives.
func uptime() slo.Objective {
	return slo.Objective{Key: slo.Key{Name: "uptime"}, Kind: slo.Ratio, Target: 999_000, Window: slo.Window{Length: day}}
}

func quoteLatency() slo.Objective {
	return slo.Objective{
		Key: slo.Key{Name: "quote_p95_latency_ms"}, Kind: slo.Latency, Target: 950_000, Threshold: 500 * time.Millisecond,
		Window: slo.Window{Length: time.Hour},
	}
}

func agentSuccess() slo.Objective {
	return slo.Objective{
		Key: slo.Key{Name: "agent_success_rate"}, Kind: slo.Ratio, Target: 980_000, Window: slo.Window{Length: time.Hour},
	}
}

func queueWait() slo.Objective {
	return slo.Objective{
		Key: slo.Key{Name: "queue_wait"}, Kind: slo.Freshness, Target: 990_000, Threshold: time.Minute,
		Window: slo.Window{Length: time.Hour},
	}
}

// monthly is 99.9 % over 30 days.
func monthly() slo.Objective {
	o := uptime()
	o.Window.Length = 30 * day
	return o
}

// ears keep what they are told.
type ears struct {
	mu   sync.Mutex
	told []tenon.Notification
}

func (e *ears) Notify(_ context.Context, n tenon.Notification) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told = append(e.told, n)
	return nil
}

func (e *ears) all() []tenon.Notification {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.told)
}
