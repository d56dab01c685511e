package entitlementstest

import (
	"time"

	"github.com/transbotai/tenon/entitlements"
)

var holdRules = group{"holds", []rule{
	{
		"a_hold_counts_against_the_limit",
		"What is held is not used, and nobody else may use it.",
		func(r *rig) {
			r.on(basic)
			o := r.do(r.reserveOp(use(calls, 7), time.Hour))
			r.says(o.Decision, answer{entitlements.ReasonAllowed, 0, 7, 3})
			equal(r.t, "the hold's quantity", o.Hold.Quantity, 7)
			equal(r.t, "the hold's feature", o.Hold.Feature, calls)
			equal(r.t, "the hold's tenant", o.Hold.Tenant, r.tenant)
			sameTime(r.t, "the hold's start", o.Hold.CreatedAt, r.now)
			sameTime(r.t, "the hold's expiry", o.Hold.ExpiresAt, r.now.Add(time.Hour))
			r.says(r.consume(calls, 4), answer{entitlements.ReasonLimitReached, 0, 7, 3})
			r.says(r.consume(calls, 3), answer{entitlements.ReasonAllowed, 3, 7, 0})
			refused := r.do(r.reserveOp(use(calls, 1), time.Hour))
			r.refuses(refused.Decision, entitlements.ReasonLimitReached)
			equal(r.t, "a refused hold's id", refused.Hold.ID, "")
		},
	},
	{
		"a_hold_expires_by_itself",
		"ExpiresAt is the first instant at which a hold counts no more; no job is needed.",
		func(r *rig) {
			r.on(basic)
			h := r.reserve(calls, 10, time.Hour)
			r.now = h.ExpiresAt.Add(-time.Microsecond)
			r.says(r.consume(calls, 1), answer{entitlements.ReasonLimitReached, 0, 10, 0})
			r.now = h.ExpiresAt
			r.says(r.consume(calls, 1), answer{entitlements.ReasonAllowed, 1, 0, 9})
		},
	},
	{
		"an_expired_hold_leaves_the_view",
		"A view that is loaded after a hold's expiry does not count it, though nobody consumed since.",
		func(r *rig) {
			r.on(basic)
			h := r.reserve(calls, 10, time.Hour)
			equal(r.t, "Held while it lives", r.counter(calls, entitlements.Monthly).Held, 10)
			r.now = h.ExpiresAt
			equal(r.t, "Held after its expiry", r.counter(calls, entitlements.Monthly).Held, 0)
		},
	},
	{
		"holds_are_listed_while_they_are_open",
		"Holds lists the open ones that have not expired, oldest first.",
		func(r *rig) {
			reporter, ok := r.reporter()
			if !ok {
				return
			}
			r.on(basic)
			first := r.reserve(calls, 1, time.Hour)
			r.later(time.Minute)
			second := r.reserve(calls, 2, time.Hour)
			r.later(time.Minute)
			third := r.reserve(calls, 3, time.Hour)
			r.reserve(exports, 3, time.Hour)
			r.release(second)
			open, err := reporter.Holds(r.ctx(), r.tenant, calls, r.now)
			if err != nil || len(open) != 2 || open[0].ID != first.ID || open[1].ID != third.ID {
				r.t.Fatalf("Holds: %v, %v; want %s and %s", open, err, first.ID, third.ID)
			}
			equal(r.t, "the state", open[0].State, entitlements.HoldOpen)
			open, err = reporter.Holds(r.ctx(), r.tenant, calls, first.ExpiresAt)
			if err != nil || len(open) != 1 || open[0].ID != third.ID {
				r.t.Fatalf("Holds after the expiry of one: %v, %v", open, err)
			}
		},
	},
	{
		"committing_less_gives_the_rest_back",
		"What a commit does not need is free at once.",
		func(r *rig) {
			r.on(basic)
			h := r.reserve(calls, 10, time.Hour)
			o := r.commit(h, 4)
			r.says(o.Decision, answer{entitlements.ReasonAllowed, 4, 0, 6})
			equal(r.t, "Ungated", o.Ungated, 0)
			r.says(r.consume(calls, 6), answer{entitlements.ReasonOverSoft, 10, 0, 0})
		},
	},
	{
		"committing_the_whole_succeeds_whatever_happened_since",
		"Up to the held quantity a commit always succeeds while the hold lives: after a downgrade, and while suspended.",
		func(r *rig) {
			r.on(team)
			h := r.reserve(calls, 50, time.Hour)
			r.move(basic)
			r.entitle(func(e *entitlements.Entitlement) { e.Status = entitlements.Paused })
			o := r.commit(h, 50)
			equal(r.t, "Ungated", o.Ungated, 0)
			equal(r.t, "Allowed", o.Decision.Allowed, true)
			r.entitle(func(e *entitlements.Entitlement) { e.Status = entitlements.Active })
			r.says(r.check(calls), answer{entitlements.ReasonLimitReached, 50, 0, 0})
		},
	},
	{
		"committing_nothing_uses_nothing",
		"A commit of 0 closes the hold.",
		func(r *rig) {
			r.on(basic)
			h := r.reserve(calls, 5, time.Hour)
			r.commit(h, 0)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 0, 0, 10})
			r.fails(r.holdOp(entitlements.OpRelease, h.ID, 0), entitlements.ErrHoldClosed)
		},
	},
	{
		"committing_more_is_guarded_again",
		"What exceeds a hold must fit; the part that does not is recorded and reported as ungated.",
		func(r *rig) {
			r.on(basic)
			first := r.reserve(calls, 4, time.Hour)
			o := r.commit(first, 6)
			equal(r.t, "Ungated while there is room", o.Ungated, 0)
			r.says(o.Decision, answer{entitlements.ReasonOverSoft, 6, 0, 4})
			second := r.reserve(calls, 2, time.Hour)
			o = r.commit(second, 7)
			equal(r.t, "Ungated", o.Ungated, 3)
			r.says(r.check(calls), answer{entitlements.ReasonLimitReached, 13, 0, 0})
		},
	},
	{
		"committing_after_expiry_is_guarded_again",
		"After expiry nothing is set aside any more: what fits is gated, the rest is ungated, and all of it is recorded.",
		func(r *rig) {
			r.on(basic)
			h := r.reserve(calls, 8, time.Hour)
			r.now = h.ExpiresAt
			r.consume(calls, 6)
			o := r.commit(h, 8)
			equal(r.t, "Ungated", o.Ungated, 4)
			r.says(r.check(calls), answer{entitlements.ReasonLimitReached, 14, 0, 0})
		},
	},
	{
		"what_is_beyond_a_hold_is_ungated_where_nothing_is_allowed",
		"A tenant that may use nothing still commits; what exceeds the hold is ungated whole.",
		func(r *rig) {
			r.on(basic)
			h := r.reserve(calls, 2, time.Hour)
			r.entitle(func(e *entitlements.Entitlement) { e.Status = entitlements.Canceled })
			equal(r.t, "Ungated", r.commit(h, 5).Ungated, 3)
			r.entitle(func(e *entitlements.Entitlement) { e.Status = entitlements.Active })
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 5, 0, 5})
		},
	},
	{
		"a_hold_belongs_to_the_period_in_which_it_was_made",
		"Held units count, and are committed, in the period of the hold; what exceeds them counts in the present one.",
		func(r *rig) {
			r.on(basic)
			r.now = started.AddDate(0, 1, 0).Add(-time.Minute)
			h := r.reserve(calls, 6, time.Hour)
			r.later(2 * time.Minute)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 0, 0, 10})
			r.commit(h, 7)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 1, 0, 9})
			late := entitlements.Use{Feature: calls, Quantity: 5, At: h.CreatedAt}
			r.refuses(r.do(r.op(entitlements.OpConsume, late)).Decision, entitlements.ReasonLimitReached)
			late.Quantity = 4
			r.allows(r.do(r.op(entitlements.OpConsume, late)).Decision, entitlements.ReasonOverSoft)
		},
	},
	{
		"a_gauge_can_be_held",
		"A hold on a gauge counts against its limit, and commits into it.",
		func(r *rig) {
			r.on(basic)
			h := r.reserve(seats, 4, time.Hour)
			r.says(r.consume(seats, 2), answer{entitlements.ReasonLimitReached, 0, 4, 1})
			r.commit(h, 3)
			r.says(r.check(seats), answer{entitlements.ReasonOverSoft, 3, 0, 2})
		},
	},
	{
		"a_hold_may_reach_into_overage",
		"A hold is covered as a use is: by the plan, then by grants, then by overage.",
		func(r *rig) {
			r.on(basic)
			o := r.do(r.reserveOp(use(exports, 13), time.Hour))
			r.says(o.Decision, answer{entitlements.ReasonOverage, 0, 13, 0})
			r.refuses(r.consume(exports, 3), entitlements.ReasonLimitReached)
			r.says(r.commit(o.Hold, 9).Decision, answer{entitlements.ReasonAllowed, 9, 0, 1})
		},
	},
}}
