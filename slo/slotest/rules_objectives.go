package slotest

import (
	"time"

	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/slo"
)

var objectiveRules = group{"objectives", []rule{
	{
		"defining_again_changes_nothing",
		"An objective that promises the same keeps its version.",
		func(r *rig) {
			first := r.define(uptime(), quick())
			again, err := r.board().Define(r.ctx(), uptime(), quick())
			r.must(err)
			conform.Equal(r.t, "the second time", again, first)
			conform.Equal(r.t, "the version", first[0].Version, 1)
		},
	},
	{
		"another_promise_is_the_next_version",
		"A changed objective has the next version; what it measures since when stays unless that changed.",
		func(r *rig) {
			first := r.define(quick())
			o := quick()
			o.Target = 900_000
			second, err := r.board().Define(r.ctx(), o)
			r.must(err)
			conform.Equal(r.t, "version", second[0].Version, 2)
			conform.Equal(r.t, "since", second[0].Since, first[0].Since)
			o.Threshold = time.Second
			third, err := r.board().Define(r.ctx(), o)
			r.must(err)
			conform.Equal(r.t, "version", third[0].Version, 3)
			conform.Equal(r.t, "since", third[0].Since, r.now)
		},
	},
	{
		"another_threshold_counts_afresh",
		"Counts of another threshold are not added to those of this one.",
		func(r *rig) {
			r.define(quick())
			r.record(r.minute(quick(), time.Minute, 1, 2))
			o := quick()
			o.Threshold = time.Second
			_, err := r.board().Define(r.ctx(), o)
			r.must(err)
			r.record(r.minute(o, time.Minute, 5, 5))
			conform.Equal(r.t, "the count", r.evaluate().Statuses[0].Count, slo.Count{Good: 5, Valid: 5})
		},
	},
	{
		"a_retired_objective_is_gone",
		"Retire removes an objective; an unknown one is not found.",
		func(r *rig) {
			r.define(uptime())
			r.must(r.board().Retire(r.ctx(), uptime().Key, "no longer promised"))
			conform.Equal(r.t, "objectives", len(r.load().Objectives), 0)
			r.fails("again", r.board().Retire(r.ctx(), uptime().Key, ""), slo.ErrUnknownObjective)
			conform.Equal(r.t, "the version of its successor", r.define(uptime())[0].Version, 1)
		},
	},
	{
		"tenants_have_objectives_of_their_own_up_to_a_cap",
		"The same name may be the system's and several tenants'; more than the cap are refused and none is stored.",
		func(r *rig) {
			r.opts.MaxTenantObjectives = 2
			of := func(tenant string) slo.Objective {
				o := uptime()
				o.Tenant = tenant
				return o
			}
			r.define(uptime(), of("acme"), of("globex"))
			_, err := r.board().Define(r.ctx(), of("initech"))
			r.fails("a third tenant", err, slo.ErrTooMany)
			r.opts.MaxTenantObjectives = -1
			_, err = r.board().Define(r.ctx(), of("initech"))
			r.fails("where tenants may have none", err, slo.ErrTooMany)
			m := r.minute(of("acme"), time.Minute, 1, 2)
			r.record(m)
			report := r.evaluate()
			conform.Equal(r.t, "statuses", len(report.Statuses), 3)
			s, _ := report.Status(of("acme").Key)
			conform.Equal(r.t, "acme's count", s.Count, slo.Count{Good: 1, Valid: 2})
			conform.Equal(r.t, "the system's count", report.Statuses[0].Count, slo.Count{})
		},
	},
	{
		"excluded_time_counts_neither_way",
		"An exclusion takes its whole minutes out; taken back, they count again.",
		func(r *rig) {
			r.define(uptime())
			r.record(r.minute(uptime(), 10*time.Minute, 0, 7), r.minute(uptime(), 5*time.Minute, 3, 3))
			asked := slo.Exclusion{
				From: r.now.Add(-10*time.Minute + time.Second), To: r.now.Add(-9 * time.Minute), Reason: "maintenance",
			}
			x, err := r.board().Exclude(r.ctx(), asked)
			r.must(err)
			s := r.evaluate().Statuses[0]
			conform.Equal(r.t, "the count", s.Count, slo.Count{Good: 3, Valid: 3})
			conform.Equal(r.t, "excluded", s.Excluded, time.Minute)
			r.must(r.board().Include(r.ctx(), x.ID, "it did happen"))
			conform.Equal(r.t, "the count", r.evaluate().Statuses[0].Count, slo.Count{Good: 3, Valid: 10})
			r.fails("twice", r.board().Include(r.ctx(), x.ID, ""), slo.ErrUnknownExclusion)
		},
	},
	{
		"exclusions_that_overlap_take_out_what_they_cover",
		"Time that several exclusions take out is taken out once, in whatever order they were made.",
		func(r *rig) {
			r.define(uptime())
			for ago := time.Minute; ago <= 10*time.Minute; ago += time.Minute {
				r.record(r.minute(uptime(), ago, 1, 1))
			}
			for _, x := range [][2]time.Duration{{4, 2}, {9, 3}, {8, 6}} { // in minutes before now
				_, err := r.board().Exclude(r.ctx(), slo.Exclusion{
					From: r.now.Add(-x[0] * time.Minute), To: r.now.Add(-x[1] * time.Minute), Reason: "maintenance",
				})
				r.must(err)
			}
			s := r.evaluate().Statuses[0]
			conform.Equal(r.t, "the count", s.Count, slo.Count{Good: 3, Valid: 3})
			conform.Equal(r.t, "excluded", s.Excluded, 7*time.Minute)
		},
	},
	{
		"what_is_excluded_already_is_not_excluded_again",
		"The same time for the same reason is one exclusion, however often it is asked for; another reason is another.",
		func(r *rig) {
			r.define(uptime())
			asked := slo.Exclusion{
				Key: uptime().Key, From: r.now, To: r.now.Add(time.Hour), Repeat: slo.EachDay, Until: r.now.Add(72 * time.Hour),
				Zone: "Europe/Berlin", Reason: "maintenance",
			}
			first, err := r.board().Exclude(r.ctx(), asked)
			r.must(err)
			r.now = r.now.Add(time.Minute)
			again, err := r.board().Exclude(r.ctx(), asked)
			r.must(err)
			conform.Equal(r.t, "the exclusion", again, first)
			asked.Reason = "a move"
			other, err := r.board().Exclude(r.ctx(), asked)
			r.must(err)
			conform.Equal(r.t, "is another", other.ID != first.ID, true)
			conform.Equal(r.t, "exclusions", len(r.load().Exclusions), 2)
		},
	},
	{
		"a_calendar_window_follows_its_zone",
		"A day in which the clock goes forward begins at its own midnight.",
		func(r *rig) {
			o := uptime()
			o.Window = slo.Window{Calendar: slo.Daily, Zone: "Europe/Berlin"}
			r.now = time.Date(2026, 3, 29, 21, 30, 0, 0, time.UTC) // 23:30, 22.5 hours after midnight
			r.define(o)
			r.record(r.minute(o, 22*time.Hour+30*time.Minute, 1, 1), r.minute(o, 22*time.Hour+31*time.Minute, 0, 1))
			conform.Equal(r.t, "the count", r.evaluate().Statuses[0].Count, slo.Count{Good: 1, Valid: 1})
		},
	},
}}

