package entitlementstest

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/transbotai/tenon/entitlements"
)

var loadRules = group{"load", []rule{
	{
		"standings_come_in_the_order_asked_for",
		"Load answers for each tenant in order, twice if asked twice, and for tenants that nobody subscribed.",
		func(r *rig) {
			r.on(basic)
			second, nobody := r.other().on(team), r.other()
			found, err := r.store.Load(r.ctx(), []string{second.tenant, nobody.tenant, r.tenant, second.tenant}, r.now)
			if err != nil || len(found) != 4 {
				r.t.Fatalf("Load: %d standings, %v", len(found), err)
			}
			for i, tenant := range []string{second.tenant, nobody.tenant, r.tenant, second.tenant} {
				equal(r.t, "the tenant", found[i].Rights.Tenant, tenant)
			}
			equal(r.t, "the plan", found[0].Rights.Entitlement.Plan, team)
			equal(r.t, "nobody's entitlement is nil", found[1].Rights.Entitlement == nil, true)
			equal(r.t, "the plan", found[2].Rights.Entitlement.Plan, basic)
		},
	},
	{
		"no_tenants_are_no_error",
		"Loading nobody gives nothing.",
		func(r *rig) {
			found, err := r.store.Load(r.ctx(), nil, r.now)
			if err != nil || len(found) != 0 {
				r.t.Fatalf("Load: %d standings, %v", len(found), err)
			}
		},
	},
	{
		"a_standing_holds_the_present_counters",
		"Counters are those whose period holds the instant asked for.",
		func(r *rig) {
			r.on(basic)
			r.consume(calls, 3)
			r.reserve(calls, 2, 24*365*time.Hour)
			c := r.counter(calls, entitlements.Monthly)
			equal(r.t, "Used", c.Used, 3)
			equal(r.t, "Held", c.Held, 2)
			sameTime(r.t, "the start", c.Start, started)
			sameTime(r.t, "the end", c.End, started.AddDate(0, 1, 0))
			r.now = started.AddDate(0, 1, 0)
			equal(r.t, "Used in the next period", r.counter(calls, entitlements.Monthly).Used, 0)
		},
	},
	{
		"a_standing_counts_windows_that_no_use_met_yet",
		"Right after a change of the billing cycle or of the windows, the standing says what was used in the new ones.",
		func(r *rig) {
			r.on(basic)
			r.record(calls, 3, march(2, 0))
			r.record(calls, 4, march(9, 0))
			r.entitle(func(e *entitlements.Entitlement) { e.Anchor = march(8, 0) })
			equal(r.t, "Used since the new anchor", r.counter(calls, entitlements.Monthly).Used, 4)
			r.override(entitlements.Override{Feature: calls, Period: entitlements.Weekly, Hard: number(9)})
			equal(r.t, "Used in the new week", r.counter(calls, entitlements.Weekly).Used, 4)
		},
	},
}}

// describe returns v as JSON, to compare what holds pointers.
func describe(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// together runs f n times at once and waits for all.
func together(n int, f func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { f(i) })
	}
	group.Wait()
}
