package entitlementstest

import (
	"time"

	"github.com/transbotai/tenon/entitlements"
)

var recordRules = group{"record", []rule{
	{
		"what_happened_counts_without_a_gate",
		"Record passes the limit, draws from no grant, and counts against what comes after.",
		func(r *rig) {
			r.on(basic)
			g := r.grant(entitlements.Grant{Feature: calls, Amount: 5})
			o := r.do(r.op(entitlements.OpRecord, use(calls, 30)))
			equal(r.t, "Allowed", o.Decision.Allowed, true)
			r.drew(g, 0, 0)
			r.says(r.check(calls), answer{entitlements.ReasonOverSoft, 30, 0, 5})
			r.says(r.consume(calls, 5), answer{entitlements.ReasonOverSoft, 35, 0, 0})
			r.drew(g, 5, 0)
		},
	},
	{
		"one_call_records_for_many",
		"Tenants, features and periods mix in one call; each is counted where it belongs.",
		func(r *rig) {
			r.on(basic)
			r.now = started.AddDate(0, 1, 5)
			second := r.other().on(basic)
			var ops []entitlements.Op
			for i := range 40 {
				at := entitlements.Use{Feature: []string{calls, exports}[i%2], Quantity: 1, At: r.now.AddDate(0, -(i/2)%2, 0)}
				ops = append(ops, []*rig{r, second}[i/4%2].op(entitlements.OpRecord, at))
			}
			for i, o := range r.settle(ops...) {
				equal(r.t, "the error of "+amount(int64(i)), o.Err, nil)
			}
			for _, one := range []*rig{r, second} {
				equal(r.t, "the calls", one.counter(calls, entitlements.Monthly).Used, 5)
				equal(r.t, "the exports", one.counter(exports, entitlements.Monthly).Used, 5)
				one.now = started.AddDate(0, 0, 5)
				equal(r.t, "the calls of the month before", one.counter(calls, entitlements.Monthly).Used, 5)
				one.reconciled()
			}
		},
	},
	{
		"duplicates_in_one_call_count_once",
		"A key that stands in a call twice is counted once, and one that conflicts fails alone.",
		func(r *rig) {
			r.on(basic)
			o := r.settle(
				r.op(entitlements.OpRecord, keyed(calls, 2, "a")),
				r.op(entitlements.OpRecord, keyed(calls, 2, "a")),
				r.op(entitlements.OpRecord, keyed(calls, 9, "a")),
				r.op(entitlements.OpRecord, keyed(calls, 1, "b")),
			)
			equal(r.t, "Replayed", o[1].Decision.Replayed, true)
			equal(r.t, "the conflict", o[2].Err, entitlements.ErrKeyReused)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 3, 0, 7})
		},
	},
	{
		"use_that_the_plan_lacked_counts_once_it_has_it",
		"Use is recorded whatever the plan says, and counts when the plan grants the feature.",
		func(r *rig) {
			r.on(free)
			r.record(exports, 4, r.now)
			r.refuses(r.check(exports), entitlements.ReasonNotInPlan)
			r.move(basic)
			r.says(r.check(exports), answer{entitlements.ReasonAllowed, 4, 0, 6})
		},
	},
	{
		"use_of_a_tenant_without_a_plan_is_not_recorded",
		"Use of a tenant that nobody subscribed has no place: Record and Return say ErrUnknownTenant.",
		func(r *rig) {
			r.fails(r.op(entitlements.OpRecord, use(calls, 4)), entitlements.ErrUnknownTenant)
			r.fails(r.op(entitlements.OpReturn, use(seats, 1)), entitlements.ErrUnknownTenant)
			r.on(basic)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 0, 0, 10})
		},
	},
	{
		"nothing_happened_is_not_recorded",
		"A record of 0 writes nothing and leaves its key free.",
		func(r *rig) {
			r.on(basic)
			r.do(r.op(entitlements.OpRecord, keyed(calls, 0, "k")))
			r.do(r.op(entitlements.OpRecord, keyed(calls, 5, "k")))
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 5, 0, 5})
		},
	},
	{
		"no_operations_are_no_error",
		"A call without operations gives no outcomes.",
		func(r *rig) { r.settle() },
	},
	{
		"a_counter_does_not_overflow",
		"A quantity that would take a counter past what it can hold is invalid, and writes nothing.",
		func(r *rig) {
			r.on(basic)
			const enough = 300 // times 2^53 is past 2^61
			var full bool
			for range enough {
				if o := r.settle(r.op(entitlements.OpRecord, use(messages, entitlements.MaxQuantity)))[0]; o.Err != nil {
					full = true
					break
				}
			}
			equal(r.t, "the counter refuses at last", full, true)
			r.faults(r.op(entitlements.OpConsume, use(messages, entitlements.MaxQuantity)), "quantity")
			r.faults(r.op(entitlements.OpRecord, use(messages, entitlements.MaxQuantity)), "quantity")
		},
	},
}}