var badInputRules = group{"bad_input", []rule{
	{
		"what_cannot_be_promised_is_refused",
		"A bad objective is refused with its field, and nothing is written.",
		func(r *rig) {
			for _, bad := range []struct {
				field string
				spoil func(o *slo.Objective)
			}{
				{"name", func(o *slo.Objective) { o.Name = "" }},
				{"kind", func(o *slo.Objective) { o.Kind = "vibes" }},
				{"target", func(o *slo.Objective) { o.Target = 1_000_001 }},
				{"target", func(o *slo.Objective) { o.Target = -1 }},
				{"target", func(o *slo.Objective) { o.Target = 0 }},
				{"window.length", func(o *slo.Objective) { o.Window.Length = 0 }},
				{"threshold", func(o *slo.Objective) { o.Threshold = time.Second }}, // of a ratio
				{"threshold", func(o *slo.Objective) { o.Kind, o.Threshold = slo.Latency, -time.Second }},
				{"threshold", func(o *slo.Objective) { o.Kind, o.Threshold = slo.Latency, time.Microsecond/2 }},
				{"threshold", func(o *slo.Objective) { o.Kind = slo.Latency }},
				{"threshold", func(o *slo.Objective) { o.Kind = slo.Freshness }},
				{"slice", func(o *slo.Objective) { o.Slice = 1 }}, // of a ratio
				{"slice", func(o *slo.Objective) { o.Kind = slo.TimeSlice }},
				{"slice", func(o *slo.Objective) { o.Kind, o.Slice = slo.TimeSlice, slo.Whole+1 }},
				{"budget_alerts", func(o *slo.Objective) { o.BudgetAlerts = []slo.PPM{1, 0} }},
				{"budget_alerts", func(o *slo.Objective) { o.BudgetAlerts = []slo.PPM{slo.Whole + 1} }},
				{"tiers.burn", func(o *slo.Objective) { o.Tiers = []slo.Tier{{}} }},
			} {
				o := uptime()
				bad.spoil(&o)
				_, err := r.board().Define(r.ctx(), quick(), o)
				r.refuses(bad.field, err)
			}
			conform.Equal(r.t, "objectives", len(r.load().Objectives), 0)
		},
	},
	{
		"an_exclusion_has_a_reason_an_end_and_an_objective",
		"What is excluded must be said why, from when until when, and exist; else its field is named, and nothing is written.",
		func(r *rig) {
			good := slo.Exclusion{From: r.now, To: r.now.Add(time.Hour), Reason: "maintenance"}
			daily := func(x *slo.Exclusion) { x.Repeat, x.Until = slo.EachDay, x.From.AddDate(1, 0, 0) }
			for _, bad := range []struct {
				field string
				spoil func(x *slo.Exclusion)
			}{
				{"reason", func(x *slo.Exclusion) { x.Reason = "" }},
				{"from", func(x *slo.Exclusion) { x.From = time.Time{} }},
				{"to", func(x *slo.Exclusion) { x.To = x.From }},
				{"zone", func(x *slo.Exclusion) { x.Zone = "Atlantis" }},
				{"repeat", func(x *slo.Exclusion) { x.Repeat = "hour" }},
				{"to", func(x *slo.Exclusion) { daily(x); x.To = x.From.Add(24 * time.Hour) }},
				{"until", func(x *slo.Exclusion) { x.Repeat = slo.EachDay }},
				{"until", func(x *slo.Exclusion) { daily(x); x.Until = x.From.AddDate(10, 0, 1) }},
			} {
				x := good
				bad.spoil(&x)
				_, err := r.board().Exclude(r.ctx(), x)
				r.refuses(bad.field, err)
			}
			good.Name = "unknown"
			_, err := r.board().Exclude(r.ctx(), good)
			r.fails("an unknown objective", err, slo.ErrUnknownObjective)
			conform.Equal(r.t, "exclusions", len(r.load().Exclusions), 0)
		},
	},
}}
