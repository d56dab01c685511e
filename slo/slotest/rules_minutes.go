package slotest

import (
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/slo"
)

func sketchOf(durations ...time.Duration) (s slo.Sketch) {
	for _, d := range durations {
		s = s.Observe(d)
	}
	return s
}

var minuteRules = group{"minutes", []rule{
	{
		"a_minute_sent_again_counts_once",
		"A flush whose answer was lost is sent again and changes nothing.",
		func(r *rig) {
			m := r.minute(quick(), time.Minute, 8, 10)
			m.Sketch = sketchOf(time.Millisecond, time.Second)
			r.record(m)
			r.record(m, m)
			r.counts("sent three times", r.span(quick(), time.Hour), slo.Count{Good: 8, Valid: 10})
			r.sketches("sent three times", r.span(quick(), time.Hour), m.Sketch)
		},
	},
	{
		"a_minute_grows",
		"A later count of the same minute replaces the one before.",
		func(r *rig) {
			m := r.minute(quick(), time.Minute, 8, 10)
			m.Sketch, m.Closed = sketchOf(time.Millisecond), false
			r.record(m)
			m.Good, m.Valid, m.Sketch, m.Closed = 9, 12, sketchOf(time.Millisecond, time.Second), true
			r.record(m)
			r.counts("grown", r.span(quick(), time.Hour), slo.Count{Good: 9, Valid: 12})
			r.sketches("grown", r.span(quick(), time.Hour), m.Sketch)
		},
	},
	{
		"an_older_count_that_comes_late_changes_nothing",
		"Of two counts of a minute by an instance the one with more events stays, and closed stays closed.",
		func(r *rig) {
			late := r.minute(quick(), 10*time.Minute, 1, 2)
			late.Sketch, late.Closed = sketchOf(time.Hour), false
			m := r.minute(quick(), 10*time.Minute, 8, 10)
			m.Sketch = sketchOf(time.Millisecond)
			r.record(m)
			r.record(late)
			r.counts("afterwards", r.span(quick(), time.Hour), slo.Count{Good: 8, Valid: 10})
			r.sketches("afterwards", r.span(quick(), time.Hour), m.Sketch)
			late.Closed, late.At = true, m.At.Add(-time.Minute)
			m.Closed, m.At = false, late.At
			r.record(m, late)
			r.counts("in one call", slo.Span{Key: m.Key, Measure: m.Measure, From: m.At, To: m.At.Add(time.Minute)},
				slo.Count{Good: 8, Valid: 10})
		},
	},
	{
		"instances_add_up",
		"Minutes of the same objective by several instances are added up.",
		func(r *rig) {
			a, b := r.minute(quick(), time.Minute, 8, 10), r.minute(quick(), time.Minute, 1, 5)
			a.Sketch, b.Sketch, b.Instance = sketchOf(time.Millisecond, time.Second), sketchOf(time.Second), "two"
			r.record(a, b)
			r.counts("both", r.span(quick(), time.Hour), slo.Count{Good: 9, Valid: 15})
			r.sketches("both", r.span(quick(), time.Hour), sketchOf(time.Millisecond, time.Second, time.Second))
		},
	},
	{
		"objectives_tenants_and_measures_are_apart",
		"A span sees its own objective, tenant and measure alone.",
		func(r *rig) {
			o := quick()
			base := r.minute(o, time.Minute, 1, 2)
			other := []slo.Minute{base, base, base}
			other[0].Name, other[1].Tenant, other[2].Measure = "other", "acme", "within 1s"
			r.record(append(other, base)...)
			for _, m := range append(other, base) {
				r.counts("one of four", slo.Span{Key: m.Key, Measure: m.Measure, From: m.At, To: r.now}, slo.Count{Good: 1, Valid: 2})
			}
		},
	},
	{
		"a_bad_minute_is_refused_with_all_of_its_call",
		"Either all minutes of a call are kept or none, and what is wrong is named.",
		func(r *rig) {
			for _, spoil := range []func(m *slo.Minute){
				func(m *slo.Minute) { m.Good = 3 },
				func(m *slo.Minute) { m.Good, m.Valid = -1, 0 },
				func(m *slo.Minute) { m.At = m.At.Add(time.Second) },
				func(m *slo.Minute) { m.At = time.Time{} },
				func(m *slo.Minute) { m.Name = "" },
				func(m *slo.Minute) { m.Measure = "" },
				func(m *slo.Minute) { m.Instance = "" },
			} {
				bad := r.minute(quick(), time.Minute, 1, 2)
				spoil(&bad)
				r.fails("a bad minute", r.store.Record(r.ctx(), []slo.Minute{r.minute(quick(), 2*time.Minute, 1, 2), bad}), tenon.ErrInvalid)
			}
			r.counts("nothing", r.span(quick(), time.Hour), slo.Count{})
		},
	},
}}