var correctRules = group{"correct", []rule{
	{
		"correcting_takes_back_once",
		"Correct takes back what a key counted; again, it takes back nothing.",
		func(r *rig) {
			r.on(basic)
			r.do(r.op(entitlements.OpConsume, keyed(calls, 7, "k")))
			r.consume(calls, 1)
			for range 3 {
				r.correct("k")
				r.says(r.check(calls), answer{entitlements.ReasonAllowed, 1, 0, 9})
			}
		},
	},
	{
		"a_corrected_key_stays_taken",
		"A key that was corrected is still replayed and counts nothing again.",
		func(r *rig) {
			r.on(basic)
			r.do(r.op(entitlements.OpConsume, keyed(calls, 7, "k")))
			r.correct("k")
			equal(r.t, "Replayed", r.do(r.op(entitlements.OpConsume, keyed(calls, 7, "k"))).Decision.Replayed, true)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 0, 0, 10})
		},
	},
	{
		"an_unknown_key_cannot_be_corrected",
		"A key under which nothing was recorded, or another tenant's, is ErrUnknownKey.",
		func(r *rig) {
			r.on(basic)
			second := r.other().on(basic)
			second.do(second.op(entitlements.OpConsume, keyed(calls, 1, "theirs")))
			r.do(r.op(entitlements.OpConsume, keyed(calls, 11, "refused")))
			for _, key := range []string{"never", "theirs", "refused"} {
				r.fails(r.correctOp(key), entitlements.ErrUnknownKey)
			}
			second.says(second.check(calls), answer{entitlements.ReasonAllowed, 1, 0, 9})
		},
	},
	{
		"a_correction_gives_back_in_its_period",
		"What is taken back is taken from the period in which it was counted.",
		func(r *rig) {
			r.on(basic)
			r.do(r.op(entitlements.OpConsume, keyed(calls, 10, "k")))
			r.now = started.AddDate(0, 1, 1)
			r.consume(calls, 4)
			r.correct("k")
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 4, 0, 6})
			late := entitlements.Use{Feature: calls, Quantity: 10, At: noon}
			r.allows(r.do(r.op(entitlements.OpConsume, late)).Decision, entitlements.ReasonOverSoft)
		},
	},
	{
		"a_correction_gives_back_to_grants",
		"Units that were drawn from grants go back to the same grants.",
		func(r *rig) {
			r.on(basic)
			g := r.grant(entitlements.Grant{Feature: calls, Amount: 5})
			r.do(r.op(entitlements.OpConsume, keyed(calls, 13, "k")))
			r.drew(g, 3, 0)
			r.correct("k")
			r.drew(g, 0, 0)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 0, 0, 15})
		},
	},
	{
		"the_use_of_a_hold_can_be_corrected",
		"By the key of the hold everything that it became is taken back: its own part and what exceeded it.",
		func(r *rig) {
			r.on(basic)
			g := r.grant(entitlements.Grant{Feature: calls, Amount: 5})
			h := r.do(r.reserveOp(keyed(calls, 6, "k"), time.Hour)).Hold
			equal(r.t, "Ungated", r.commit(h, 18).Ungated, 3)
			r.drew(g, 5, 0)
			r.correct("k")
			r.correct("k")
			r.drew(g, 0, 0)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 0, 0, 15})
			again := r.commit(h, 18)
			equal(r.t, "Replayed", again.Decision.Replayed, true)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 0, 0, 15})
		},
	},
	{
		"correcting_an_open_hold_releases_it",
		"A hold whose key is corrected before its commit is released.",
		func(r *rig) {
			r.on(basic)
			h := r.do(r.reserveOp(keyed(calls, 6, "k"), time.Hour)).Hold
			r.correct("k")
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 0, 0, 10})
			r.fails(r.holdOp(entitlements.OpCommit, h.ID, 6), entitlements.ErrHoldClosed)
		},
	},
	{
		"a_return_can_be_corrected",
		"What a Return took away is in use again.",
		func(r *rig) {
			r.on(basic)
			r.consume(seats, 5)
			r.do(r.op(entitlements.OpReturn, keyed(seats, 3, "k")))
			r.correct("k")
			r.says(r.check(seats), answer{entitlements.ReasonLimitReached, 5, 0, 0})
		},
	},
	{
		"a_correction_leaves_no_gauge_below_0",
		"What Return took away already cannot be corrected away again.",
		func(r *rig) {
			r.on(basic)
			r.do(r.op(entitlements.OpConsume, keyed(seats, 4, "k")))
			r.do(r.op(entitlements.OpReturn, use(seats, 3)))
			r.faults(r.correctOp("k"), "key")
			r.says(r.check(seats), answer{entitlements.ReasonAllowed, 1, 0, 4})
			r.consume(seats, 3)
			r.correct("k")
			r.says(r.check(seats), answer{entitlements.ReasonAllowed, 0, 0, 5})
		},
	},
	{
		"a_correction_frees_what_was_refused",
		"After a correction the freed units can be used.",
		func(r *rig) {
			r.on(basic)
			r.do(r.op(entitlements.OpConsume, keyed(calls, 10, "k")))
			r.refuses(r.consume(calls, 4), entitlements.ReasonLimitReached)
			r.correct("k")
			r.says(r.consume(calls, 4), answer{entitlements.ReasonAllowed, 4, 0, 6})
		},
	},
}}
