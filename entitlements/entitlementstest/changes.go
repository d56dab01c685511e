package entitlementstest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// TestChanges checks that a store hands every change of rights and of the catalogue to a [tenon.Recorder]. NewStore gives
// a store that hands them to rec, in the transaction of the change.
func TestChanges(t *testing.T, newStore func(t *testing.T, rec tenon.Recorder) entitlements.Store) {
	for _, one := range recorderRules {
		t.Run(one.name, func(t *testing.T) {
			rec := &Recorder{}
			r := newRig(t, newStore(t, rec))
			r.try(rule{one.name, one.says, func(r *rig) { one.run(r, rec) }})
		})
	}
}

type recorderRule struct {
	name string
	says string
	run  func(r *rig, rec *Recorder)
}

// actions returns the actions that were recorded of the tenant.
func (r *rig) actions(rec *Recorder) []string {
	var actions []string
	for _, c := range rec.Changes() {
		if c.Tenant == r.tenant {
			actions = append(actions, c.Action)
		}
	}
	return actions
}

var recorderRules = []recorderRule{
	{
		"every_change_of_rights_is_recorded",
		"Each call that changes a tenant's rights hands over one change.",
		func(r *rig, rec *Recorder) {
			g, ctx := r.subscribed(basic), r.ctx()
			grant, granted := g.Grant(ctx, r.tenant, entitlements.Grant{Feature: calls, Amount: 5})
			_, moved := g.ChangePlan(ctx, entitlements.PlanChange{Tenant: r.tenant, Plan: team})
			_, trialled := g.StartTrial(ctx, entitlements.Trial{Tenant: r.tenant, Plan: team, Length: time.Hour})
			_, paused := g.SetStatus(ctx, entitlements.StatusChange{Tenant: r.tenant, Status: entitlements.Paused})
			_, canceled := g.Cancel(ctx, r.tenant, entitlements.Now, "moved away")
			err := errors.Join(
				granted, moved, trialled, paused, canceled,
				g.Override(ctx, r.tenant, entitlements.Override{Feature: calls, Period: entitlements.Monthly, Hard: number(7), Reason: "agreed"}),
				g.RemoveOverride(ctx, r.tenant, calls, entitlements.Monthly),
				g.Attach(ctx, r.tenant, pack, 1),
				g.Detach(ctx, r.tenant, pack),
				g.Void(ctx, r.tenant, grant.ID, "a mistake"),
			)
			equal(r.t, "the error", err, nil)
			want := []string{
				"entitlements.subscribed", "entitlements.granted", "entitlements.plan_changed", "entitlements.trial_started",
				"entitlements.status_changed", "entitlements.canceled", "entitlements.overridden", "entitlements.override_removed",
				"entitlements.addon_attached", "entitlements.addon_detached", "entitlements.grant_voided",
			}
			if got := r.actions(rec); !slices.Equal(got, want) {
				r.t.Fatalf("recorded %q, want %q", got, want)
			}
		},
	},
	{
		"a_change_says_who_what_when_and_why",
		"A change has the state before and after, the reason and the time, and the Caller travels in the context.",
		func(r *rig, rec *Recorder) {
			g := r.subscribed(basic)
			ctx := tenon.WithCaller(r.ctx(), tenon.Caller{Actor: "ada"})
			_, err := g.ChangePlan(ctx, entitlements.PlanChange{Tenant: r.tenant, Plan: team, Reason: "they asked"})
			equal(r.t, "the error", err, nil)
			changes := rec.Changes()
			c := changes[len(changes)-1]
			equal(r.t, "the actor", c.Caller.Actor, "ada")
			equal(r.t, "the reason", c.Reason, "they asked")
			equal(r.t, "the target", c.Target, "entitlement/"+r.tenant)
			equal(r.t, "the time is set", c.At.IsZero(), false)
			for _, side := range []struct {
				state json.RawMessage
				plan  string
			}{{c.Before, basic}, {c.After, team}} {
				var e entitlements.Entitlement
				equal(r.t, "the error of the JSON", json.Unmarshal(side.state, &e), nil)
				equal(r.t, "the plan", e.Plan, side.plan)
			}
		},
	},
	{
		"a_change_that_cannot_be_recorded_is_undone",
		"The recorder's error undoes the change and is returned.",
		func(r *rig, rec *Recorder) {
			r.on(basic)
			full := errors.New("the log is full")
			rec.Fail(full)
			before := r.standing().Rights
			_, err := r.gate().ChangePlan(r.ctx(), entitlements.PlanChange{Tenant: r.tenant, Plan: team})
			equal(r.t, "the error is the recorder's", errors.Is(err, full), true)
			sameRights(r, r.standing().Rights, before)
			rec.Fail(nil)
		},
	},
	{
		"a_declaration_is_recorded_and_undone_alike",
		"What Declare changed is handed over; what changed nothing is not; an error undoes it.",
		func(r *rig, rec *Recorder) {
			catalogue.Lock()
			defer catalogue.Unlock()
			plan, full := newPlan(), errors.New("the log is full")
			rec.Fail(full)
			_, err := r.store.Declare(r.ctx(), with(plan, 10), r.now)
			equal(r.t, "the error is the recorder's", errors.Is(err, full), true)
			_, stored := r.versions().Plan(plan, 0)
			equal(r.t, "the plan is stored", stored, false)
			rec.Fail(nil)
			r.declare(with(plan, 10))
			r.declare(with(plan, 10))
			changes := rec.Changes()
			about := func(c Recorded) bool { return c.Target == "plan/"+plan }
			equal(r.t, "it is recorded", slices.ContainsFunc(changes, about), true)
			changes = slices.DeleteFunc(changes, func(c Recorded) bool { return !about(c) })
			equal(r.t, "it is recorded once", len(changes), 1)
			_, err = r.store.Declare(context.WithoutCancel(r.ctx()), Catalog(), r.now)
			equal(r.t, "the error", err, nil)
		},
	},
}