func (r *rig) sketches(what string, span slo.Span, want slo.Sketch) {
	r.t.Helper()
	got, err := r.store.Sketch(r.ctx(), []slo.Span{span})
	r.must(err)
	conform.Equal(r.t, what, got, []slo.Sketch{want})
}

var spanRules = group{"spans", []rule{
	{
		"a_span_begins_with_its_first_minute_and_ends_before_its_last",
		"A span holds the minutes that begin at From or later and before To.",
		func(r *rig) {
			for i := range 5 {
				r.record(r.minute(uptime(), time.Duration(i)*time.Minute, 1, 1))
			}
			span := r.span(uptime(), 3*time.Minute)
			r.counts("three minutes before noon", span, slo.Count{Good: 3, Valid: 3})
			span.To = span.To.Add(time.Second)
			r.counts("and the minute that noon begins", span, slo.Count{Good: 4, Valid: 4})
			span.From = span.From.Add(time.Second)
			r.counts("without the first", span, slo.Count{Good: 3, Valid: 3})
			span.To = span.From
			r.counts("of nothing", span, slo.Count{})
		},
	},
	{
		"answers_come_in_the_order_of_the_spans",
		"Spans with data, without, of slices and of events may stand beside each other.",
		func(r *rig) {
			r.record(r.minute(uptime(), time.Minute, 1, 2), r.minute(quick(), time.Minute, 3, 4))
			sliced := r.span(quick(), time.Hour)
			sliced.Slice = 750_000
			none := r.span(quick(), time.Hour)
			none.Name = "none"
			got, err := r.store.Count(r.ctx(), []slo.Span{r.span(quick(), time.Hour), none, sliced, r.span(uptime(), time.Hour)})
			r.must(err)
			conform.Equal(r.t, "counts", got, []slo.Count{{Good: 3, Valid: 4}, {}, {Good: 1, Valid: 1}, {Good: 1, Valid: 2}})
			empty, err := r.store.Count(r.ctx(), nil)
			r.must(err)
			conform.Equal(r.t, "answers to no question", len(empty), 0)
		},
	},
	{
		"slices_are_minutes_of_all_instances",
		"Instances are added up before a minute is good; exactly the share is good; a minute without events is none.",
		func(r *rig) {
			one, two := r.minute(quick(), time.Minute, 10, 10), r.minute(quick(), time.Minute, 9, 10)
			two.Instance = "two"
			below, nothing := r.minute(quick(), 2*time.Minute, 949_999, 1_000_000), r.minute(quick(), 3*time.Minute, 0, 0)
			r.record(one, two, below, nothing)
			span := r.span(quick(), time.Hour)
			span.Slice = 950_000
			r.counts("slices", span, slo.Count{Good: 1, Valid: 2})
		},
	},
	{
		"minutes_that_nobody_closed_are_told",
		"Open counts minutes that began more than Settle before the end of the span and were not closed.",
		func(r *rig) {
			lost, young := r.minute(uptime(), 10*time.Minute, 1, 1), r.minute(uptime(), slo.Settle, 1, 1)
			lost.Closed, young.Closed = false, false
			r.record(lost, young)
			r.counts("a crash", r.span(uptime(), time.Hour), slo.Count{Good: 2, Valid: 2, Open: 1})
			sliced := r.span(uptime(), time.Hour)
			sliced.Slice = 1
			r.counts("a crash, in slices", sliced, slo.Count{Good: 2, Valid: 2, Open: 1})
		},
	},
	{
		"sketches_of_nothing_are_empty",
		"A span without durations has an empty sketch, in its place.",
		func(r *rig) {
			m := r.minute(quick(), time.Minute, 1, 1)
			m.Sketch = sketchOf(time.Second)
			r.record(m, r.minute(uptime(), time.Minute, 1, 1))
			got, err := r.store.Sketch(r.ctx(), []slo.Span{r.span(uptime(), time.Hour), r.span(quick(), time.Hour)})
			r.must(err)
			conform.Equal(r.t, "sketches", []int64{got[0].Count(), got[1].Count()}, []int64{0, 1})
		},
	},
}}
