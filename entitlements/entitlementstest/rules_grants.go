package entitlementstest

import (
	"time"

	"github.com/transbotai/tenon/entitlements"
)

var grantRules = group{"grants", []rule{
	{
		"a_grant_burns_when_the_allowance_is_used_up",
		"Grants are usable on top of the plan's allowance, which goes first.",
		func(r *rig) {
			r.on(basic)
			g := r.grant(entitlements.Grant{Feature: calls, Amount: 5})
			r.says(r.consume(calls, 9), answer{entitlements.ReasonOverSoft, 9, 0, 6})
			r.drew(g, 0, 0)
			d := r.consume(calls, 3)
			r.says(d, answer{entitlements.ReasonOverSoft, 12, 0, 3})
			equal(r.t, "the source", d.Source, entitlements.FromGrant)
			r.drew(g, 2, 0)
			r.says(r.consume(calls, 4), answer{entitlements.ReasonLimitReached, 12, 0, 3})
			r.says(r.consume(calls, 3), answer{entitlements.ReasonOverSoft, 15, 0, 0})
			r.drew(g, 5, 0)
			r.refuses(r.consume(calls, 1), entitlements.ReasonLimitReached)
		},
	},
	{
		"grants_burn_by_priority_then_expiry_then_age",
		"Grants burn in the order priority, earliest expiry, oldest; one without an expiry comes last.",
		func(r *rig) {
			r.on(basic)
			soon, late := r.now.Add(24*time.Hour), r.now.Add(48*time.Hour)
			var ids []string
			for _, g := range []entitlements.Grant{
				{Priority: 2, ExpiresAt: soon},
				{Priority: 1},
				{Priority: 1, ExpiresAt: late},
				{Priority: 1, ExpiresAt: soon},
				{Priority: 1, ExpiresAt: soon},
				{Priority: -1},
			} {
				g.Feature, g.Amount = credits, 10
				ids = append(ids, r.grant(g))
				r.later(time.Second)
			}
			for _, at := range []int{5, 3, 4, 2, 1, 0} {
				r.consume(credits, 4)
				r.drew(ids[at], 4, 0)
				r.consume(credits, 6)
				r.drew(ids[at], 10, 0)
			}
			r.refuses(r.consume(credits, 1), entitlements.ReasonLimitReached)
		},
	},
	{
		"one_use_may_draw_from_several_grants",
		"A use that one grant does not cover goes on with the next.",
		func(r *rig) {
			r.on(basic)
			first := r.grant(entitlements.Grant{Feature: credits, Amount: 3, Priority: 1})
			second := r.grant(entitlements.Grant{Feature: credits, Amount: 3, Priority: 2})
			r.says(r.consume(credits, 5), answer{entitlements.ReasonAllowed, 5, 0, 1})
			r.drew(first, 3, 0)
			r.drew(second, 2, 0)
		},
	},
	{
		"a_grant_counts_from_its_start_to_its_end",
		"A grant can be drawn from while effective ≤ t < expires.",
		func(r *rig) {
			r.on(basic)
			from, to := r.now.Add(time.Hour), r.now.Add(2*time.Hour)
			r.grant(entitlements.Grant{Feature: credits, Amount: 10, EffectiveAt: from, ExpiresAt: to})
			r.now = from.Add(-time.Microsecond)
			r.refuses(r.consume(credits, 1), entitlements.ReasonNotInPlan)
			r.now = from
			r.says(r.consume(credits, 1), answer{entitlements.ReasonAllowed, 1, 0, 9})
			r.now = to.Add(-time.Microsecond)
			r.says(r.consume(credits, 1), answer{entitlements.ReasonAllowed, 2, 0, 8})
			r.now = to
			r.refuses(r.consume(credits, 1), entitlements.ReasonNotInPlan)
		},
	},
	{
		"a_voided_grant_gives_nothing_more",
		"What was used of a voided grant stays used and stays the grant's; the rest is gone.",
		func(r *rig) {
			r.on(basic)
			g := r.grant(entitlements.Grant{Feature: calls, Amount: 5})
			r.consume(calls, 12)
			r.change(func(rights *entitlements.Rights, _ *entitlements.Versions) { rights.Grants[0].VoidedAt = r.now })
			r.says(r.consume(calls, 1), answer{entitlements.ReasonLimitReached, 12, 0, 0})
			r.drew(g, 2, 0)
		},
	},
	{
		"a_grant_stands_alone",
		"A live grant gives a feature that the plan lacks, as far as it goes.",
		func(r *rig) {
			r.on(basic)
			r.refuses(r.check(credits), entitlements.ReasonNotInPlan)
			r.grant(entitlements.Grant{Feature: credits, Amount: 4})
			d := r.consume(credits, 4)
			r.says(d, answer{entitlements.ReasonAllowed, 4, 0, 0})
			equal(r.t, "the source", d.Source, entitlements.FromGrant)
			r.refuses(r.consume(credits, 1), entitlements.ReasonLimitReached)
		},
	},
	{
		"a_grant_that_is_used_up_is_a_limit_reached",
		"While a grant lives the tenant has the feature, used up or not: the answer says so afresh as well as from what is kept.",
		func(r *rig) {
			r.on(basic)
			g := r.grant(entitlements.Grant{Feature: credits, Amount: 4, ExpiresAt: r.now.Add(time.Hour)})
			r.consume(credits, 4)
			r.refuses(r.consume(credits, 1), entitlements.ReasonLimitReached)
			r.entitle(func(e *entitlements.Entitlement) { e.Customer = "cus_1" })
			r.says(r.consume(credits, 1), answer{entitlements.ReasonLimitReached, 4, 0, 0})
			equal(r.t, "the grant's use in the view", r.granted(g).Used, 4)
			r.later(time.Hour)
			r.refuses(r.consume(credits, 1), entitlements.ReasonNotInPlan)
		},
	},
	{
		"a_grant_gives_a_boolean_feature",
		"A boolean feature is granted while a grant of it lives.",
		func(r *rig) {
			r.on(basic)
			end := r.now.Add(time.Hour)
			r.grant(entitlements.Grant{Feature: preview, Amount: 1, ExpiresAt: end})
			r.allows(r.check(preview), entitlements.ReasonAllowed)
			r.now = end
			r.refuses(r.check(preview), entitlements.ReasonNotInPlan)
		},
	},
	{
		"a_grant_raises_a_gauge_while_it_lasts",
		"Nothing is drawn from the grant of a gauge: it raises the limit, and what is in use at its end stays in use.",
		func(r *rig) {
			r.on(basic)
			end := r.now.Add(time.Hour)
			g := r.grant(entitlements.Grant{Feature: seats, Amount: 2, ExpiresAt: end})
			d := r.consume(seats, 7)
			r.says(d, answer{entitlements.ReasonOverSoft, 7, 0, 0})
			equal(r.t, "the hard limit", d.Hard, 7)
			r.drew(g, 0, 0)
			r.now = end
			r.says(r.consume(seats, 1), answer{entitlements.ReasonLimitReached, 7, 0, 0})
			r.do(r.op(entitlements.OpReturn, use(seats, 3)))
			r.says(r.consume(seats, 1), answer{entitlements.ReasonOverSoft, 5, 0, 0})
		},
	},
	{
		"grants_burn_before_overage",
		"The order is the plan's allowance, grants, overage.",
		func(r *rig) {
			r.on(basic)
			g := r.grant(entitlements.Grant{Feature: exports, Amount: 3})
			r.says(r.consume(exports, 12), answer{entitlements.ReasonAllowed, 12, 0, 1})
			r.drew(g, 2, 0)
			r.says(r.consume(exports, 4), answer{entitlements.ReasonOverage, 16, 0, 0})
			r.drew(g, 3, 0)
			r.says(r.consume(exports, 3), answer{entitlements.ReasonLimitReached, 16, 0, 0})
			r.says(r.consume(exports, 2), answer{entitlements.ReasonOverage, 18, 0, 0})
		},
	},
	{
		"a_grant_outlives_a_period",
		"What a grant has left carries over; the plan's allowance starts again.",
		func(r *rig) {
			r.on(basic)
			g := r.grant(entitlements.Grant{Feature: calls, Amount: 5})
			r.consume(calls, 12)
			r.now = started.AddDate(0, 1, 0)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 0, 0, 13})
			r.says(r.consume(calls, 11), answer{entitlements.ReasonOverSoft, 11, 0, 2})
			r.drew(g, 3, 0)
		},
	},
	{
		"a_grant_serves_an_unlimited_feature_nothing",
		"Where the plan includes everything, no grant is drawn from.",
		func(r *rig) {
			r.on(big)
			g := r.grant(entitlements.Grant{Feature: calls, Amount: 5})
			r.says(r.consume(calls, 5000), answer{entitlements.ReasonAllowed, 5000, 0, entitlements.Unlimited})
			r.drew(g, 0, 0)
		},
	},
	{
		"an_upgrade_leaves_the_units_of_grants_drawn",
		"Use that was drawn from a grant does not count against the plan's allowance, also not after an upgrade.",
		func(r *rig) {
			r.on(basic)
			g := r.grant(entitlements.Grant{Feature: calls, Amount: 5})
			r.consume(calls, 13)
			r.move(team)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 13, 0, 92})
			r.drew(g, 3, 0)
		},
	},
}}
