package entitlementstest

import (
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

var kindRules = group{"kinds", []rule{
	{
		"a_boolean_feature_is_in_the_plan_or_not",
		"A boolean feature is granted when its limit is not 0, and there is nothing to count.",
		func(r *rig) {
			r.on(team)
			r.allows(r.check(sso), entitlements.ReasonAllowed)
			r.faults(r.op(entitlements.OpConsume, use(sso, 1)), "feature")
			r.faults(r.op(entitlements.OpRecord, use(sso, 1)), "feature")
			r.move(basic)
			r.refuses(r.check(sso), entitlements.ReasonNotInPlan)
			r.refuses(r.check(preview), entitlements.ReasonNotInPlan)
		},
	},
	{
		"a_config_feature_has_the_value_of_the_plan",
		"The value of a config feature stands in the Decision, and there is nothing to count.",
		func(r *rig) {
			r.on(basic)
			d := r.check(retention)
			r.allows(d, entitlements.ReasonAllowed)
			equal(r.t, "the value", d.Value, "30")
			r.move(team)
			equal(r.t, "the value on the next plan", r.check(retention).Value, "90")
			r.faults(r.op(entitlements.OpConsume, use(retention, 1)), "feature")
		},
	},
	{
		"a_metered_feature_is_consumed_and_not_given_back",
		"Return is for gauges alone.",
		func(r *rig) {
			r.on(basic)
			r.says(r.consume(calls, 2), answer{entitlements.ReasonAllowed, 2, 0, 8})
			r.faults(r.op(entitlements.OpReturn, use(calls, 1)), "feature")
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 2, 0, 8})
		},
	},
	{
		"a_gauge_counts_what_is_there_now",
		"Consume adds to a gauge, Return takes away, and nothing resets.",
		func(r *rig) {
			r.on(basic)
			r.says(r.consume(seats, 5), answer{entitlements.ReasonOverSoft, 5, 0, 0})
			r.refuses(r.consume(seats, 1), entitlements.ReasonLimitReached)
			r.says(r.do(r.op(entitlements.OpReturn, use(seats, 3))).Decision, answer{entitlements.ReasonAllowed, 2, 0, 3})
			r.later(3 * 365 * 24 * time.Hour)
			d := r.consume(seats, 1)
			r.says(d, answer{entitlements.ReasonOverSoft, 3, 0, 2})
			sameTime(r.t, "the end of the period", d.ResetsAt, time.Time{})
		},
	},
	{
		"a_gauge_gives_back_no_more_than_is_in_use",
		"Taking away more than is in use is invalid and changes nothing.",
		func(r *rig) {
			r.on(basic)
			r.consume(seats, 2)
			r.faults(r.op(entitlements.OpReturn, use(seats, 3)), "quantity")
			r.says(r.check(seats), answer{entitlements.ReasonAllowed, 2, 0, 3})
		},
	},
	{
		"nothing_in_use_gives_nothing_back",
		"The same holds while the plan refuses: a count of things never falls below 0.",
		func(r *rig) {
			r.on(free)
			r.faults(r.op(entitlements.OpReturn, use(seats, 1)), "quantity")
			r.record(seats, 2, r.now)
			r.faults(r.op(entitlements.OpReturn, use(seats, 3)), "quantity")
			r.move(basic)
			r.says(r.check(seats), answer{entitlements.ReasonAllowed, 2, 0, 3})
		},
	},
	{
		"a_return_is_answered_though_the_plan_refuses",
		"What is in use can be given back whatever the plan says: over its limit, and without one.",
		func(r *rig) {
			r.on(team)
			r.consume(seats, 9)
			r.move(basic)
			r.says(r.check(seats), answer{entitlements.ReasonLimitReached, 9, 0, 0})
			r.do(r.op(entitlements.OpReturn, use(seats, 5)))
			r.says(r.check(seats), answer{entitlements.ReasonOverSoft, 4, 0, 1})
			r.entitle(func(e *entitlements.Entitlement) { e.Status = entitlements.Paused })
			r.do(r.op(entitlements.OpReturn, use(seats, 3)))
			r.entitle(func(e *entitlements.Entitlement) { e.Status = entitlements.Active })
			r.says(r.check(seats), answer{entitlements.ReasonAllowed, 1, 0, 4})
		},
	},
	{
		"an_unknown_feature_is_refused",
		"No matching grant means denied: a feature that the catalogue lacks is refused and counts nothing.",
		func(r *rig) {
			r.on(basic)
			r.refuses(r.consume("no-such", 1), entitlements.ReasonUnknownFeature)
			r.fails(r.op(entitlements.OpRecord, use("no-such", 1)), tenon.ErrInvalid)
		},
	},
	{
		"a_tenant_without_a_plan_is_refused",
		"A tenant that nobody subscribed may use nothing.",
		func(r *rig) {
			r.refuses(r.consume(calls, 1), entitlements.ReasonNoPlan)
			r.refuses(r.check(sso), entitlements.ReasonNoPlan)
		},
	},
	{
		"a_feature_that_the_plan_lacks_is_refused",
		"A feature absent from the plan is denied, whatever its kind.",
		func(r *rig) {
			r.on(free)
			for _, f := range []string{sso, retention, exports, seats, credits} {
				r.refuses(r.check(f), entitlements.ReasonNotInPlan)
			}
			r.refuses(r.consume(exports, 1), entitlements.ReasonNotInPlan)
			r.refuses(r.do(r.reserveOp(use(exports, 1), time.Hour)).Decision, entitlements.ReasonNotInPlan)
		},
	},
}}
