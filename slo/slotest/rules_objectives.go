package slotest

import (
	"time"

	"github.com/transbotai/tenon"
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
			for _, spoil := range []func(o *slo.Objective){
				func(o *slo.Objective) { o.Target = 1_000_001 },
				func(o *slo.Objective) { o.Target = 0 },
				func(o *slo.Objective) { o.Window.Length = 0 },
				func(o *slo.Objective) { o.Name = "" },
				func(o *slo.Objective) { o.Kind = "vibes" },
			} {
				o := uptime()
				spoil(&o)
				_, err := r.board().Define(r.ctx(), quick(), o)
				r.fails("a bad objective", err, tenon.ErrInvalid)
			}
			conform.Equal(r.t, "objectives", len(r.load().Objectives), 0)
		},
	},
	{
		"an_exclusion_has_a_reason_an_end_and_an_objective",
		"What is excluded must be said why, from when until when, and exist.",
		func(r *rig) {
			good := slo.Exclusion{From: r.now, To: r.now.Add(time.Hour), Reason: "maintenance"}
			for _, spoil := range []func(x *slo.Exclusion){
				func(x *slo.Exclusion) { x.Reason = "" },
				func(x *slo.Exclusion) { x.To = x.From },
				func(x *slo.Exclusion) { x.Zone = "Atlantis" },
				func(x *slo.Exclusion) { x.Repeat = slo.EachDay },
			} {
				x := good
				spoil(&x)
				_, err := r.board().Exclude(r.ctx(), x)
				r.fails("a bad exclusion", err, tenon.ErrInvalid)
			}
			good.Name = "unknown"
			_, err := r.board().Exclude(r.ctx(), good)
			r.fails("an unknown objective", err, slo.ErrUnknownObjective)
		},
	},
}}
