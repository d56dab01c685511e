package kpitest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/kpi"
)

// every has a KPI of each kind, with all that it may say.
func every() []kpi.KPI {
	step := kpi.On("a", "b").If(kpi.Is("p", "x"), kpi.Filter{Property: "n", Op: kpi.Less, Number: 1_500_000},
		kpi.Filter{Property: "q", Op: kpi.In, Texts: []string{"ü", "\""}})
	step.Label = "A or B"
	return []kpi.KPI{
		{
			Name: "k1", Title: "Count", Description: "What.", Count: &kpi.Count{Of: step, Breakdown: "p"}, Grain: kpi.Weekly,
			Last: 7, Zone: "Asia/Kolkata", Goal: &kpi.Goal{Target: 0.25, AtMost: true, MinSample: 9},
		},
		{Name: "k2", Sum: &kpi.Sum{Of: step, Property: "n", Average: true, Breakdown: "p"}},
		{Name: "k3", Unique: &kpi.Unique{Of: step, Subject: kpi.Tenant, Breakdown: "p"}},
		{Name: "k4", Ratio: &kpi.Ratio{Of: kpi.Term{Of: step, Property: "n"}, Per: kpi.Term{Of: step}}},
		{Name: "k5", Conversion: &kpi.Conversion{Start: step, Convert: step, Subject: "s", Window: kpi.Day, Lead: kpi.Hour, Breakdown: "p"}},
		{Name: "k6", Cohort: &kpi.Cohort{Start: step, Convert: step, Subject: "s", Window: 4 * kpi.Day, Every: kpi.Day, Breakdown: "p"}},
		{Name: "k7", Funnel: &kpi.Funnel{
			Steps: []kpi.Step{step, step}, Subject: "s", Window: kpi.Day, Order: kpi.Strict, Exclude: []kpi.Step{step},
			Ties: kpi.TiesApart, Breakdown: "p",
		}},
	}
}

var stateRules = group{"state", []rule{
	{
		"an_empty_store_is_no_error",
		"What nobody defined is not there, and nothing is counted.",
		func(r *rig) {
			s, err := r.store.Load(r.ctx())
			r.must(err)
			conform.Equal(r.t, "definitions", len(s.KPIs)+len(s.Goals), 0)
			_, err = r.board().Read(r.ctx(), kpi.Query{KPI: "none"})
			r.fails("read", err, kpi.ErrUnknownKPI)
			report, err := r.board().Preview(r.ctx(), sentCount, kpi.Query{Last: 3})
			r.must(err)
			conform.Equal(r.t, "points", len(report.Points), 3)
			conform.Equal(r.t, "total", report.Total.Count, int64(0))
		},
	},
	{
		"definitions_come_back_as_they_were",
		"The stored definitions are those that were defined, by name.",
		func(r *rig) {
			all := every()
			for i := range all {
				r.define(all[len(all)-1-i])
			}
			got, err := r.board().KPIs(r.ctx())
			r.must(err)
			conform.Equal(r.t, "definitions", got, all)
			all[0].Title = "Changed"
			r.define(all[0])
			r.must(r.board().Retire(r.ctx(), "k7", "not needed"))
			r.fails("retired twice", r.board().Retire(r.ctx(), "k7", ""), kpi.ErrUnknownKPI)
			got, err = r.board().KPIs(r.ctx())
			r.must(err)
			conform.Equal(r.t, "after changes", got, all[:6])
		},
	},
	{
		"an_edit_that_fails_changes_nothing",
		"When edit returns an error, Change returns it and nothing is written.",
		func(r *rig) {
			r.define(sentCount)
			broken := errors.New("broken")
			_, err := r.store.Change(r.ctx(), func(s *kpi.State) (kpi.Effects, error) {
				s.KPIs = nil
				return kpi.Effects{}, broken
			})
			r.fails("change", err, broken)
			got, err := r.board().KPIs(r.ctx())
			r.must(err)
			conform.Equal(r.t, "definitions", got, []kpi.KPI{sentCount})
		},
	},
	{
		"changes_at_once_are_all_kept",
		"Edits follow each other; none overwrites another.",
		func(r *rig) {
			var wg sync.WaitGroup
			errs := make([]error, 8)
			for i := range errs {
				k := sentCount
				k.Name = fmt.Sprint("k", i)
				wg.Go(func() { errs[i] = r.board().Define(r.ctx(), k) })
			}
			wg.Wait()
			r.must(errors.Join(errs...))
			got, err := r.board().KPIs(r.ctx())
			r.must(err)
			conform.Equal(r.t, "definitions", len(got), len(errs))
		},
	},
	{
		"a_caller_that_gave_up_gets_an_error",
		"A context that is done is an error, and nothing else happens to the store; one in memory may still answer.",
		func(r *rig) {
			ctx, cancel := context.WithCancel(r.ctx())
			cancel()
			_, _ = r.store.Load(ctx)
			_, _ = r.board().Preview(ctx, sentCount, kpi.Query{})
			r.define(sentCount)
			r.track(sent("k", nil))
			r.counts("afterwards", 1)
		},
	},
}}

