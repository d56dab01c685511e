package supporttest

import (
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
