package entitlementstest

import (
	"sync/atomic"
	"time"

	"github.com/transbotai/tenon/entitlements"
)

// crowd is how many goroutines press on a limit at once.
const crowd = 64

var crowdRules = group{"crowd", []rule{
	{
		"a_limit_is_never_exceeded",
		"64 goroutines on a limit of 1000 accept exactly 1000.",
		func(r *rig) {
			r.on(basic)
			var accepted atomic.Int64
			together(crowd, func(int) {
				for r.tries(r.op(entitlements.OpConsume, use(bulk, 1))) == entitlements.ReasonAllowed {
					accepted.Add(1)
				}
			})
			equal(r.t, "accepted", accepted.Load(), 1000)
			r.says(r.check(bulk), answer{entitlements.ReasonLimitReached, 1000, 0, 0})
		},
	},
	{
		"a_limit_is_never_exceeded_through_a_gate",
		"64 goroutines of one Gate on a limit of 1000 accept exactly 1000.",
		func(r *rig) {
			g := r.subscribed(basic)
			var accepted atomic.Int64
			together(crowd, func(int) {
				for {
					d, err := g.Consume(r.ctx(), entitlements.Use{Tenant: r.tenant, Feature: bulk, Quantity: 1})
					if err != nil {
						r.t.Errorf("Consume: %v", err)
					}
					if err != nil || !d.Allowed {
						return
					}
					accepted.Add(1)
				}
			})
			equal(r.t, "accepted", accepted.Load(), 1000)
		},
	},
	{
		"a_limit_is_never_exceeded_by_calls_of_many",
		"Calls that settle many operations at once share a limit exactly.",
		func(r *rig) {
			r.on(basic)
			var accepted atomic.Int64
			together(16, func(int) {
				for range 4 {
					ops := make([]entitlements.Op, 20)
					for i := range ops {
						ops[i] = r.op(entitlements.OpConsume, use(bulk, 1))
					}
					outcomes, err := r.store.Settle(r.ctx(), ops)
					equalNow(r.t, "the error of Settle", err, nil)
					for _, o := range outcomes {
						if o.Decision.Allowed && o.Err == nil {
							accepted.Add(1)
						}
					}
				}
			})
			equal(r.t, "accepted", accepted.Load(), 1000)
		},
	},
	{
		"holds_grants_and_overage_share_exactly",
		"With holds, grants and overage mixed in, what is accepted is what was allowed: 200, 50 and 30.",
		func(r *rig) {
			r.on(basic)
			g := r.grant(entitlements.Grant{Feature: mixed, Amount: 50})
			var accepted atomic.Int64
			together(crowd, func(i int) {
				for r.mix(i) {
					accepted.Add(1)
				}
			})
			equal(r.t, "accepted", accepted.Load(), 280)
			r.says(r.check(mixed), answer{entitlements.ReasonLimitReached, 280, 0, 0})
			r.drew(g, 50, 0)
		},
	},
	{
		"one_key_counts_once_in_a_crowd",
		"64 goroutines that send the same key count it once, and all are answered yes.",
		func(r *rig) {
			r.on(basic)
			together(crowd, func(int) {
				equalNow(r.t, "the answer", r.tries(r.op(entitlements.OpConsume, keyed(bulk, 600, "k"))), entitlements.ReasonAllowed)
			})
			r.says(r.check(bulk), answer{entitlements.ReasonAllowed, 600, 0, 400})
		},
	},
	{
		"one_hold_is_closed_once_in_a_crowd",
		"Of goroutines that commit and release one hold, all commits win or all releases do.",
		func(r *rig) {
			r.on(basic)
			h := r.reserve(bulk, 600, time.Hour)
			var committed, released atomic.Int64
			together(16, func(i int) {
				kind, done, actual := entitlements.OpCommit, &committed, int64(500)
				if i%2 == 0 {
					kind, done, actual = entitlements.OpRelease, &released, 0
				}
				outcomes, err := r.store.Settle(r.ctx(), []entitlements.Op{r.holdOp(kind, h.ID, actual)})
				equalNow(r.t, "the error of Settle", err, nil)
				if err == nil && outcomes[0].Err == nil {
					done.Add(1)
				}
			})
			if committed.Load() == 8 && released.Load() == 0 {
				r.says(r.check(bulk), answer{entitlements.ReasonAllowed, 500, 0, 500})
				return
			}
			equal(r.t, "commits", committed.Load(), 0)
			equal(r.t, "releases", released.Load(), 8)
			r.says(r.check(bulk), answer{entitlements.ReasonAllowed, 0, 0, 1000})
		},
	},
}}

// mix uses one unit in one of three ways, and says whether it fitted.
func (r *rig) mix(way int) bool {
	if way%3 == 0 {
		reason := r.tries(r.op(entitlements.OpConsume, use(mixed, 1)))
		return reason == entitlements.ReasonAllowed || reason == entitlements.ReasonOverage
	}
	op := r.reserveOp(use(mixed, 1), time.Hour)
	switch r.tries(op) {
	case entitlements.ReasonAllowed, entitlements.ReasonOverage:
	default:
		return false
	}
	if way%3 == 1 {
		r.tries(r.holdOp(entitlements.OpRelease, op.ID, 0))
		reason := r.tries(r.op(entitlements.OpConsume, use(mixed, 1)))
		return reason == entitlements.ReasonAllowed || reason == entitlements.ReasonOverage
	}
	r.tries(r.holdOp(entitlements.OpCommit, op.ID, 1))
	return true
}