var asideRules = group{"quarantine", []rule{
	{
		"what_is_unfit_is_kept_with_the_reason",
		"An event that the registry does not know, or that is malformed, is kept aside and counted nowhere.",
		func(r *rig) {
			asides, ok := r.store.(kpi.Asides)
			if !ok {
				return
			}
			r.define(sentCount)
			tracker := r.trackerWith(kpi.TrackerOptions{
				Unfit:    kpi.Quarantine,
				Registry: &kpi.Registry{Events: map[string]kpi.EventType{"quote_sent": {}}},
			})
			unknown, torn, future := sent("k", nil), sent("torn\xff\x00", nil), sent("f", map[string]any{"a": make(chan int)})
			unknown.Name = "other"
			future.At = r.now.Add(25 * time.Hour)
			receipts, err := tracker.Track(r.ctx(), unknown, torn, sent("fine", nil), future)
			r.must(err)
			conform.Equal(r.t, "outcomes", outcomes(receipts), []kpi.Outcome{kpi.Quarantined, kpi.Quarantined, kpi.Accepted, kpi.Quarantined})
			r.counts("what is fit", 1)
			kept, err := asides.Quarantined(r.ctx(), kpi.AsideQuery{Tenant: "acme"})
			r.must(err)
			conform.Equal(r.t, "how many", len(kept), 3)
			for i, reason := range []string{`name: "other" is not registered`, "key: is not UTF-8", "at: 2026-04-09T13:00:00Z is more than a day ahead"} {
				conform.Equal(r.t, "reason", kept[i].Reason, reason)
			}
			conform.Equal(r.t, "name", kept[0].Event.Name, "other")
			page, err := asides.Quarantined(r.ctx(), kpi.AsideQuery{After: kept[0].Event.ID, Limit: 1})
			r.must(err)
			conform.Equal(r.t, "a page", page[0].Event.ID, kept[1].Event.ID)
			none, err := asides.Quarantined(r.ctx(), kpi.AsideQuery{Tenant: "other"})
			r.must(err)
			conform.Equal(r.t, "of another tenant", len(none), 0)
			_, err = asides.Release(r.ctx(), "other", kept[0].Event.ID)
			r.fails("by another tenant", err, kpi.ErrUnknownEvent)
			released, err := asides.Release(r.ctx(), "acme", kept[0].Event.ID)
			r.must(err)
			conform.Equal(r.t, "released", released.Event.Key, "k")
			_, err = asides.Release(r.ctx(), "acme", kept[0].Event.ID)
			r.fails("twice", err, kpi.ErrUnknownEvent)
			conform.Equal(r.t, "and tracked", outcomes(r.track(released.Event)), []kpi.Outcome{kpi.Accepted})
		},
	},
	{
		"whatever_an_event_holds_it_can_be_kept_aside",
		"Text is cut and made valid, and a time that no calendar has becomes that of tracking.",
		func(r *rig) {
			asides, ok := r.store.(kpi.Asides)
			if !ok {
				return
			}
			torn, late := sent(strings.Repeat("\x00", 300), nil), sent("late", nil)
			late.At = time.Date(12_000, 1, 1, 0, 0, 0, 0, time.UTC)
			receipts, err := r.trackerWith(kpi.TrackerOptions{Unfit: kpi.Quarantine}).Track(r.ctx(), torn, late)
			r.must(err)
			conform.Equal(r.t, "outcomes", outcomes(receipts), []kpi.Outcome{kpi.Quarantined, kpi.Quarantined})
			kept, err := asides.Quarantined(r.ctx(), kpi.AsideQuery{})
			r.must(err)
			key := kept[0].Event.Key
			conform.Equal(r.t, "key", []bool{key != "", len(key) <= 200, utf8.ValidString(key), strings.Contains(key, "\x00")}, []bool{true, true, true, false})
			conform.Equal(r.t, "at", kept[1].Event.At, r.now)
			conform.Equal(r.t, "reason", kept[1].Reason, "at: 12000-01-01T00:00:00Z is more than a day ahead")
		},
	},
}}

