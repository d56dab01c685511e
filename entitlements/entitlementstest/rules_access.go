package entitlementstest

import (
	"time"

	"github.com/transbotai/tenon/entitlements"
)

var accessRules = group{"access", []rule{
	{
		"the_status_says_who_may",
		"Active allows; paused, unpaid and incomplete ones are suspended; canceled has ended.",
		func(r *rig) {
			r.on(basic)
			for status, reason := range map[entitlements.Status]entitlements.Reason{
				entitlements.Active:            entitlements.ReasonAllowed,
				entitlements.Paused:            entitlements.ReasonSuspended,
				entitlements.Unpaid:            entitlements.ReasonSuspended,
				entitlements.Incomplete:        entitlements.ReasonSuspended,
				entitlements.IncompleteExpired: entitlements.ReasonSuspended,
				entitlements.Canceled:          entitlements.ReasonCanceled,
				entitlements.PastDue:           entitlements.ReasonPastDue,
				entitlements.Trialing:          entitlements.ReasonTrialEnded,
			} {
				r.entitle(func(e *entitlements.Entitlement) { e.Status = status })
				d := r.check(calls)
				equal(r.t, "the reason while "+string(status), d.Reason, reason)
				equal(r.t, "Allowed while "+string(status), d.Allowed, reason == entitlements.ReasonAllowed)
			}
		},
	},
	{
		"past_due_allows_until_the_grace_ends",
		"GraceUntil is the first instant at which past_due refuses.",
		func(r *rig) {
			r.on(basic)
			end := r.now.Add(72 * time.Hour)
			r.entitle(func(e *entitlements.Entitlement) { e.Status, e.GraceUntil = entitlements.PastDue, end })
			r.allows(r.consume(calls, 1), entitlements.ReasonAllowed)
			r.now = end.Add(-time.Microsecond)
			r.allows(r.consume(calls, 1), entitlements.ReasonAllowed)
			r.now = end
			r.refuses(r.consume(calls, 1), entitlements.ReasonPastDue)
			r.entitle(func(e *entitlements.Entitlement) { e.Status, e.GraceUntil = entitlements.Active, time.Time{} })
			r.says(r.consume(calls, 1), answer{entitlements.ReasonAllowed, 3, 0, 7})
		},
	},
	{
		"canceled_allows_until_its_end",
		"A subscription that was canceled for a later day allows until that day.",
		func(r *rig) {
			r.on(basic)
			end := r.now.Add(72 * time.Hour)
			r.entitle(func(e *entitlements.Entitlement) { e.Status, e.AccessUntil = entitlements.Canceled, end })
			r.allows(r.consume(calls, 1), entitlements.ReasonAllowed)
			r.now = end
			r.refuses(r.consume(calls, 1), entitlements.ReasonCanceled)
		},
	},
	{
		"access_ends_whatever_the_status_says",
		"AccessUntil bounds access, so that a message of the biller that was lost grants nothing for ever.",
		func(r *rig) {
			r.on(basic)
			end := r.now.Add(time.Hour)
			r.entitle(func(e *entitlements.Entitlement) { e.AccessUntil = end })
			r.now = end.Add(-time.Microsecond)
			r.allows(r.check(calls), entitlements.ReasonAllowed)
			r.now = end
			r.refuses(r.check(calls), entitlements.ReasonCanceled)
		},
	},
	{
		"a_trial_has_its_own_allowances",
		"While the tenant trials, the trial's limits stand in the place of the plan's.",
		func(r *rig) {
			r.on(team)
			end := r.now.Add(240 * time.Hour)
			r.entitle(func(e *entitlements.Entitlement) {
				e.Status, e.TrialEndsAt, e.TrialUsed = entitlements.Trialing, end, true
			})
			d := r.consume(calls, 5)
			r.says(d, answer{entitlements.ReasonAllowed, 5, 0, 0})
			equal(r.t, "the source", d.Source, entitlements.FromTrial)
			r.refuses(r.consume(calls, 1), entitlements.ReasonLimitReached)
			d = r.consume(exports, 10)
			r.says(d, answer{entitlements.ReasonAllowed, 10, 0, 40})
			equal(r.t, "the source of what has no trial limit", d.Source, entitlements.FromPlan)
			r.now = end
			r.refuses(r.check(calls), entitlements.ReasonTrialEnded)
			r.entitle(func(e *entitlements.Entitlement) { e.Status = entitlements.Active })
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 5, 0, 95})
		},
	},
	{
		"what_follows_a_trial_follows_by_itself",
		"A trial with a fallback goes over to that plan at its end; no job is needed.",
		func(r *rig) {
			r.on(team)
			v, end := r.versions(), r.now.Add(240*time.Hour)
			fallback, _ := v.Plan(free, 0)
			r.entitle(func(e *entitlements.Entitlement) {
				e.Status, e.TrialEndsAt, e.TrialUsed = entitlements.Trialing, end, true
				e.Next = &entitlements.Next{At: end, Plan: free, Version: fallback.Version}
			})
			r.consume(calls, 2)
			r.now = end.Add(-time.Microsecond)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 2, 0, 3})
			r.now = end
			d := r.consume(calls, 1)
			r.says(d, answer{entitlements.ReasonAllowed, 3, 0, 0})
			equal(r.t, "the plan", d.Plan, free)
			r.refuses(r.check(exports), entitlements.ReasonNotInPlan)
		},
	},
	{
		"what_is_refused_by_status_is_still_recorded",
		"Record and Correct ask for no right: what happened is counted, and what was counted can be taken back.",
		func(r *rig) {
			r.on(basic)
			r.do(r.op(entitlements.OpConsume, keyed(calls, 2, "k")))
			r.entitle(func(e *entitlements.Entitlement) { e.Status = entitlements.Paused })
			r.record(calls, 5, r.now)
			r.correct("k")
			r.refuses(r.consume(calls, 1), entitlements.ReasonSuspended)
			r.entitle(func(e *entitlements.Entitlement) { e.Status = entitlements.Active })
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 5, 0, 5})
		},
	},
}}

