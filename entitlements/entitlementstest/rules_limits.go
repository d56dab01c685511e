package entitlementstest

import (
	"time"

	"github.com/transbotai/tenon/entitlements"
)

var limitRules = group{"limits", []rule{
	{
		"uses_of_several_features_in_one_call_are_decided_each_by_itself",
		"Of uses in one call a refused one keeps no other from counting, and each counts for its own feature.",
		func(r *rig) {
			r.on(basic)
			o := r.settle(
				r.op(entitlements.OpConsume, use(calls, 2)), r.op(entitlements.OpConsume, use(exports, 16)),
				r.op(entitlements.OpConsume, use(calls, 3)),
			)
			r.allows(o[0].Decision, entitlements.ReasonAllowed)
			r.refuses(o[1].Decision, entitlements.ReasonLimitReached)
			r.says(o[2].Decision, answer{entitlements.ReasonAllowed, 5, 0, 5})
			r.says(r.check(exports), answer{entitlements.ReasonAllowed, 0, 0, 10})
			o = r.settle(r.op(entitlements.OpConsume, use(exports, 10)), r.op(entitlements.OpConsume, use(calls, 1)))
			r.allows(o[0].Decision, entitlements.ReasonAllowed)
			r.says(o[1].Decision, answer{entitlements.ReasonOverSoft, 6, 0, 4})
			r.refuses(r.consume(exports, 6), entitlements.ReasonLimitReached)
		},
	},
	{
		"hard_denies_all_or_nothing",
		"A use that does not fit whole is refused and counts nothing; one that fits exactly is allowed.",
		func(r *rig) {
			r.on(basic)
			r.says(r.consume(calls, 8), answer{entitlements.ReasonOverSoft, 8, 0, 2})
			r.says(r.consume(calls, 3), answer{entitlements.ReasonLimitReached, 8, 0, 2})
			r.says(r.consume(calls, 2), answer{entitlements.ReasonOverSoft, 10, 0, 0})
			r.says(r.consume(calls, 1), answer{entitlements.ReasonLimitReached, 10, 0, 0})
			equal(r.t, "the counter", r.counter(calls, entitlements.Monthly).Used, 10)
		},
	},
	{
		"a_refused_first_use_leaves_nothing",
		"A refusal writes nothing, also where nothing was before.",
		func(r *rig) {
			r.on(basic)
			r.says(r.consume(calls, 11), answer{entitlements.ReasonLimitReached, 0, 0, 10})
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 0, 0, 10})
		},
	},
	{
		"soft_allows_and_says_so",
		"At and past the soft limit use is allowed, and the reason says over_soft.",
		func(r *rig) {
			r.on(basic)
			r.allows(r.consume(calls, 5), entitlements.ReasonAllowed)
			r.allows(r.check(calls), entitlements.ReasonAllowed)
			r.allows(r.consume(calls, 1), entitlements.ReasonOverSoft)
			r.allows(r.check(calls), entitlements.ReasonOverSoft)
		},
	},
	{
		"overage_goes_on_up_to_its_cap",
		"Past the hard limit overage is allowed up to its cap, said to be overage, and not counted as remaining.",
		func(r *rig) {
			r.on(basic)
			r.says(r.consume(exports, 10), answer{entitlements.ReasonAllowed, 10, 0, 0})
			r.allows(r.check(exports), entitlements.ReasonOverage)
			r.says(r.consume(exports, 2), answer{entitlements.ReasonOverage, 12, 0, 0})
			r.says(r.consume(exports, 4), answer{entitlements.ReasonLimitReached, 12, 0, 0})
			r.says(r.consume(exports, 3), answer{entitlements.ReasonOverage, 15, 0, 0})
			r.refuses(r.check(exports), entitlements.ReasonLimitReached)
		},
	},
	{
		"one_use_may_straddle_the_hard_limit",
		"A use that is covered partly by the plan and partly by overage is one overage.",
		func(r *rig) {
			r.on(basic)
			r.says(r.consume(exports, 15), answer{entitlements.ReasonOverage, 15, 0, 0})
		},
	},
	{
		"overage_without_a_cap_never_refuses",
		"Overage that is unlimited has no end, and is still counted.",
		func(r *rig) {
			r.on(basic)
			r.says(r.consume(messages, 1_000_000), answer{entitlements.ReasonOverage, 1_000_000, 0, 0})
			r.says(r.consume(messages, entitlements.MaxQuantity), answer{entitlements.ReasonOverage, entitlements.MaxQuantity + 1_000_000, 0, 0})
		},
	},
	{
		"unlimited_counts_what_is_really_used",
		"Unlimited is a state of its own, -1, with real usage and a soft limit if one is set.",
		func(r *rig) {
			r.on(basic)
			d := r.consume(storage, 3)
			r.says(d, answer{entitlements.ReasonAllowed, 3, 0, entitlements.Unlimited})
			equal(r.t, "the hard limit", d.Hard, entitlements.Unlimited)
			r.says(r.consume(storage, 1_000_000), answer{entitlements.ReasonOverSoft, 1_000_003, 0, entitlements.Unlimited})
			equal(r.t, "the counter", r.counter(storage, entitlements.Monthly).Used, 1_000_003)
		},
	},
	{
		"a_lifetime_never_starts_again",
		"A limit without a period counts for ever.",
		func(r *rig) {
			r.on(basic)
			r.consume(minutes, 4)
			r.later(40 * 365 * 24 * time.Hour)
			d := r.consume(minutes, 1)
			r.says(d, answer{entitlements.ReasonLimitReached, 4, 0, 0})
			sameTime(r.t, "the end of the period", d.ResetsAt, time.Time{})
		},
	},
	{
		"quantity_zero_only_checks",
		"A use of 0 is a check: it writes nothing, and leaves its key free.",
		func(r *rig) {
			r.on(basic)
			r.do(r.op(entitlements.OpConsume, keyed(calls, 0, "k")))
			d := r.do(r.op(entitlements.OpConsume, keyed(calls, 4, "k"))).Decision
			r.says(d, answer{entitlements.ReasonAllowed, 4, 0, 6})
			equal(r.t, "Replayed", d.Replayed, false)
		},
	},
	{
		"a_decision_says_where_it_comes_from",
		"A Decision names the feature, the plan, its version, the limits, the source and when the period ends.",
		func(r *rig) {
			r.on(basic)
			d := r.consume(calls, 1)
			equal(r.t, "the feature", d.Feature, calls)
			equal(r.t, "the plan", d.Plan, basic)
			equal(r.t, "the version", d.PlanVersion > 0, true)
			equal(r.t, "the hard limit", d.Hard, 10)
			equal(r.t, "the soft limit", d.Soft, 6)
			equal(r.t, "the source", d.Source, entitlements.FromPlan)
			equal(r.t, "the age", d.Age, 0)
			sameTime(r.t, "the end of the period", d.ResetsAt, started.AddDate(0, 1, 0))
		},
	},
	{
		"an_outcome_says_what_a_check_would_say_next",
		"Outcome.After is what a check right after answers.",
		func(r *rig) {
			r.on(basic)
			for _, n := range []int64{5, 1, 4, 1} {
				o := r.do(r.op(entitlements.OpConsume, use(calls, n)))
				next := r.check(calls)
				r.says(o.After, answer{next.Reason, next.Used, next.Held, next.Remaining})
			}
		},
	},
	{
		"the_order_of_one_call_decides",
		"Operations of one tenant and feature in one call are decided in their order, and one that is refused fails no other.",
		func(r *rig) {
			r.on(basic)
			var ops []entitlements.Op
			for _, n := range []int64{6, 5, 3, 2, 1} {
				ops = append(ops, r.op(entitlements.OpConsume, use(calls, n)))
			}
			ops = append(ops, r.op(entitlements.OpConsume, use(sso, 1)), r.op(entitlements.OpConsume, use(exports, 1)))
			o := r.settle(ops...)
			r.says(o[0].Decision, answer{entitlements.ReasonOverSoft, 6, 0, 4})
			r.says(o[1].Decision, answer{entitlements.ReasonLimitReached, 6, 0, 4})
			r.says(o[2].Decision, answer{entitlements.ReasonOverSoft, 9, 0, 1})
			r.refuses(o[3].Decision, entitlements.ReasonLimitReached)
			r.says(o[4].Decision, answer{entitlements.ReasonOverSoft, 10, 0, 0})
			r.refuses(o[5].Decision, entitlements.ReasonNotInPlan)
			r.says(o[6].Decision, answer{entitlements.ReasonAllowed, 1, 0, 9})
		},
	},
}}

