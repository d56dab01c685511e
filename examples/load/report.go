package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/transbotai/tenon/examples/load/internal/traffic"
)

// tally is what became of requests.
type tally struct {
	asked, allowed, limited, refused, failed int
	took                                     []time.Duration
}

// add counts an answer. Limited is what a limit did not let through, refused what was asked wrongly or is not for the
// company, failed what is nobody's fault but the service's.
func (t *tally) add(c traffic.Call) {
	t.asked++
	switch {
	case c.Status < 400:
		t.allowed++
	case c.Status == 429 || c.Status == 402:
		t.limited++
	case c.Status < 500:
		t.refused++
	default:
		t.failed++
	}
	t.took = append(t.took, c.Read.Sub(c.Sent))
}

// silent counts calls that nobody answered.
func (t *tally) silent(n int) { t.asked, t.failed = t.asked+n, t.failed+n }

func (t *tally) row(name string, over time.Duration) string {
	slices.Sort(t.took)
	return fmt.Sprintf("%-18s %8d %8d %8d %8d %8d %10s %10s %8.1f", name, t.asked, t.allowed, t.limited, t.refused, t.failed,
		t.quantile(0.5), t.quantile(0.99), float64(t.asked)/over.Seconds())
}

func (t *tally) quantile(q float64) string {
	if len(t.took) == 0 {
		return "-"
	}
	d := t.took[min(int(q*float64(len(t.took))), len(t.took)-1)]
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

// asked prints what the companies asked and were answered, by kind.
func asked(out io.Writer, tenants []*traffic.Tenant, over time.Duration) {
	kinds := map[traffic.Kind]*tally{}
	for _, kind := range traffic.Kinds {
		kinds[kind] = &tally{}
	}
	var all tally
	for _, t := range tenants {
		for _, c := range t.Told().Calls {
			kinds[c.Kind].add(c)
			all.add(c)
		}
		for kind, n := range t.Told().Silent {
			kinds[kind].silent(n)
			all.silent(n)
		}
	}
	fmt.Fprintf(out, "\n%-18s %8s %8s %8s %8s %8s %10s %10s %8s\n",
		"", "asked", "allowed", "limited", "refused", "failed", "p50", "p99", "a second")
	for _, kind := range traffic.Kinds {
		fmt.Fprintln(out, kinds[kind].row(string(kind), over))
	}
	fmt.Fprintln(out, all.row("all", over))
}