var effectRules = group{"effects", []rule{
	{
		"definitions_are_recorded",
		"What is defined, changed or retired is recorded; what stays as it is, is not.",
		func(r *rig) {
			r.define(sentCount)
			r.define(sentCount)
			changed := sentCount
			changed.Title = "Sent"
			r.define(changed)
			r.must(r.board().Retire(r.ctx(), "sent", "why"))
			conform.Equal(r.t, "recorded", r.heard.actions(), []string{"kpi.defined kpi/sent", "kpi.defined kpi/sent", "kpi.retired kpi/sent"})
		},
	},
	{
		"a_goal_that_is_crossed_is_told_once",
		"A goal is judged by the newest period that is over, and told when it is crossed, by however many look.",
		func(r *rig) {
			k := sentCount
			k.Goal = &kpi.Goal{Target: 2}
			r.define(k)
			day := 24 * time.Hour
			r.evaluate("with nothing there")
			r.evaluate("again")
			r.later(day)
			first := sent("", nil)
			first.At = noon.Add(-time.Hour)
			r.track(first)
			r.evaluate("one is too few", "sent missed")
			r.evaluate("told once")
			r.track(first)
			r.evaluate("a late event", "sent reached")
			next := first
			r.later(day)
			next.At = first.At.Add(day)
			r.track(next)
			r.evaluate("the next day", "sent missed")
			conform.Equal(r.t, "how often", r.heard.take(), []string{})
		},
	},
	{
		"an_older_period_decides_nothing",
		"What an instance that is behind reads of a period before the one that was judged last changes nothing.",
		func(r *rig) {
			k := sentCount
			k.Goal = &kpi.Goal{Target: 2}
			r.define(k)
			for _, daysAgo := range []int{2, 1, 1} {
				e := sent("", nil)
				e.At = noon.AddDate(0, 0, -daysAgo)
				r.track(e)
			}
			r.evaluate("two yesterday")
			r.later(-24 * time.Hour)
			r.evaluate("one the day before")
			r.later(24 * time.Hour)
			r.evaluate("two yesterday, again")
		},
	},
	{
		"a_goal_that_was_retired_is_judged_anew",
		"With a KPI goes what was judged of its goal: one of the same name begins again.",
		func(r *rig) {
			k := sentCount
			k.Goal = &kpi.Goal{Target: 2}
			r.define(k)
			late := sent("", nil)
			late.At = noon.Add(-24 * time.Hour)
			r.track(late)
			r.evaluate("first", "sent missed")
			r.evaluate("told once")
			r.must(r.board().Retire(r.ctx(), "sent", "not needed"))
			r.evaluate("with nothing there")
			r.define(k)
			r.later(time.Second)
			r.evaluate("begun again", "sent missed")
		},
	},
	{
		"what_cannot_be_told_is_not_decided",
		"When the notifier or the recorder fails, nothing is written, and the next evaluation tells.",
		func(r *rig) {
			r.heard.Shut(true)
			r.fails("define", r.board().Define(r.ctx(), sentCount), conform.ErrShut)
			r.heard.Shut(false)
			k := sentCount
			k.Goal = &kpi.Goal{Target: 2}
			r.define(k)
			late := sent("", nil)
			late.At = noon.Add(-24 * time.Hour)
			r.track(late)
			r.heard.Shut(true)
			_, err := r.board().Evaluate(r.ctx())
			r.fails("evaluate", err, conform.ErrShut)
			r.heard.Shut(false)
			r.evaluate("afterwards", "sent missed")
		},
	},
	{
		"many_evaluate_and_one_tells",
		"However many instances evaluate at once, a crossing is told once.",
		func(r *rig) {
			k := sentCount
			k.Goal = &kpi.Goal{Target: 2}
			r.define(k)
			late := sent("", nil)
			late.At = noon.Add(-24 * time.Hour)
			r.track(late)
			var wg sync.WaitGroup
			errs := make([]error, 6)
			for i := range errs {
				wg.Go(func() { _, errs[i] = r.board().Evaluate(r.ctx()) })
			}
			wg.Wait()
			r.must(errors.Join(errs...))
			conform.Equal(r.t, "told", r.heard.take(), []string{"sent missed"})
		},
	},
}}

// evaluate fails unless this is told.
func (r *rig) evaluate(what string, want ...string) {
	r.t.Helper()
	_, err := r.board().Evaluate(r.ctx())
	r.must(err)
	conform.Equal(r.t, what, r.heard.take(), append([]string{}, want...))
}

// badInputRules are about what never reaches a store.
var badInputRules = group{"bad input", []rule{
	{
		"bad_events_are_refused",
		"What cannot be stored or counted is refused with the field's name, and nothing is written.",
		func(r *rig) {
			r.define(sentCount)
			for what, bad := range badEvents() {
				e := sent("k", map[string]any{})
				bad.spoil(&e)
				_, err := r.tracker().Track(r.ctx(), sent("fine", nil), e)
				r.fails(what, err, tenon.ErrInvalid)
				var wrong *tenon.FieldError
				if !errors.As(err, &wrong) || wrong.Field != bad.field {
					r.t.Fatalf("%s: error %v does not name %s", what, err, bad.field)
				}
			}
			r.counts("after all", 0)
		},
	},
	{
		"what_names_no_event_is_refused",
		"A correction and a retraction name the event: its tenant and its key.",
		func(r *rig) {
			for field, ref := range map[string]kpi.Ref{"tenant": {Key: "k"}, "key": {Tenant: "acme"}} {
				e := sent(ref.Key, nil)
				e.Tenant = ref.Tenant
				_, err := r.tracker().Correct(r.ctx(), e)
				for _, err := range []error{err, r.tracker().Retract(r.ctx(), ref)} {
					var wrong *tenon.FieldError
					if !errors.As(err, &wrong) || wrong.Field != field {
						r.t.Fatalf("error %v does not name %s", err, field)
					}
				}
			}
		},
	},
}}
