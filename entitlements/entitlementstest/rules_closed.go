package entitlementstest

import (
	"time"

	"github.com/transbotai/tenon/entitlements"
)

var closedHoldRules = group{"closed_holds", []rule{
	{
		"releasing_gives_everything_back",
		"A released hold counts nowhere any more; releasing again is not an error.",
		func(r *rig) {
			r.on(basic)
			h := r.reserve(calls, 10, time.Hour)
			r.release(h)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 0, 0, 10})
			r.release(h)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 0, 0, 10})
		},
	},
	{
		"releasing_after_expiry_is_no_error",
		"An expired hold can be released; that changes nothing.",
		func(r *rig) {
			r.on(basic)
			h := r.reserve(calls, 10, time.Hour)
			r.now = h.ExpiresAt.Add(time.Hour)
			r.release(h)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 0, 0, 10})
		},
	},
	{
		"committing_again_says_the_same",
		"A commit with the same actual is replayed and counts nothing, ungated part included.",
		func(r *rig) {
			r.on(basic)
			h := r.reserve(calls, 5, time.Hour)
			equal(r.t, "Ungated at first", r.commit(h, 12).Ungated, 2)
			r.later(2 * time.Hour)
			o := r.commit(h, 12)
			equal(r.t, "Ungated again", o.Ungated, 2)
			equal(r.t, "Replayed", o.Decision.Replayed, true)
			r.says(r.check(calls), answer{entitlements.ReasonLimitReached, 12, 0, 0})
		},
	},
	{
		"a_closed_hold_is_not_closed_otherwise",
		"Committing with another actual, committing what was released and releasing what was committed is ErrHoldClosed.",
		func(r *rig) {
			r.on(basic)
			committed, released := r.reserve(calls, 2, time.Hour), r.reserve(calls, 3, time.Hour)
			r.commit(committed, 2)
			r.release(released)
			r.fails(r.holdOp(entitlements.OpCommit, committed.ID, 1), entitlements.ErrHoldClosed)
			r.fails(r.holdOp(entitlements.OpRelease, committed.ID, 0), entitlements.ErrHoldClosed)
			r.fails(r.holdOp(entitlements.OpCommit, released.ID, 3), entitlements.ErrHoldClosed)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 2, 0, 8})
		},
	},
	{
		"an_unknown_hold_is_not_found",
		"A hold that nobody made, or that another tenant has, is ErrUnknownHold.",
		func(r *rig) {
			r.on(basic)
			second := r.other().on(basic)
			h := second.reserve(calls, 2, time.Hour)
			for _, id := range []string{newID(), h.ID} {
				r.fails(r.holdOp(entitlements.OpCommit, id, 1), entitlements.ErrUnknownHold)
				r.fails(r.holdOp(entitlements.OpRelease, id, 0), entitlements.ErrUnknownHold)
			}
			second.says(second.check(calls), answer{entitlements.ReasonAllowed, 0, 2, 8})
			second.reconciled()
		},
	},
	{
		"reserving_again_gives_the_same_hold",
		"With the key of an earlier hold Reserve returns that hold, also when it is committed; another payload conflicts.",
		func(r *rig) {
			r.on(basic)
			first := r.do(r.reserveOp(keyed(calls, 6, "k"), time.Hour))
			r.later(time.Minute)
			again := r.do(r.reserveOp(keyed(calls, 6, "k"), time.Hour))
			equal(r.t, "the hold's id", again.Hold.ID, first.Hold.ID)
			equal(r.t, "the hold's quantity", again.Hold.Quantity, 6)
			sameTime(r.t, "the hold's expiry", again.Hold.ExpiresAt, first.Hold.ExpiresAt)
			r.says(again.Decision, answer{entitlements.ReasonAllowed, 0, 6, 4})
			equal(r.t, "Replayed", again.Decision.Replayed, true)
			r.fails(r.reserveOp(keyed(calls, 5, "k"), time.Hour), entitlements.ErrKeyReused)
			r.commit(first.Hold, 6)
			equal(r.t, "the id of the committed hold", r.do(r.reserveOp(keyed(calls, 6, "k"), time.Hour)).Hold.ID, first.Hold.ID)
			r.says(r.check(calls), answer{entitlements.ReasonOverSoft, 6, 0, 4})
		},
	},
	{
		"a_hold_that_was_given_back_leaves_its_key",
		"A key whose hold was released, or expired, is decided afresh, as after a refusal: the retry gets a hold that lives.",
		func(r *rig) {
			r.on(basic)
			first := r.do(r.reserveOp(keyed(calls, 6, "k"), time.Hour)).Hold
			r.release(first)
			second := r.do(r.reserveOp(keyed(calls, 6, "k"), time.Hour))
			equal(r.t, "Replayed after a release", second.Decision.Replayed, false)
			equal(r.t, "it is another hold", second.Hold.ID != first.ID, true)
			r.now = second.Hold.ExpiresAt
			third := r.do(r.reserveOp(keyed(calls, 6, "k"), time.Hour))
			equal(r.t, "Replayed after expiry", third.Decision.Replayed, false)
			r.says(third.Decision, answer{entitlements.ReasonAllowed, 0, 6, 4})
			r.fails(r.reserveOp(keyed(calls, 5, "k"), time.Hour), entitlements.ErrKeyReused)
			r.commit(third.Hold, 6)
			r.correct("k")
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 0, 0, 10})
		},
	},
	{
		"a_hold_outlives_the_windows_that_it_was_made_in",
		"A hold is committed at its own time though the billing cycle or the windows are others by then.",
		func(r *rig) {
			r.on(basic)
			h := r.reserve(tasks, 3, 48*time.Hour)
			r.later(30 * time.Hour)
			r.move(big)
			r.entitle(func(e *entitlements.Entitlement) { e.Anchor = r.now.Add(-time.Hour) })
			r.commit(h, 4)
			r.says(r.check(tasks), answer{entitlements.ReasonAllowed, 1, 0, entitlements.Unlimited})
			r.entitle(func(e *entitlements.Entitlement) { e.Anchor = started })
			r.says(r.check(tasks), answer{entitlements.ReasonAllowed, 4, 0, entitlements.Unlimited})
		},
	},
	{
		"a_hold_lives_and_ends_within_one_call",
		"Reserve, Commit and Release of one call see each other in order.",
		func(r *rig) {
			r.on(basic)
			reserve := r.reserveOp(use(calls, 8), time.Hour)
			o := r.settle(
				reserve,
				r.op(entitlements.OpConsume, use(calls, 3)),
				r.holdOp(entitlements.OpCommit, reserve.ID, 5),
				r.op(entitlements.OpConsume, use(calls, 3)),
				r.holdOp(entitlements.OpRelease, reserve.ID, 0),
			)
			r.refuses(o[1].Decision, entitlements.ReasonLimitReached)
			r.says(o[2].Decision, answer{entitlements.ReasonAllowed, 5, 0, 5})
			r.says(o[3].Decision, answer{entitlements.ReasonOverSoft, 8, 0, 2})
			equal(r.t, "releasing what was committed", o[4].Err, entitlements.ErrHoldClosed)
		},
	},
	{
		"a_closed_hold_that_one_call_names_twice_is_one_hold",
		"Commit by its id and Reserve by its key speak of the same hold, in one call too.",
		func(r *rig) {
			r.on(basic)
			h := r.do(r.reserveOp(keyed(calls, 6, "k"), time.Hour)).Hold
			r.commit(h, 4)
			o := r.settle(r.holdOp(entitlements.OpCommit, h.ID, 4), r.reserveOp(keyed(calls, 6, "k"), time.Hour))
			for _, one := range o {
				equal(r.t, "the error", one.Err, nil)
				equal(r.t, "the hold", one.Hold.ID, h.ID)
				equal(r.t, "Replayed", one.Decision.Replayed, true)
			}
			equal(r.t, "Settled", o[1].Settled, true)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 4, 0, 6})
		},
	},
}}

