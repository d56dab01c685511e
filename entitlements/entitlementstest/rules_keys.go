package entitlementstest

import (
	"errors"
	"time"

	"github.com/transbotai/tenon/entitlements"
)

var keyRules = group{"keys", []rule{
	{
		"a_key_counts_once",
		"An acceptance is replayed: the same key and payload is allowed again and counts nothing.",
		func(r *rig) {
			r.on(basic)
			op := r.op(entitlements.OpConsume, keyed(calls, 7, "k"))
			equal(r.t, "Replayed at first", r.do(op).Decision.Replayed, false)
			for range 3 {
				retry := r.op(entitlements.OpConsume, keyed(calls, 7, "k"))
				d := r.do(retry).Decision
				r.says(d, answer{entitlements.ReasonOverSoft, 7, 0, 3})
				equal(r.t, "Replayed", d.Replayed, true)
				r.later(time.Hour)
			}
		},
	},
	{
		"sending_the_very_operation_again_counts_once",
		"An operation may be sent again with the same id, as after an error that left its outcome open.",
		func(r *rig) {
			r.on(basic)
			consume := r.op(entitlements.OpConsume, use(calls, 2))
			record := r.op(entitlements.OpRecord, use(calls, 1))
			r.settle(consume, record)
			r.settle(consume, record)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 3, 0, 7})
		},
	},
	{
		"a_key_is_replayed_though_the_limit_is_reached",
		"A retry of what was accepted is answered yes, whatever the standing is now.",
		func(r *rig) {
			r.on(basic)
			op := r.op(entitlements.OpConsume, keyed(calls, 10, "k"))
			r.do(op)
			r.allows(r.do(op).Decision, entitlements.ReasonOverSoft)
			r.entitle(func(e *entitlements.Entitlement) { e.Status = entitlements.Paused })
			d := r.do(op).Decision
			equal(r.t, "Allowed while paused", d.Allowed, true)
			equal(r.t, "Replayed while paused", d.Replayed, true)
		},
	},
	{
		"a_key_is_replayed_though_holds_fill_the_limit",
		"A retry counts nothing, so that what others hold does not refuse it: alone, and among operations that are refused.",
		func(r *rig) {
			r.on(basic)
			r.reserve(calls, 7, time.Minute)
			op := r.op(entitlements.OpConsume, use(calls, 3))
			r.says(r.do(op).Decision, answer{entitlements.ReasonAllowed, 3, 7, 0})
			equal(r.t, "Replayed", r.do(op).Decision.Replayed, true)
			r.refuses(r.consume(calls, 1), entitlements.ReasonLimitReached)
			equal(r.t, "Replayed after a refusal", r.do(op).Decision.Replayed, true)
			o := r.settle(r.op(entitlements.OpConsume, use(calls, 2)), op, r.op(entitlements.OpConsume, use(calls, 1)))
			r.refuses(o[0].Decision, entitlements.ReasonLimitReached)
			equal(r.t, "Replayed among others", o[1].Decision.Replayed, true)
			r.refuses(o[2].Decision, entitlements.ReasonLimitReached)
		},
	},
	{
		"a_key_of_another_payload_conflicts",
		"The same key with another quantity, feature, time, metadata or kind is ErrKeyReused, and counts nothing.",
		func(r *rig) {
			r.on(basic)
			r.do(r.op(entitlements.OpConsume, keyed(calls, 2, "k")))
			for _, u := range []entitlements.Use{
				keyed(calls, 3, "k"),
				{Feature: calls, Quantity: 2, Key: "k", At: r.now},
				{Feature: calls, Quantity: 2, Key: "k", Metadata: map[string]any{"a": 1}},
				keyed(exports, 2, "k"),
			} {
				r.fails(r.op(entitlements.OpConsume, u), entitlements.ErrKeyReused)
			}
			r.fails(r.op(entitlements.OpRecord, keyed(calls, 2, "k")), entitlements.ErrKeyReused)
			r.fails(r.reserveOp(keyed(calls, 2, "k"), time.Hour), entitlements.ErrKeyReused)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 2, 0, 8})
			r.says(r.check(exports), answer{entitlements.ReasonAllowed, 0, 0, 10})
		},
	},
	{
		"a_refusal_keeps_no_key",
		"A refusal is not stored: the same key is decided afresh after an upgrade, also with another payload.",
		func(r *rig) {
			r.on(basic)
			r.refuses(r.do(r.op(entitlements.OpConsume, keyed(calls, 11, "k"))).Decision, entitlements.ReasonLimitReached)
			r.refuses(r.do(r.op(entitlements.OpConsume, keyed(calls, 11, "k"))).Decision, entitlements.ReasonLimitReached)
			r.move(team)
			d := r.do(r.op(entitlements.OpConsume, keyed(calls, 11, "k"))).Decision
			r.says(d, answer{entitlements.ReasonAllowed, 11, 0, 89})
			equal(r.t, "Replayed", d.Replayed, false)
			r.refuses(r.do(r.op(entitlements.OpConsume, keyed(calls, 100, "other"))).Decision, entitlements.ReasonLimitReached)
			r.allows(r.do(r.op(entitlements.OpConsume, keyed(calls, 1, "other"))).Decision, entitlements.ReasonAllowed)
		},
	},
	{
		"a_key_counts_once_within_one_call",
		"Two operations of one key in one call: the first counts, the second is its replay, or conflicts.",
		func(r *rig) {
			r.on(basic)
			o := r.settle(
				r.op(entitlements.OpConsume, keyed(calls, 2, "k")),
				r.op(entitlements.OpConsume, keyed(calls, 2, "k")),
				r.op(entitlements.OpConsume, keyed(calls, 3, "k")),
				r.op(entitlements.OpConsume, keyed(calls, 1, "next")),
			)
			equal(r.t, "the first is replayed", o[0].Decision.Replayed, false)
			equal(r.t, "the second is replayed", o[1].Decision.Replayed, true)
			equal(r.t, "another quantity conflicts", o[2].Err, entitlements.ErrKeyReused)
			r.says(o[3].Decision, answer{entitlements.ReasonAllowed, 3, 0, 7})
		},
	},
	{
		"a_key_counts_for_one_feature_of_a_call",
		"Of two features that one call uses under one key either may be decided first; the other conflicts.",
		func(r *rig) {
			r.on(basic)
			o := r.settle(r.op(entitlements.OpConsume, keyed(calls, 2, "k")), r.op(entitlements.OpConsume, keyed(exports, 2, "k")))
			counted := r.check(calls).Used + r.check(exports).Used
			equal(r.t, "the units counted", counted, 2)
			equal(r.t, "one conflicts", errors.Is(o[0].Err, entitlements.ErrKeyReused) != errors.Is(o[1].Err, entitlements.ErrKeyReused), true)
			equal(r.t, "one is allowed", o[0].Decision.Allowed != o[1].Decision.Allowed, true)
		},
	},
	{
		"a_refused_key_is_free_within_one_call",
		"A refusal in a call leaves its key to the next operation of the same call.",
		func(r *rig) {
			r.on(basic)
			o := r.settle(
				r.op(entitlements.OpConsume, keyed(calls, 11, "k")),
				r.op(entitlements.OpConsume, keyed(calls, 4, "k")),
			)
			r.refuses(o[0].Decision, entitlements.ReasonLimitReached)
			r.says(o[1].Decision, answer{entitlements.ReasonAllowed, 4, 0, 6})
		},
	},
	{
		"a_key_is_the_tenants_own",
		"The same key of two tenants is two keys.",
		func(r *rig) {
			r.on(basic)
			second := r.other().on(basic)
			r.do(r.op(entitlements.OpConsume, keyed(calls, 2, "k")))
			d := second.do(second.op(entitlements.OpConsume, keyed(calls, 5, "k"))).Decision
			r.says(d, answer{entitlements.ReasonAllowed, 5, 0, 5})
			equal(r.t, "Replayed", d.Replayed, false)
			second.reconciled()
		},
	},
	{
		"a_key_lives_on_in_the_next_period",
		"A key that was accepted in one period counts nothing in the next.",
		func(r *rig) {
			r.on(basic)
			op := r.op(entitlements.OpConsume, keyed(calls, 2, "k"))
			r.do(op)
			r.now = started.AddDate(0, 1, 1)
			d := r.do(r.op(entitlements.OpConsume, keyed(calls, 2, "k"))).Decision
			r.says(d, answer{entitlements.ReasonAllowed, 0, 0, 10})
			equal(r.t, "Replayed", d.Replayed, true)
		},
	},
}}
