package entitlementstest

import (
	"time"

	"github.com/transbotai/tenon/entitlements"
)

func number(n int64) *int64 { return &n }

func text(s string) *string { return &s }

var overrideRules = group{"overrides", []rule{
	{
		"an_override_is_sparse",
		"What an override leaves open stays as the plan has it.",
		func(r *rig) {
			r.on(basic)
			r.override(entitlements.Override{Feature: calls, Period: entitlements.Monthly, Hard: number(20)})
			d := r.consume(calls, 12)
			r.says(d, answer{entitlements.ReasonOverSoft, 12, 0, 8})
			equal(r.t, "the soft limit", d.Soft, 6)
			equal(r.t, "the source", d.Source, entitlements.FromOverride)
			r.override(entitlements.Override{Feature: calls, Period: entitlements.Monthly, Overage: number(3)})
			r.says(r.consume(calls, 1), answer{entitlements.ReasonOverage, 13, 0, 0})
			r.says(r.consume(calls, 1), answer{entitlements.ReasonLimitReached, 13, 0, 0})
		},
	},
	{
		"an_override_ends_by_itself",
		"ExpiresAt is the first instant at which the plan's value counts again.",
		func(r *rig) {
			r.on(basic)
			end := r.now.Add(time.Hour)
			r.override(entitlements.Override{Feature: calls, Period: entitlements.Monthly, Hard: number(20), ExpiresAt: end})
			r.consume(calls, 10)
			r.now = end.Add(-time.Microsecond)
			r.says(r.consume(calls, 1), answer{entitlements.ReasonOverSoft, 11, 0, 9})
			r.now = end
			r.says(r.consume(calls, 1), answer{entitlements.ReasonLimitReached, 11, 0, 0})
		},
	},
	{
		"an_override_may_lower_a_limit",
		"A hard limit below what was used refuses more and takes nothing back.",
		func(r *rig) {
			r.on(basic)
			r.consume(calls, 5)
			r.override(entitlements.Override{Feature: calls, Period: entitlements.Monthly, Hard: number(3)})
			r.says(r.consume(calls, 1), answer{entitlements.ReasonLimitReached, 5, 0, 0})
			r.change(func(rights *entitlements.Rights, _ *entitlements.Versions) { rights.Overrides = nil })
			r.says(r.consume(calls, 1), answer{entitlements.ReasonOverSoft, 6, 0, 4})
		},
	},
	{
		"an_override_may_be_without_a_limit",
		"Unlimited by override counts what is used.",
		func(r *rig) {
			r.on(basic)
			r.override(entitlements.Override{Feature: calls, Period: entitlements.Monthly, Hard: number(entitlements.Unlimited)})
			r.says(r.consume(calls, 5000), answer{entitlements.ReasonOverSoft, 5000, 0, entitlements.Unlimited})
		},
	},
	{
		"an_override_grants_what_the_plan_lacks",
		"An override with a hard limit gives a feature that the plan does not have, of any kind.",
		func(r *rig) {
			r.on(basic)
			r.override(entitlements.Override{Feature: sso, Hard: number(1)})
			r.override(entitlements.Override{Feature: credits, Period: entitlements.Monthly, Hard: number(2)})
			r.override(entitlements.Override{Feature: retention, Value: text("365")})
			r.allows(r.check(sso), entitlements.ReasonAllowed)
			r.says(r.consume(credits, 2), answer{entitlements.ReasonAllowed, 2, 0, 0})
			equal(r.t, "the value", r.check(retention).Value, "365")
		},
	},
	{
		"an_override_takes_a_boolean_away",
		"A hard limit of 0 takes a boolean feature away.",
		func(r *rig) {
			r.on(team)
			r.override(entitlements.Override{Feature: sso, Hard: number(0)})
			r.refuses(r.check(sso), entitlements.ReasonNotInPlan)
		},
	},
	{
		"an_override_without_a_hard_limit_grants_nothing",
		"What patches a limit is of no effect where the plan has none.",
		func(r *rig) {
			r.on(basic)
			r.override(entitlements.Override{Feature: mixed, Period: entitlements.Monthly, Soft: number(5), Overage: number(500)})
			r.says(r.consume(mixed, 250), answer{entitlements.ReasonOverage, 250, 0, 0})
			r.move(team)
			r.refuses(r.check(mixed), entitlements.ReasonNotInPlan)
			r.move(basic)
			r.says(r.check(mixed), answer{entitlements.ReasonOverage, 250, 0, 0})
		},
	},
	{
		"an_override_is_of_one_period",
		"Of a feature with several windows, an override patches the one that it names.",
		func(r *rig) {
			r.on(basic)
			r.override(entitlements.Override{Feature: tasks, Period: entitlements.Weekly, Hard: number(6)})
			r.consume(tasks, 5)
			r.later(5 * time.Hour)
			r.says(r.consume(tasks, 2), answer{entitlements.ReasonLimitReached, 5, 0, 1})
			r.says(r.consume(tasks, 1), answer{entitlements.ReasonAllowed, 6, 0, 0})
		},
	},
}}

var addOnRules = group{"add-ons", []rule{
	{
		"an_add_on_adds_to_the_plan_as_often_as_it_is_had",
		"The limits of an add-on are added, quantity times, to the plan's of the same period.",
		func(r *rig) {
			r.on(basic)
			r.consume(calls, 10)
			r.refuses(r.consume(calls, 1), entitlements.ReasonLimitReached)
			r.attach(pack, 3)
			d := r.consume(calls, 25)
			r.says(d, answer{entitlements.ReasonOverSoft, 35, 0, 5})
			equal(r.t, "the hard limit", d.Hard, 40)
			equal(r.t, "the source", d.Source, entitlements.FromAddOn)
		},
	},
	{
		"an_add_on_brings_what_it_includes",
		"What an add-on includes comes with it, as often.",
		func(r *rig) {
			r.on(basic)
			r.attach(bundle, 2)
			r.allows(r.check(sso), entitlements.ReasonAllowed)
			r.says(r.consume(calls, 30), answer{entitlements.ReasonOverSoft, 30, 0, 0})
			r.says(r.consume(seats, 9), answer{entitlements.ReasonOverSoft, 9, 0, 0})
		},
	},
	{
		"a_detached_add_on_takes_its_limits_along",
		"What was used stays used when an add-on goes.",
		func(r *rig) {
			r.on(basic)
			r.attach(pack, 1)
			r.consume(calls, 15)
			r.change(func(rights *entitlements.Rights, _ *entitlements.Versions) { rights.AddOns = nil })
			r.says(r.consume(calls, 1), answer{entitlements.ReasonLimitReached, 15, 0, 0})
		},
	},
	{
		"unlimited_and_more_is_unlimited",
		"Adding to an unlimited limit leaves it unlimited.",
		func(r *rig) {
			r.on(big)
			r.attach(pack, 2)
			r.says(r.consume(calls, 500), answer{entitlements.ReasonAllowed, 500, 0, entitlements.Unlimited})
		},
	},
	{
		"an_override_stands_above_add_ons",
		"An override patches what plan and add-ons make together.",
		func(r *rig) {
			r.on(basic)
			r.attach(pack, 1)
			r.override(entitlements.Override{Feature: calls, Period: entitlements.Monthly, Hard: number(12)})
			r.says(r.consume(calls, 13), answer{entitlements.ReasonLimitReached, 0, 0, 12})
		},
	},
}}
