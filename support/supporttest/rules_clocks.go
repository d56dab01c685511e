package supporttest

import (
	"errors"
	"time"

	"github.com/transbotai/tenon/support"
)

var clockRules = group{"clocks", []rule{
	{
		"resolution_is_4_24_and_72_hours",
		"Without rules of the host's, P1, P2 and P3 are due after 4, 24 and 72 hours of wall time.",
		func(r *rig) {
			for p, hours := range map[support.Priority]time.Duration{support.P1: 4, support.P2: 24, support.P3: 72} {
				r.stands(r.open(p), support.Resolution, support.Running, r.now.Add(hours*time.Hour))
			}
		},
	},
	{
		"a_clock_is_at_risk_then_breached",
		"It is at risk from 75 % of its target on, and breached from its due instant on.",
		func(r *rig) {
			ref := r.open(support.P1)
			due := r.now.Add(4 * time.Hour)
			r.later(3*time.Hour - time.Microsecond)
			r.stands(ref, support.Resolution, support.Running, due)
			r.later(time.Microsecond)
			r.stands(ref, support.Resolution, support.Warned, due)
			r.later(time.Hour - time.Microsecond)
			r.stands(ref, support.Resolution, support.Warned, due)
			r.later(time.Microsecond)
			r.stands(ref, support.Resolution, support.Overdue, due)
		},
	},
	{
		"a_pending_ticket_stops_the_clocks",
		"Time in which the ticket waits for the customer does not count.",
		func(r *rig) {
			ref := r.open(support.P1)
			r.later(time.Hour)
			r.does(r.desk().Pend(r.ctx(), ref, "a question"))
			r.later(100 * time.Hour)
			r.stands(ref, support.Resolution, support.Paused, time.Time{})
			r.does(r.desk().Hear(r.ctx(), ref, "an answer"))
			r.stands(ref, support.Resolution, support.Running, r.now.Add(3*time.Hour))
			r.later(3 * time.Hour)
			t := r.does(r.desk().Solve(r.ctx(), ref, ""))
			equal(r.t, "standing", t.Clocks[2].Standing, support.Met)
			equal(r.t, "elapsed", t.Clocks[2].Elapsed, 4*time.Hour)
		},
	},
	{
		"a_reopened_ticket_goes_on_where_it_was",
		"The time in which it was solved does not count; the time before does.",
		func(r *rig) {
			ref := r.open(support.P1)
			r.later(time.Hour)
			r.does(r.desk().Solve(r.ctx(), ref, ""))
			r.stands(ref, support.Resolution, support.Met, noon.Add(4*time.Hour))
			r.later(24 * time.Hour)
			r.does(r.desk().Hear(r.ctx(), ref, "it is back"))
			equal(r.t, "state", r.get(ref).State, support.StateReopened)
			r.stands(ref, support.Resolution, support.Running, r.now.Add(3*time.Hour))
			r.later(3*time.Hour + time.Second)
			r.does(r.desk().Solve(r.ctx(), ref, ""))
			equal(r.t, "standing", r.clock(ref, support.Resolution).Standing, support.Missed)
		},
	},
	{
		"responses_are_to_the_first_word_that_was_not_answered",
		"The first reply ends the first response; the next response counts from the first unanswered word.",
		func(r *rig) {
			ref := r.open(support.P1)
			equal(r.t, "next response", r.clock(ref, support.NextResponse).Standing, support.Inactive)
			r.later(30 * time.Minute)
			r.does(r.desk().Reply(r.ctx(), ref, "we look"))
			r.stands(ref, support.FirstResponse, support.Met, noon.Add(time.Hour))
			r.later(10 * time.Minute)
			asked := r.now
			r.does(r.desk().Hear(r.ctx(), ref, "and?"))
			r.later(10 * time.Minute)
			r.does(r.desk().Hear(r.ctx(), ref, "hello?"))
			r.stands(ref, support.NextResponse, support.Running, asked.Add(time.Hour))
			r.later(2 * time.Hour)
			r.does(r.desk().Reply(r.ctx(), ref, "done"))
			equal(r.t, "next response", r.clock(ref, support.NextResponse).Standing, support.Missed)
		},
	},
	{
		"a_solution_is_an_answer",
		"A word after it is waited on like one after a reply.",
		func(r *rig) {
			ref := r.open(support.P1)
			r.does(r.desk().Solve(r.ctx(), ref, "restarted"))
			r.later(time.Hour)
			r.does(r.desk().Hear(r.ctx(), ref, "it is back"))
			r.stands(ref, support.NextResponse, support.Running, r.now.Add(time.Hour))
		},
	},
	{
		"another_priority_counts_from_the_beginning",
		"The clocks of a ticket are those of its present priority, as if it had always had it.",
		func(r *rig) {
			ref := r.open(support.P3)
			r.later(5 * time.Hour)
			r.does(r.desk().Prioritise(r.ctx(), ref, support.P1, "it is worse"))
			r.stands(ref, support.Resolution, support.Overdue, noon.Add(4*time.Hour))
			r.does(r.desk().Prioritise(r.ctx(), ref, support.P2, "it is better"))
			r.stands(ref, support.Resolution, support.Running, noon.Add(24*time.Hour))
		},
	},
	{
		"a_history_replayed_gives_the_same_clocks",
		"What another process reads from the store is what the act returned.",
		func(r *rig) {
			ref := r.open(support.P2)
			acts := []func() (support.Ticket, error){
				func() (support.Ticket, error) { return r.desk().Reply(r.ctx(), ref, "a") },
				func() (support.Ticket, error) { return r.desk().Pend(r.ctx(), ref, "") },
				func() (support.Ticket, error) { return r.desk().Hear(r.ctx(), ref, "b") },
				func() (support.Ticket, error) { return r.desk().Prioritise(r.ctx(), ref, support.P1, "") },
				func() (support.Ticket, error) { return r.desk().Solve(r.ctx(), ref, "") },
				func() (support.Ticket, error) { return r.desk().Reopen(r.ctx(), ref, "") },
				func() (support.Ticket, error) { return r.desk().Solve(r.ctx(), ref, "") },
				func() (support.Ticket, error) { return r.desk().Close(r.ctx(), ref) },
			}
			for _, act := range acts {
				r.later(17*time.Minute + 3*time.Microsecond)
				done := r.does(act())
				equal(r.t, "the ticket", text(r.get(ref)), text(done))
			}
		},
	},
	{
		"the_report_counts_what_was_kept",
		"Met is kept, missed and breached are broken, the rest is waited for.",
		func(r *rig) {
			kept, late := r.open(support.P1), r.open(support.P1)
			r.later(time.Hour)
			r.does(r.desk().Solve(r.ctx(), kept, ""))
			r.later(5 * time.Hour)
			r.does(r.desk().Solve(r.ctx(), late, ""))
			r.open(support.P1)
			report, err := r.desk().Report(r.ctx(), "acme", noon, r.now.Add(time.Second))
			r.must(err)
			equal(r.t, "total", report.Total, 3)
			row := report.Lines[2]
			equal(r.t, "the row", row, support.ReportRow{Priority: support.P1, Promise: support.Resolution, Kept: 1, Broken: 1, Waiting: 1})
			share, decided := row.Share()
			equal(r.t, "the share", []any{share, decided}, []any{0.5, true})
			_, decided = report.Lines[5].Share()
			equal(r.t, "a share of nothing", decided, false)
		},
	},
}}

