package entitlementstest

import (
	"errors"
	"slices"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

var changeRules = group{"change", []rule{
	{
		"a_change_is_stored_with_the_next_revision",
		"Change returns what it stored, with a revision that grows with every change.",
		func(r *rig) {
			first := r.change(func(rights *entitlements.Rights, v *entitlements.Versions) {
				p, _ := v.Plan(basic, 0)
				rights.Entitlement = &entitlements.Entitlement{
					Plan: basic, Version: p.Version, Status: entitlements.Active, StartedAt: started, Customer: "cus_1", Subscription: "sub_1",
					CurrentPeriodStart: started, CurrentPeriodEnd: started.AddDate(0, 1, 0), GraceUntil: noon, AccessUntil: noon.AddDate(1, 0, 0),
				}
			})
			r.override(entitlements.Override{Feature: calls, Period: entitlements.Monthly, Hard: number(7), By: "ada", ExpiresAt: noon.AddDate(0, 1, 0)})
			r.grant(entitlements.Grant{Feature: calls, Amount: 3, Priority: 4, Reason: "sorry", ExpiresAt: noon.AddDate(0, 2, 0)})
			r.attach(pack, 2)
			second := r.change(func(*entitlements.Rights, *entitlements.Versions) {})
			equal(r.t, "the revision grows", second.Revision > first.Revision, true)
			equal(r.t, "the tenant", second.Tenant, r.tenant)
			stored := r.standing().Rights
			sameRights(r, second, stored)
			equal(r.t, "the customer", stored.Entitlement.Customer, "cus_1")
			equal(r.t, "the override's author", stored.Overrides[0].By, "ada")
			equal(r.t, "the grant's reason", stored.Grants[0].Reason, "sorry")
			equal(r.t, "the add-on's quantity", stored.AddOns[0].Quantity, 2)
		},
	},
	{
		"an_edit_that_fails_changes_nothing",
		"When edit returns an error nothing is written and Change returns that error.",
		func(r *rig) {
			r.on(basic)
			before, wrong := r.standing().Rights, errors.New("no")
			_, err := r.store.Change(r.ctx(), r.tenant, r.now, func(rights *entitlements.Rights, _ *entitlements.Versions) ([]tenon.Change, error) {
				rights.Entitlement.Plan, rights.Entitlement.Status = big, entitlements.Paused
				rights.Grants = append(rights.Grants, entitlements.Grant{ID: newID(), Feature: calls, Amount: 5, CreatedAt: r.now, EffectiveAt: r.now})
				return nil, wrong
			})
			equal(r.t, "the error is the edit's", errors.Is(err, wrong), true)
			sameRights(r, r.standing().Rights, before)
		},
	},
	{
		"an_edit_works_on_a_copy",
		"What a store hands out and what it keeps share nothing.",
		func(r *rig) {
			r.on(basic)
			r.grant(entitlements.Grant{Feature: calls, Amount: 5})
			for _, handed := range []*entitlements.Rights{r.standing().Rights, r.change(func(*entitlements.Rights, *entitlements.Versions) {})} {
				handed.Entitlement.Plan, handed.Grants[0].Amount = big, 99
			}
			stored := r.standing().Rights
			equal(r.t, "the plan", stored.Entitlement.Plan, basic)
			equal(r.t, "the grant", stored.Grants[0].Amount, 5)
		},
	},
	{
		"an_edit_is_given_the_catalogue",
		"Edit sees the versions of plans that are stored.",
		func(r *rig) {
			r.change(func(_ *entitlements.Rights, v *entitlements.Versions) {
				_, ok := v.Plan(basic, 0)
				equal(r.t, "there is the plan", ok, true)
				equal(r.t, "the kind of a feature", v.Features[seats].Kind, entitlements.Gauge)
			})
		},
	},
	{
		"changes_of_one_tenant_follow_each_other",
		"Concurrent changes of one tenant lose none.",
		func(r *rig) {
			r.on(basic)
			together(16, func(int) {
				_, err := r.store.Change(r.ctx(), r.tenant, r.now, func(rights *entitlements.Rights, _ *entitlements.Versions) ([]tenon.Change, error) {
					rights.Grants = append(rights.Grants, entitlements.Grant{
						ID: newID(), Feature: credits, Amount: 1, CreatedAt: r.now, EffectiveAt: r.now,
					})
					return nil, nil
				})
				if err != nil {
					r.t.Errorf("Change: %v", err)
				}
			})
			equal(r.t, "the grants", len(r.standing().Rights.Grants), 16)
			r.says(r.consume(credits, 16), answer{entitlements.ReasonAllowed, 16, 0, 0})
		},
	},
	{
		"use_and_changes_lose_nothing_of_each_other",
		"What use draws from a grant while the rights change stays drawn.",
		func(r *rig) {
			r.on(basic)
			g := r.grant(entitlements.Grant{Feature: credits, Amount: 64})
			together(32, func(i int) {
				if i%4 != 0 {
					equalNow(r.t, "the answer", r.tries(r.op(entitlements.OpConsume, use(credits, 2))), entitlements.ReasonAllowed)
					return
				}
				_, err := r.store.Change(r.ctx(), r.tenant, r.now, func(rights *entitlements.Rights, _ *entitlements.Versions) ([]tenon.Change, error) {
					rights.Entitlement.Customer = amount(int64(i))
					return nil, nil
				})
				equalNow(r.t, "the error of Change", err, nil)
			})
			r.drew(g, 48, 0)
		},
	},
}}

// sameRights fails unless two rights are equal as their JSON-able parts go.
func sameRights(r *rig, got, want *entitlements.Rights) {
	r.t.Helper()
	equal(r.t, "the revision", got.Revision, want.Revision)
	equal(r.t, "the entitlement", describe(got.Entitlement), describe(want.Entitlement))
	equal(r.t, "the overrides", describe(got.Overrides), describe(want.Overrides))
	equal(r.t, "the add-ons", describe(got.AddOns), describe(want.AddOns))
	equal(r.t, "the grants", describe(got.Grants), describe(want.Grants))
}

var historyRules = group{"history", []rule{
	{
		"the_history_tells_every_plan",
		"History lists the plans that were, are and will be in force, oldest first, from the first StartedAt on.",
		func(r *rig) {
			r.on(basic)
			r.later(time.Hour)
			r.move(team)
			second := r.now
			r.later(time.Hour)
			r.plan(free, started.AddDate(0, 1, 0))
			r.tells(spell(started, basic), spell(second, team), spell(started.AddDate(0, 1, 0), free))
			r.now = started.AddDate(0, 2, 0)
			r.move(big)
			r.tells(spell(started, basic), spell(second, team), spell(started.AddDate(0, 1, 0), free), spell(r.now, big))
		},
	},
	{
		"what_was_planned_and_dropped_is_not_told",
		"A plan that never came into force stands in no history.",
		func(r *rig) {
			r.on(team)
			r.later(time.Hour)
			r.plan(free, started.AddDate(0, 1, 0))
			r.later(time.Hour)
			r.entitle(func(e *entitlements.Entitlement) { e.Next = nil })
			r.tells(spell(started, team))
		},
	},
	{
		"a_change_of_status_is_told",
		"The history tells from when on a status counted, and that access ends by itself.",
		func(r *rig) {
			r.on(basic)
			r.later(time.Hour)
			end := r.now.Add(48 * time.Hour)
			r.entitle(func(e *entitlements.Entitlement) { e.Status, e.GraceUntil = entitlements.PastDue, end })
			due, over := spell(r.now, basic), spell(end, basic)
			due.Status, over.Status = entitlements.PastDue, entitlements.Canceled
			r.tells(spell(started, basic), due, over)
		},
	},
	{
		"what_changes_no_plan_leaves_the_history",
		"Overrides, grants and add-ons are no line of the history.",
		func(r *rig) {
			r.on(basic)
			r.later(time.Hour)
			r.grant(entitlements.Grant{Feature: calls, Amount: 1})
			r.attach(pack, 1)
			r.tells(spell(started, basic))
		},
	},
	{
		"nobody_subscribed_has_no_history",
		"A tenant without a plan has an empty history, which is no error.",
		func(r *rig) { r.tells() },
	},
}}

func spell(from time.Time, plan string) entitlements.Spell {
	return entitlements.Spell{From: from, Plan: plan, Status: entitlements.Active}
}

// tells fails unless the history has these lines; versions are not looked at.
func (r *rig) tells(want ...entitlements.Spell) {
	r.t.Helper()
	reporter, ok := r.reporter()
	if !ok {
		return
	}
	got, err := reporter.History(r.ctx(), r.tenant)
	if err != nil {
		r.t.Fatalf("History: %v", err)
	}
	same := func(a, b entitlements.Spell) bool {
		return a.From.Equal(b.From) && a.Plan == b.Plan && a.Status == b.Status
	}
	if !slices.EqualFunc(got, want, same) {
		r.t.Fatalf("History:\n  %v, want\n  %v", got, want)
	}
}