var planRules = group{"plans", []rule{
	{
		"an_upgrade_keeps_what_was_used",
		"A change of plan changes no balance.",
		func(r *rig) {
			r.on(basic)
			r.consume(calls, 8)
			r.refuses(r.consume(calls, 5), entitlements.ReasonLimitReached)
			r.move(team)
			r.says(r.consume(calls, 5), answer{entitlements.ReasonAllowed, 13, 0, 87})
			r.move(big)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 13, 0, entitlements.Unlimited})
		},
	},
	{
		"a_downgrade_below_what_was_used_refuses_more",
		"Use above the limit of a smaller plan stays used, and nothing more fits.",
		func(r *rig) {
			r.on(team)
			r.consume(calls, 50)
			r.move(basic)
			r.says(r.consume(calls, 1), answer{entitlements.ReasonLimitReached, 50, 0, 0})
			r.now = started.AddDate(0, 1, 0)
			r.says(r.consume(calls, 1), answer{entitlements.ReasonAllowed, 1, 0, 9})
		},
	},
	{
		"a_planned_downgrade_acts_without_a_job",
		"What is planned acts at its instant, by reading alone.",
		func(r *rig) {
			r.on(team)
			r.plan(basic, started.AddDate(0, 1, 0))
			r.consume(calls, 50)
			r.now = started.AddDate(0, 1, 0).Add(-time.Microsecond)
			equal(r.t, "the plan before", r.check(calls).Plan, team)
			r.later(time.Microsecond)
			d := r.consume(calls, 7)
			equal(r.t, "the plan after", d.Plan, basic)
			r.says(d, answer{entitlements.ReasonOverSoft, 7, 0, 3})
			r.refuses(r.check(sso), entitlements.ReasonNotInPlan)
		},
	},
	{
		"a_planned_change_that_is_due_is_there_to_edit",
		"An edit sees the rights as of now: what was due has been carried out.",
		func(r *rig) {
			r.on(team)
			at := started.AddDate(0, 1, 0)
			r.plan(basic, at)
			r.now = at
			r.entitle(func(e *entitlements.Entitlement) {
				equal(r.t, "the plan to edit", e.Plan, basic)
				equal(r.t, "nothing more is planned", e.Next == nil, true)
			})
			equal(r.t, "the plan", r.check(calls).Plan, basic)
		},
	},
	{
		"a_planned_change_can_be_dropped",
		"What was planned and taken back does not act.",
		func(r *rig) {
			r.on(team)
			r.plan(basic, started.AddDate(0, 1, 0))
			r.consume(calls, 20)
			r.entitle(func(e *entitlements.Entitlement) { e.Next = nil })
			r.now = started.AddDate(0, 1, 1)
			d := r.consume(calls, 50)
			equal(r.t, "the plan", d.Plan, team)
			r.says(d, answer{entitlements.ReasonAllowed, 50, 0, 50})
		},
	},
}}

// plan plans a change of plan.
func (r *rig) plan(id string, at time.Time) {
	r.t.Helper()
	r.change(func(rights *entitlements.Rights, v *entitlements.Versions) {
		p, _ := v.Plan(id, 0)
		rights.Entitlement.Next = &entitlements.Next{At: at, Plan: id, Version: p.Version}
	})
}
