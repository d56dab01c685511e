package entitlementstest

import (
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// started is since when a rig's tenant has its plan, and what its periods are counted from.
var started = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// declare applies a catalogue.
func (r *rig) declare(c entitlements.Catalog) entitlements.CatalogDiff {
	r.t.Helper()
	diff, err := r.store.Declare(r.ctx(), c, r.now)
	if err != nil {
		r.t.Fatalf("Declare: %v", err)
	}
	return diff
}

// versions returns the stored catalogue.
func (r *rig) versions() *entitlements.Versions {
	r.t.Helper()
	v, err := r.store.Versions(r.ctx())
	if err != nil {
		r.t.Fatalf("Versions: %v", err)
	}
	return v
}

// change edits the tenant's rights.
func (r *rig) change(edit func(rights *entitlements.Rights, v *entitlements.Versions)) *entitlements.Rights {
	r.t.Helper()
	rights, err := r.store.Change(r.ctx(), r.tenant, r.now, func(rights *entitlements.Rights, v *entitlements.Versions) ([]tenon.Change, error) {
		edit(rights, v)
		return []tenon.Change{{Tenant: r.tenant, Action: "test.changed", Target: "entitlement/" + r.tenant, At: r.now}}, nil
	})
	if err != nil {
		r.t.Fatalf("Change: %v", err)
	}
	return rights
}

// entitle edits the tenant's entitlement.
func (r *rig) entitle(edit func(e *entitlements.Entitlement)) {
	r.t.Helper()
	r.change(func(rights *entitlements.Rights, _ *entitlements.Versions) { edit(rights.Entitlement) })
}

// on subscribes the tenant to the newest version of a plan, active since [started].
func (r *rig) on(plan string) *rig {
	r.t.Helper()
	r.change(func(rights *entitlements.Rights, v *entitlements.Versions) {
		p, ok := v.Plan(plan, 0)
		if !ok {
			r.t.Errorf("the stored catalogue lacks the plan %q", plan)
		}
		rights.Entitlement = &entitlements.Entitlement{Plan: plan, Version: p.Version, Status: entitlements.Active, StartedAt: started}
	})
	return r
}

// move puts the tenant on another plan at once.
func (r *rig) move(plan string) {
	r.t.Helper()
	r.change(func(rights *entitlements.Rights, v *entitlements.Versions) {
		p, _ := v.Plan(plan, 0)
		rights.Entitlement.Plan, rights.Entitlement.Version = plan, p.Version
	})
}

// grant gives units and returns the grant's id. A zero EffectiveAt is now.
func (r *rig) grant(g entitlements.Grant) string {
	r.t.Helper()
	g.ID, g.CreatedAt = newID(), r.now
	if g.EffectiveAt.IsZero() {
		g.EffectiveAt = r.now
	}
	r.change(func(rights *entitlements.Rights, _ *entitlements.Versions) { rights.Grants = append(rights.Grants, g) })
	return g.ID
}

// granted returns a grant as it stands.
func (r *rig) granted(id string) entitlements.Grant {
	r.t.Helper()
	for _, g := range r.standing().Rights.Grants {
		if g.ID == id {
			return g
		}
	}
	r.t.Fatalf("the grant %s is not stored", id)
	return entitlements.Grant{}
}

// override puts an override in the place of one of the same feature and period.
func (r *rig) override(o entitlements.Override) {
	r.t.Helper()
	o.CreatedAt, o.Reason = r.now, "agreed"
	r.change(func(rights *entitlements.Rights, _ *entitlements.Versions) {
		for i, have := range rights.Overrides {
			if have.Feature == o.Feature && have.Period == o.Period {
				rights.Overrides[i] = o
				return
			}
		}
		rights.Overrides = append(rights.Overrides, o)
	})
}

// attach gives the tenant an add-on in its newest version.
func (r *rig) attach(addOn string, quantity int64) {
	r.t.Helper()
	r.change(func(rights *entitlements.Rights, v *entitlements.Versions) {
		a, ok := v.AddOn(addOn, 0)
		if !ok {
			r.t.Errorf("the stored catalogue lacks the add-on %q", addOn)
		}
		rights.AddOns = append(rights.AddOns, entitlements.Attachment{AddOn: addOn, Version: a.Version, Quantity: quantity, AttachedAt: r.now})
	})
}
