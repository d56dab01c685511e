package entitlementstest

import (
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// busy gives the tenant something in every place where a store keeps things.
func (r *rig) busy() *rig {
	r.t.Helper()
	r.on(basic)
	r.grant(entitlements.Grant{Feature: calls, Amount: 5})
	r.override(entitlements.Override{Feature: exports, Period: entitlements.Monthly, Hard: number(20)})
	r.attach(pack, 1)
	r.do(r.op(entitlements.OpConsume, keyed(alarms, 6, "k")))
	r.reserve(calls, 2, time.Hour)
	r.commit(r.reserve(calls, 2, time.Hour), 2)
	return r
}

// knowsSubjects says whether a store exports and erases, which a store need not.
func knowsSubjects(store entitlements.Store) bool {
	_, exports := store.(tenon.Exporter)
	_, erases := store.(tenon.Eraser)
	return exports && erases
}

// exported returns the rows about the tenant, by table.
func (r *rig) exported(s tenon.Subject) map[string][]string {
	r.t.Helper()
	exporter, ok := r.store.(tenon.Exporter)
	if !ok {
		r.t.Fatal("the store is no tenon.Exporter")
	}
	rows := map[string][]string{}
	for row, err := range exporter.Export(r.ctx(), s) {
		if err != nil {
			r.t.Fatalf("Export: %v", err)
		}
		rows[row.Table] = append(rows[row.Table], string(row.Data))
	}
	return rows
}

func (r *rig) erase(s tenon.Subject) map[string]int64 {
	r.t.Helper()
	eraser, ok := r.store.(tenon.Eraser)
	if !ok {
		r.t.Fatal("the store is no tenon.Eraser")
	}
	counts, err := eraser.Erase(r.ctx(), s)
	if err != nil {
		r.t.Fatalf("Erase: %v", err)
	}
	return counts
}

var subjectRules = group{"subject", []rule{
	{
		"an_export_holds_all_of_the_tenant_and_nothing_of_others",
		"Every exported row is the tenant's.",
		func(r *rig) {
			r.busy()
			second := r.other().busy()
			rows := r.exported(tenon.Subject{Tenant: r.tenant})
			equal(r.t, "there are rows", len(rows) > 0, true)
			for table, list := range rows {
				for _, row := range list {
					equal(r.t, "a row of "+table+" is the tenant's", strings.Contains(row, r.tenant), true)
					equal(r.t, "a row of "+table+" is another's", strings.Contains(row, second.tenant), false)
				}
			}
			equal(r.t, "nobody has rows", len(r.exported(tenon.Subject{Tenant: newTenant()})), 0)
		},
	},
	{
		"erasing_leaves_nothing_of_the_tenant",
		"After Erase nothing is exported, nobody is subscribed, and what was erased is counted by table.",
		func(r *rig) {
			r.busy()
			second := r.other().busy()
			before := r.exported(tenon.Subject{Tenant: r.tenant})
			counts := r.erase(tenon.Subject{Tenant: r.tenant})
			for table, rows := range before {
				equal(r.t, "erased of "+table, counts[table], int64(len(rows)))
			}
			equal(r.t, "what is left", len(r.exported(tenon.Subject{Tenant: r.tenant})), 0)
			equal(r.t, "the entitlement is gone", r.standing().Rights.Entitlement == nil, true)
			r.refuses(r.check(calls), entitlements.ReasonNoPlan)
			second.says(second.check(alarms), answer{entitlements.ReasonOverSoft, 6, 0, 4})
			second.reconciled()
			again := r.erase(tenon.Subject{Tenant: r.tenant})
			equal(r.t, "the tables answered for", len(again), len(counts))
			for table, n := range again {
				equal(r.t, "erased again of "+table, n, 0)
			}
		},
	},
	{
		"erasing_a_person_leaves_the_company",
		"What a company used is not about one person in it.",
		func(r *rig) {
			r.busy()
			r.erase(tenon.Subject{Tenant: r.tenant, User: "ada"})
			r.says(r.check(alarms), answer{entitlements.ReasonOverSoft, 6, 0, 4})
		},
	},
	{
		"an_erased_tenant_may_come_back",
		"After Erase a tenant begins afresh, with its old keys free.",
		func(r *rig) {
			r.busy()
			r.erase(tenon.Subject{Tenant: r.tenant})
			r.on(basic)
			d := r.do(r.op(entitlements.OpConsume, keyed(alarms, 6, "k"))).Decision
			r.says(d, answer{entitlements.ReasonOverSoft, 6, 0, 4})
			equal(r.t, "Replayed", d.Replayed, false)
		},
	},
}}