var heldGrantRules = group{"held_grants", []rule{
	{
		"a_hold_draws_from_grants",
		"What the plan does not cover of a hold is held on grants, and used when the hold is committed.",
		func(r *rig) {
			r.on(basic)
			g := r.grant(entitlements.Grant{Feature: calls, Amount: 5})
			h := r.reserve(calls, 13, time.Hour)
			r.drew(g, 0, 3)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 0, 13, 2})
			r.commit(h, 13)
			r.drew(g, 3, 0)
			r.says(r.check(calls), answer{entitlements.ReasonOverSoft, 13, 0, 2})
		},
	},
	{
		"a_hold_gives_back_to_the_grants_that_it_took_from",
		"Releasing gives back to the same grants, and an expired hold does so by itself.",
		func(r *rig) {
			r.on(basic)
			first := r.grant(entitlements.Grant{Feature: credits, Amount: 3, Priority: 1})
			second := r.grant(entitlements.Grant{Feature: credits, Amount: 9, Priority: 2})
			h := r.reserve(credits, 5, time.Hour)
			third := r.grant(entitlements.Grant{Feature: credits, Amount: 9, Priority: 0})
			r.drew(first, 0, 3)
			r.drew(second, 0, 2)
			r.release(h)
			r.drew(first, 0, 0)
			r.drew(second, 0, 0)
			h = r.reserve(credits, 10, time.Hour)
			r.drew(third, 0, 9)
			r.drew(first, 0, 1)
			r.now = h.ExpiresAt
			r.consume(credits, 1)
			r.drew(third, 1, 0)
			r.drew(first, 0, 0)
		},
	},
	{
		"a_commit_keeps_the_plan_then_grants_then_overage",
		"Committing less keeps what the plan included first, then what came from grants; what goes back goes to the grants drawn last first.",
		func(r *rig) {
			r.on(basic)
			second := r.grant(entitlements.Grant{Feature: exports, Amount: 2, Priority: 2})
			r.later(time.Second)
			first := r.grant(entitlements.Grant{Feature: exports, Amount: 2, Priority: 1})
			for actual, want := range map[int64][2]int64{17: {2, 2}, 14: {2, 2}, 13: {2, 1}, 12: {2, 0}, 11: {1, 0}, 10: {0, 0}} {
				u := use(exports, 17)
				u.Key = "k" + amount(actual)
				h := r.do(r.reserveOp(u, time.Hour)).Hold
				r.drew(first, 0, 2)
				r.drew(second, 0, 2)
				r.commit(h, actual)
				r.drew(first, want[0], 0)
				r.drew(second, want[1], 0)
				r.correct(u.Key)
				r.drew(first, 0, 0)
				r.drew(second, 0, 0)
			}
		},
	},
	{
		"a_hold_keeps_units_of_a_grant_that_ended",
		"Units that were held while the grant lived stay good when it expires or is voided.",
		func(r *rig) {
			r.on(basic)
			end := r.now.Add(time.Minute)
			g := r.grant(entitlements.Grant{Feature: calls, Amount: 5, ExpiresAt: end})
			h := r.reserve(calls, 14, time.Hour)
			r.now = end
			r.says(r.check(calls), answer{entitlements.ReasonLimitReached, 0, 14, 0})
			equal(r.t, "Ungated", r.commit(h, 14).Ungated, 0)
			r.drew(g, 4, 0)
		},
	},
	{
		"what_a_commit_needs_beyond_its_hold_draws_afresh",
		"Past the hold the plan's allowance goes first again, then the grants as they are now.",
		func(r *rig) {
			r.on(basic)
			g := r.grant(entitlements.Grant{Feature: calls, Amount: 5})
			h := r.reserve(calls, 9, time.Hour)
			equal(r.t, "Ungated", r.commit(h, 18).Ungated, 3)
			r.drew(g, 5, 0)
			r.says(r.check(calls), answer{entitlements.ReasonLimitReached, 18, 0, 0})
		},
	},
}}