var ladderRules = group{"ladders", []rule{
	{
		"a_p1_nobody_acknowledged_escalates_after_2_hours_once",
		"At 2 hours by the wall clock, not before, and however often the timer fires.",
		func(r *rig) {
			ref := r.open(support.P1)
			r.later(2*time.Hour - time.Microsecond)
			r.tick(ref)
			r.told("support.breached") // the first response
			r.later(time.Microsecond)
			for range 3 {
				r.tick(ref)
			}
			r.told("support.escalated")
			equal(r.t, "the last event", r.get(ref).History[2].Step, "on-call")
		},
	},
	{
		"whoever_acknowledges_cancels_the_ladder",
		"An acknowledgement, a reply, a pause and a solution cancel it in their own transaction.",
		func(r *rig) {
			for _, act := range []func(ref support.Ref) (support.Ticket, error){
				func(ref support.Ref) (support.Ticket, error) { return r.desk().Acknowledge(r.ctx(), ref) },
				func(ref support.Ref) (support.Ticket, error) { return r.desk().Reply(r.ctx(), ref, "hello") },
				func(ref support.Ref) (support.Ticket, error) { return r.desk().Pend(r.ctx(), ref, "") },
				func(ref support.Ref) (support.Ticket, error) { return r.desk().Solve(r.ctx(), ref, "") },
			} {
				ref := r.open(support.P1)
				r.does(act(ref))
				r.later(3 * time.Hour)
				r.tick(ref)
				for _, n := range r.heard.Told() {
					if n.Kind == "support.escalated" {
						r.t.Fatalf("it escalated: %s", text(n))
					}
				}
			}
		},
	},
	{
		"another_priority_never_fires_a_step_again",
		"A step that fired stays fired when the ticket leaves the priority and comes back.",
		func(r *rig) {
			ref := r.open(support.P1)
			r.later(2 * time.Hour)
			r.tick(ref)
			r.told("support.escalated", "support.breached")
			r.does(r.desk().Prioritise(r.ctx(), ref, support.P3, ""))
			r.tick(ref)
			r.does(r.desk().Prioritise(r.ctx(), ref, support.P1, ""))
			r.tick(ref)
			r.told()
		},
	},
	{
		"a_policy_may_escalate_anyway",
		"A step that says so fires although the ticket was acknowledged, and not once it is solved.",
		func(r *rig) {
			rules := support.DefaultRules()
			rules.Policies[0].Ladders[support.P1] = []support.Step{{Name: "boss", After: 2 * time.Hour, Anyway: true}}
			_, err := r.desk().SetRules(r.ctx(), rules, "as it was")
			r.must(err)
			ref, solved := r.open(support.P1), r.open(support.P1)
			r.does(r.desk().Reply(r.ctx(), ref, "we look"))
			r.does(r.desk().Solve(r.ctx(), solved, ""))
			r.later(2 * time.Hour)
			r.tick(ref)
			r.tick(solved)
			r.told("support.escalated")
		},
	},
	{
		"what_cannot_be_told_is_told_later",
		"An error of the notifier undoes the escalation; the next firing tells it.",
		func(r *rig) {
			ref := r.open(support.P1)
			r.later(2 * time.Hour)
			r.heard.Refuse(support.ErrUnsupported)
			r.fails("tick", r.desk().Tick(r.ctx(), ref), support.ErrUnsupported)
			r.heard.Refuse(nil)
			equal(r.t, "events", len(r.get(ref).History), 1)
			r.tick(ref)
			r.told("support.escalated", "support.breached")
		},
	},
}}