var windowRules = group{"windows", []rule{
	{
		"all_windows_bind_at_once",
		"With 5 in 5 hours and 12 in a week, the window with the least left decides and is the one described.",
		func(r *rig) {
			r.on(basic)
			week := started.AddDate(0, 0, 14)
			d := r.consume(tasks, 5)
			r.says(d, answer{entitlements.ReasonAllowed, 5, 0, 0})
			equal(r.t, "the limit that binds", d.Hard, 5)
			r.refuses(r.consume(tasks, 1), entitlements.ReasonLimitReached)
			r.later(5 * time.Hour)
			r.says(r.consume(tasks, 5), answer{entitlements.ReasonAllowed, 5, 0, 0})
			r.later(5 * time.Hour)
			d = r.consume(tasks, 3)
			r.says(d, answer{entitlements.ReasonLimitReached, 10, 0, 2})
			equal(r.t, "the limit that binds", d.Hard, 12)
			sameTime(r.t, "the end of the week", d.ResetsAt, week)
			r.says(r.consume(tasks, 2), answer{entitlements.ReasonAllowed, 12, 0, 0})
			r.now = week
			r.says(r.consume(tasks, 4), answer{entitlements.ReasonAllowed, 4, 0, 1})
		},
	},
	{
		"a_refusal_by_one_window_counts_in_none",
		"What one window refuses is counted in no other.",
		func(r *rig) {
			r.on(basic)
			r.consume(tasks, 4)
			r.refuses(r.consume(tasks, 2), entitlements.ReasonLimitReached)
			equal(r.t, "the week", r.counter(tasks, entitlements.Weekly).Used, 4)
			equal(r.t, "the 5 hours", r.counter(tasks, entitlements.Every(5, entitlements.Hour)).Used, 4)
		},
	},
	{
		"a_hold_counts_in_every_window",
		"A hold counts against every window that holds the instant at which it was made.",
		func(r *rig) {
			r.on(basic)
			h := r.reserve(tasks, 5, 24*time.Hour)
			r.refuses(r.consume(tasks, 1), entitlements.ReasonLimitReached)
			r.later(5 * time.Hour)
			r.says(r.consume(tasks, 5), answer{entitlements.ReasonAllowed, 5, 0, 0})
			r.later(5 * time.Hour)
			r.says(r.consume(tasks, 3), answer{entitlements.ReasonLimitReached, 5, 5, 2})
			r.commit(h, 4)
			r.says(r.consume(tasks, 3), answer{entitlements.ReasonAllowed, 12, 0, 0})
		},
	},
	{
		"a_plan_with_other_windows_counts_from_the_events",
		"A window that the tenant had no counter for starts with what was used in it before.",
		func(r *rig) {
			r.on(basic)
			r.consume(tasks, 5)
			r.later(5 * time.Hour)
			r.consume(tasks, 5)
			r.change(func(rights *entitlements.Rights, _ *entitlements.Versions) {
				eleven := int64(11)
				rights.Overrides = append(rights.Overrides, entitlements.Override{
					Feature: tasks, Period: entitlements.Daily, Hard: &eleven, Reason: "a new window", CreatedAt: r.now,
				})
			})
			r.later(5 * time.Hour)
			r.says(r.consume(tasks, 2), answer{entitlements.ReasonLimitReached, 10, 0, 1})
			r.says(r.consume(tasks, 1), answer{entitlements.ReasonAllowed, 11, 0, 0})
		},
	},
}}
