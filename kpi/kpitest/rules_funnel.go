package kpitest

import (
	"fmt"
	"slices"
	"time"

	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/kpi"
)

// crowd tracks subjects with a few events each on a grid so coarse that instants meet.
func (r *rig) crowd(subjects int) []fact {
	random := r.random()
	b := newBook()
	for i := range subjects {
		var events []kpi.Event
		for n := range 1 + random.IntN(7) {
			e := kpi.Event{
				Tenant: fmt.Sprint("t", i%2), User: fmt.Sprint("u", i), Key: fmt.Sprint(i, ".", n),
				Name: []string{"a", "b", "c", "a", "b", "c", "x", "d"}[random.IntN(8)],
				At:   noon.Add(-96*time.Hour + time.Duration(random.IntN(10))*8*time.Hour), Properties: map[string]any{},
			}
			if random.IntN(6) == 0 {
				e.At = e.At.Add(time.Microsecond)
			}
			if lane := random.IntN(4); lane < 3 {
				e.Properties["lane"] = string(rune('a' + lane))
			}
			events = append(events, e)
		}
		for k, receipt := range r.track(events...) {
			b.facts[kpi.Ref{Tenant: events[k].Tenant, Key: events[k].Key}] = fact{events[k], receipt.ID}
		}
	}
	return b.ordered()
}

// compared asks for a funnel, by day and split, and compares it with brute force.
func (r *rig) compared(f *kpi.Funnel, facts []fact, grain kpi.Grain) {
	r.t.Helper()
	f.Breakdown = "lane"
	zone, err := time.LoadLocation("America/St_Johns")
	r.must(err)
	q := kpi.Query{
		Grain: grain, Zone: "America/St_Johns", Split: len(f.Steps)%2 == 0, From: noon.Add(-60 * time.Hour), To: noon.Add(-20 * time.Hour),
	}
	report, err := r.board().Preview(r.ctx(), kpi.KPI{Name: "f", Funnel: f}, q)
	r.must(err)
	want, took := naiveFunnel(f, facts, wall{zone: zone, grain: grain, split: q.Split})
	what := fmt.Sprintf("%s %s %d steps, %d excluded, %s, by %s", f.Order, f.Ties, len(f.Steps), len(f.Exclude), f.Window, grain)
	conform.Equal(r.t, what, sheetOf(report), within(want.figures(), report))
	for _, p := range report.Points {
		all := took[p.Date+" | "+p.Group]
		slices.Sort(all)
		if len(all) > 0 {
			conform.Equal(r.t, what+", median", p.Median, all[(len(all)+1)/2-1].Truncate(time.Millisecond))
			conform.Equal(r.t, what+", p90", p.P90, all[(len(all)*9+9)/10-1].Truncate(time.Millisecond))
		}
	}
}

// within leaves out the periods that the report does not have.
func within(figures map[string]string, r kpi.Report) map[string]string {
	all := map[string]string{}
	for k, v := range figures {
		if slices.ContainsFunc(r.Points, func(p kpi.Point) bool { return k == p.Date+" | "+p.Group }) {
			all[k] = v
		}
	}
	return all
}

// funnels are all that brute force is tried on.
func funnels() []*kpi.Funnel {
	var all []*kpi.Funnel
	for _, steps := range [][]kpi.Step{
		{kpi.On("a"), kpi.On("b"), kpi.On("c")},
		{kpi.On("a"), kpi.On("a"), kpi.On("b")},
		{kpi.On("a", "b"), kpi.On("b")},
		{kpi.On("a"), kpi.On("b", "c"), kpi.On("a", "c"), kpi.On("d", "c")},
	} {
		for _, order := range []kpi.Order{kpi.Ordered, kpi.Strict} {
			for _, ties := range []kpi.Ties{kpi.TiesByArrival, kpi.TiesBySteps, kpi.TiesApart} {
				for _, exclude := range [][]kpi.Step{nil, {kpi.On("x")}, {kpi.On("x", "b"), kpi.On("d")}} {
					for _, window := range []kpi.Duration{0, 16 * kpi.Hour} {
						all = append(all, &kpi.Funnel{Steps: steps, Order: order, Ties: ties, Exclude: exclude, Window: window})
					}
				}
			}
		}
	}
	return all
}

var funnelRules = group{"funnels", []rule{
	{
		"funnels_equal_brute_force",
		"In both orders, with every policy for ties, with and without exclusions and a window, whatever steps overlap.",
		func(r *rig) {
			facts := r.crowd(long(120))
			for i, f := range funnels() {
				r.compared(f, facts, kpi.Daily)
				if i%7 == 0 || soak() {
					r.compared(f, facts, kpi.Weekly)
				}
			}
		},
	},
	{
		"filters_decide_what_fits_a_step",
		"A step takes events that pass its filters alone, and a subject may be a property.",
		func(r *rig) {
			for i, lane := range []string{"a", "b"} {
				for k, name := range []string{"quote_sent", "quote_accepted"} {
					e := sent(fmt.Sprint(i, k), map[string]any{"quote_id": lane + "1", "lane": lane, "amount": 10 * i})
					e.Name, e.At = name, e.At.Add(time.Duration(k)*time.Minute)
					r.track(e)
				}
			}
			f := &kpi.Funnel{Subject: "quote_id", Steps: []kpi.Step{
				kpi.On("quote_sent"), kpi.On("quote_accepted").If(kpi.Filter{Property: "amount", Op: kpi.Greater, Number: 9_999_999}),
			}}
			report, err := r.board().Preview(r.ctx(), kpi.KPI{Name: "f", Funnel: f}, kpi.Query{Last: 1})
			r.must(err)
			p := report.Points[0]
			conform.Equal(r.t, "steps", []int64{p.Sample, p.Steps[0].Count, p.Steps[1].Count}, []int64{2, 2, 1})
			conform.Equal(r.t, "took", p.Median, time.Minute)
		},
	},
	{
		"one_event_fills_one_step",
		"An event that fits two steps does not take a subject through both.",
		func(r *rig) {
			r.track(sent("k", nil))
			f := &kpi.Funnel{Steps: []kpi.Step{kpi.On("quote_sent"), kpi.On("quote_sent")}, Ties: kpi.TiesBySteps}
			for want := range int64(2) {
				report, err := r.board().Preview(r.ctx(), kpi.KPI{Name: "f", Funnel: f}, kpi.Query{Last: 1})
				r.must(err)
				conform.Equal(r.t, "got to the end", report.Points[0].Count, want)
				r.track(sent("l", nil))
			}
		},
	},
}}