var ruleRules = group{"rules", []rule{
	{
		"rules_are_read_as_they_were_set",
		"Every field comes back, and the version counts.",
		func(r *rig) {
			first, err := r.desk().Rules(r.ctx())
			r.must(err)
			equal(r.t, "rules that nobody set", text(first), text(support.DefaultRules()))
			want := office()
			set, err := r.desk().SetRules(r.ctx(), want, "signed")
			r.must(err)
			want.Version = 1
			equal(r.t, "rules set", text(set), text(want))
			got, err := r.desk().Rules(r.ctx())
			r.must(err)
			equal(r.t, "rules read", text(got), text(want))
			_, err = r.desk().SetRules(r.ctx(), office(), "from the old ones")
			r.fails("a stale version", err, support.ErrStale)
		},
	},
	{
		"a_change_of_rules_moves_every_clock",
		"A calendar, a target and a plan's policy apply to tickets that are there, as if they had always held.",
		func(r *rig) {
			ref := r.open(support.P2)
			_, err := r.desk().SetRules(r.ctx(), office(), "")
			r.must(err)
			// 24 office hours from Tuesday 13:00 in Berlin: 4 that day, 8 each on three days.
			r.stands(ref, support.Resolution, support.Running, time.Date(2026, 3, 13, 12, 0, 0, 0, time.UTC))
			r.does(r.desk().SetPlan(r.ctx(), ref, "enterprise"))
			r.stands(ref, support.Resolution, support.Running, noon.Add(time.Hour))
		},
	},
	{
		"a_closed_ticket_keeps_its_clocks",
		"What was promised to a ticket that is closed stays as it was.",
		func(r *rig) {
			ref := r.open(support.P2)
			r.later(20 * time.Hour)
			r.does(r.desk().Solve(r.ctx(), ref, ""))
			before := r.does(r.desk().Close(r.ctx(), ref)).Clocks
			_, err := r.desk().SetRules(r.ctx(), office(), "")
			r.must(err)
			equal(r.t, "clocks", text(r.get(ref).Clocks), text(before))
		},
	},
	{
		"rules_that_cannot_be_right_are_refused",
		"Nothing is written, and the field is named.",
		func(r *rig) {
			type policy = *support.Policy // the first, which has the calendar, and the second, which has none
			ladder := func(p policy, steps ...support.Step) {
				p.Ladders = map[support.Priority][]support.Step{support.P1: steps}
			}
			for field, spoil := range map[string]func(s *support.Rules, first, second policy){
				"default":          func(s *support.Rules, _, _ policy) { s.Default = "none" },
				"plans.enterprise": func(s *support.Rules, _, _ policy) { s.Plans["enterprise"] = "none" },
				"calendars.berlin.zone": func(s *support.Rules, _, _ policy) {
					s.Calendars["berlin"] = support.Hours{Zone: "Mars/Phobos"}
				},
				"policies[0].name":     func(_ *support.Rules, first, _ policy) { first.Name = "" },
				"policies[1].name":     func(_ *support.Rules, first, second policy) { second.Name = first.Name },
				"policies[0].calendar": func(_ *support.Rules, first, _ policy) { first.Calendar = "none" },
				"policies[0].warn_at":  func(_ *support.Rules, first, _ policy) { first.WarnAt = 101 },
				"policies[0].targets.P0": func(_ *support.Rules, first, _ policy) {
					first.Targets["P0"] = support.Targets{}
				},
				"policies[0].targets.P1.resolution": func(_ *support.Rules, first, _ policy) {
					first.Targets[support.P1] = support.Targets{Resolution: -1}
				},
				"policies[0].targets.P3.first_response": func(_ *support.Rules, first, _ policy) {
					first.Targets[support.P3] = support.Targets{FirstResponse: 11 * 365 * day}
				},
				"policies[1].targets.P2.business": func(_ *support.Rules, _, second policy) {
					second.Targets[support.P2] = support.Targets{Resolution: time.Hour, Business: true}
				},
				"policies[0].ladders.P0": func(_ *support.Rules, first, _ policy) {
					first.Ladders = map[support.Priority][]support.Step{"P0": nil}
				},
				"policies[0].ladders.P1[0].name": func(_ *support.Rules, first, _ policy) { ladder(first, support.Step{}) },
				"policies[0].ladders.P1[1].name": func(_ *support.Rules, first, _ policy) {
					ladder(first, support.Step{Name: "a"}, support.Step{Name: "a"})
				},
				"policies[0].ladders.P1[0].after": func(_ *support.Rules, first, _ policy) {
					ladder(first, support.Step{Name: "a", After: -1})
				},
				"policies[0].ladders.P1[1].after": func(_ *support.Rules, first, _ policy) {
					ladder(first, support.Step{Name: "a", After: time.Hour}, support.Step{Name: "b"})
				},
			} {
				rules := office()
				spoil(&rules, &rules.Policies[0], &rules.Policies[1])
				_, err := r.desk().SetRules(r.ctx(), rules, "")
				r.refuses(field, err)
			}
			closed := office()
			closed.Calendars["berlin"] = support.Hours{Zone: "UTC"}
			_, err := r.desk().SetRules(r.ctx(), closed, "")
			r.fails("a calendar that is always closed", err, support.ErrAlwaysClosed)
			rules, err := r.desk().Rules(r.ctx())
			r.must(err)
			equal(r.t, "version", rules.Version, int64(0))
		},
	},
	{
		"rules_that_cannot_be_recorded_are_not_in_force",
		"An error of the recorder undoes the change, timers and all, and is returned.",
		func(r *rig) {
			ref, deaf := r.open(support.P2), errors.New("deaf")
			r.heard.Refuse(deaf)
			_, err := r.desk().SetRules(r.ctx(), office(), "")
			r.fails("set", err, deaf)
			r.heard.Refuse(nil)
			r.stands(ref, support.Resolution, support.Running, noon.Add(24*time.Hour))
			set, err := r.desk().SetRules(r.ctx(), office(), "")
			r.must(err)
			equal(r.t, "version", set.Version, int64(1))
		},
	},
}}

// office are rules by business time for all but the plan "enterprise".
func office() support.Rules {
	return support.Rules{
		Default: "office", Plans: map[string]string{"enterprise": "round the clock"},
		Calendars: map[string]support.Hours{"berlin": {
			Zone: "Europe/Berlin", Week: support.Weekdays(support.Span{From: support.At(9, 0), To: support.At(17, 0)}),
			Holidays: []support.Holiday{{Name: "Christmas", From: "2026-12-25", To: "2026-12-26", Yearly: true}},
			Dates:    map[support.Date][]support.Span{"2026-12-24": {{From: support.At(9, 0), To: support.At(12, 0)}}},
		}},
		Policies: []support.Policy{
			{Name: "office", Calendar: "berlin", Targets: map[support.Priority]support.Targets{
				support.P2: {Resolution: 24 * time.Hour, Business: true},
			}},
			{Name: "round the clock", Targets: map[support.Priority]support.Targets{support.P2: {Resolution: time.Hour}}, WarnAt: -1},
		},
	}
}
