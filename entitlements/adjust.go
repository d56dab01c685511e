package entitlements

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// Override patches what the tenant's plan says about one feature and period. It replaces an earlier override of the
// same feature and period.
func (g *Gate) Override(ctx context.Context, tenant string, o Override) error {
	if o.Reason == "" {
		return prefix(tenon.Invalid("reason", "is empty"))
	}
	err := errors.Join(validNote("reason", o.Reason), validText("by", o.By, false), validInstant("expires_at", o.ExpiresAt),
		o.Period.validate("period"))
	if err != nil {
		return prefix(err)
	}
	_, _, err = g.change(ctx, tenant, func(r *Rights, v *Versions, now time.Time) (tenon.Change, error) {
		if err := o.validate(r, v, now); err != nil {
			return tenon.Change{}, prefix(err)
		}
		o.Period, o.CreatedAt, o.ExpiresAt = o.Period.normal(), now, tenon.Instant(o.ExpiresAt)
		if c, ok := tenon.CallerFrom(ctx); ok && o.By == "" {
			o.By = c.Actor
		}
		change := tenon.Change{Action: "entitlements.overridden", Target: "override/" + o.Feature, After: marshal(&o), Reason: o.Reason}
		if i := findOverride(r, o.Feature, o.Period); i >= 0 {
			change.Before = marshal(&r.Overrides[i])
			r.Overrides[i] = o
		} else {
			r.Overrides = append(r.Overrides, o)
		}
		return change, nil
	})
	return err
}

func findOverride(r *Rights, feature string, p Period) int {
	return slices.IndexFunc(r.Overrides, func(o Override) bool { return o.Feature == feature && o.Period == p.normal() })
}

func (o Override) validate(r *Rights, v *Versions, now time.Time) error {
	if r.Entitlement == nil {
		return ErrUnknownTenant
	}
	f, ok := v.Features[o.Feature]
	if !ok {
		return ErrUnknownFeature
	}
	if !o.ExpiresAt.IsZero() && !o.ExpiresAt.After(now) {
		return tenon.Invalid("expires_at", "lies in the past")
	}
	if f.Kind == Config {
		return o.validateValue(f)
	}
	if o.Value != nil {
		return tenon.Invalid("value", "only a config feature has a value")
	}
	without := r.Clone()
	if i := findOverride(without, o.Feature, o.Period); i >= 0 { // it makes room for o
		without.Overrides = slices.Delete(without.Overrides, i, i+1)
	}
	return o.validateLimit(f, v.Terms(without, o.Feature, now))
}

func (o Override) validateValue(f Feature) error {
	if o.Period.Unit != Lifetime {
		return tenon.Invalid("period", "a config feature has no period")
	}
	if o.Value == nil || o.Hard != nil || o.Soft != nil || o.Overage != nil {
		return tenon.Invalid("value", "a config feature is overridden by a value and nothing else")
	}
	return f.checkValue("value", *o.Value)
}

// validateLimit checks the limit that results.
func (o Override) validateLimit(f Feature, terms Terms) error {
	if o.Hard == nil && o.Soft == nil && o.Overage == nil {
		return tenon.Invalid("hard", "nothing is overridden")
	}
	l := Limit{Period: o.Period}
	if i := terms.window(o.Period); i >= 0 {
		l = terms.Limits[i]
	} else if o.Hard == nil {
		return tenon.Invalid("hard", "the plan has no limit by %s to patch: it must be given", o.Period)
	}
	set(&l.Hard, o.Hard)
	set(&l.Overage, o.Overage)
	if set(&l.Soft, o.Soft); o.Soft == nil && l.Hard != Unlimited && (l.Soft == Unlimited || l.Soft > l.Hard) {
		l.Soft = l.Hard // the plan's soft limit follows a lower hard limit
	}
	err := l.validate("override", f.Kind)
	var field *tenon.FieldError
	if errors.As(err, &field) {
		field.Field = field.Field[len("override."):]
	}
	return err
}

// RemoveOverride takes the override of a feature and period away. Without one it is [ErrUnknownGrant].
func (g *Gate) RemoveOverride(ctx context.Context, tenant, feature string, p Period) error {
	_, _, err := g.change(ctx, tenant, func(r *Rights, _ *Versions, _ time.Time) (tenon.Change, error) {
		i := findOverride(r, feature, p)
		if i < 0 {
			return tenon.Change{}, ErrUnknownGrant
		}
		change := tenon.Change{Action: "entitlements.override_removed", Target: "override/" + feature, Before: marshal(&r.Overrides[i])}
		r.Overrides = slices.Delete(r.Overrides, i, i+1)
		return change, nil
	})
	return err
}

// Attach gives the tenant an add-on, quantity times, in its newest version. One that it has is replaced.
func (g *Gate) Attach(ctx context.Context, tenant, addOn string, quantity int64) error {
	if quantity < 1 || quantity > 1_000_000 {
		return prefix(tenon.Invalid("quantity", "%d is not within 1 and 1,000,000", quantity))
	}
	_, _, err := g.change(ctx, tenant, func(r *Rights, v *Versions, now time.Time) (tenon.Change, error) {
		a, ok := v.AddOn(addOn, 0)
		switch {
		case r.Entitlement == nil:
			return tenon.Change{}, ErrUnknownTenant
		case !ok:
			return tenon.Change{}, ErrUnknownAddOn
		case a.Inactive:
			return tenon.Change{}, ErrPlanInactive
		}
		next := Attachment{AddOn: addOn, Version: a.Version, Quantity: quantity, AttachedAt: now}
		change := tenon.Change{Action: "entitlements.addon_attached", Target: "addon/" + addOn, After: marshal(&next)}
		if i := findAddOn(r, addOn); i >= 0 {
			change.Before = marshal(&r.AddOns[i])
			r.AddOns[i] = next
		} else {
			r.AddOns = append(r.AddOns, next)
		}
		return change, nil
	})
	return err
}

func findAddOn(r *Rights, id string) int {
	return slices.IndexFunc(r.AddOns, func(a Attachment) bool { return a.AddOn == id })
}

// Detach takes an add-on away. One that the tenant does not have is [ErrUnknownAddOn].
func (g *Gate) Detach(ctx context.Context, tenant, addOn string) error {
	_, _, err := g.change(ctx, tenant, func(r *Rights, _ *Versions, _ time.Time) (tenon.Change, error) {
		i := findAddOn(r, addOn)
		if i < 0 {
			return tenon.Change{}, ErrUnknownAddOn
		}
		change := tenon.Change{Action: "entitlements.addon_detached", Target: "addon/" + addOn, Before: marshal(&r.AddOns[i])}
		r.AddOns = slices.Delete(r.AddOns, i, i+1)
		return change, nil
	})
	return err
}

// Grant gives the tenant extra units. Of grant, Feature and Amount are required; a zero EffectiveAt is now; Used, Held and
// CreatedAt are ignored. With an ID ([tenon.NewID]) it may be sent again after an unknown outcome: what is there under
// the ID is returned, and is [ErrKeyReused] when it is of another feature or amount. It returns the grant as stored.
func (g *Gate) Grant(ctx context.Context, tenant string, grant Grant) (Grant, error) {
	if err := grant.validate(); err != nil {
		return Grant{}, prefix(err)
	}
	_, _, err := g.change(ctx, tenant, func(r *Rights, v *Versions, now time.Time) (tenon.Change, error) {
		if i := slices.IndexFunc(r.Grants, func(g Grant) bool { return g.ID == grant.ID }); i >= 0 {
			return grant.again(r.Grants[i])
		}
		f, ok := v.Features[grant.Feature]
		switch {
		case r.Entitlement == nil:
			return tenon.Change{}, ErrUnknownTenant
		case !ok:
			return tenon.Change{}, ErrUnknownFeature
		case f.Kind == Config:
			return tenon.Change{}, prefix(tenon.Invalid("feature", "a config feature has no units to grant"))
		}
		grant.ID, grant.CreatedAt, grant.EffectiveAt = cmp.Or(grant.ID, tenon.NewID(now)), now, orElse(grant.EffectiveAt, now)
		grant.Used, grant.Held, grant.ExpiresAt, grant.VoidedAt = 0, 0, tenon.Instant(grant.ExpiresAt), time.Time{}
		if !grant.ExpiresAt.IsZero() && !grant.ExpiresAt.After(grant.EffectiveAt) {
			return tenon.Change{}, prefix(tenon.Invalid("expires_at", "does not lie after the grant's start"))
		}
		r.Grants = append(r.Grants, grant)
		return tenon.Change{Action: "entitlements.granted", Target: "grant/" + grant.ID, After: marshal(&grant), Reason: grant.Reason}, nil
	})
	var again *grantedBefore
	if errors.As(err, &again) {
		return again.Grant, nil
	}
	return grant, err
}

// grantedBefore ends a change that has nothing to change.
type grantedBefore struct{ Grant }

func (*grantedBefore) Error() string { return "granted before" }

// again answers a grant whose ID is there.
func (g Grant) again(there Grant) (tenon.Change, error) {
	if g.Feature != there.Feature || g.Amount != there.Amount {
		return tenon.Change{}, ErrKeyReused
	}
	return tenon.Change{}, &grantedBefore{there}
}

func (g Grant) validate() error {
	if g.Amount < 1 || g.Amount > MaxQuantity {
		return tenon.Invalid("amount", "%d is not within 1 and %d", g.Amount, MaxQuantity)
	}
	if g.ID != "" && !isUUID(g.ID) {
		return tenon.Invalid("id", "%.60q is not a UUID in lower case", g.ID)
	}
	if g.Priority < math.MinInt32 || g.Priority > math.MaxInt32 {
		return tenon.Invalid("priority", "%d does not fit 32 bits", g.Priority)
	}
	return errors.Join(validNote("reason", g.Reason), validInstant("effective_at", g.EffectiveAt), validInstant("expires_at", g.ExpiresAt))
}

// Void takes back what is left of a grant. What was used of it stays used; open holds on it stay good. Voiding twice
// is not an error; an unknown id is [ErrUnknownGrant].
func (g *Gate) Void(ctx context.Context, tenant, id, reason string) error {
	if err := validNote("reason", reason); err != nil {
		return prefix(err)
	}
	_, _, err := g.change(ctx, tenant, func(r *Rights, _ *Versions, now time.Time) (tenon.Change, error) {
		i := slices.IndexFunc(r.Grants, func(g Grant) bool { return g.ID == id })
		if i < 0 {
			return tenon.Change{}, ErrUnknownGrant
		}
		before := marshal(&r.Grants[i])
		if r.Grants[i].VoidedAt.IsZero() {
			r.Grants[i].VoidedAt = now
		}
		return tenon.Change{Action: "entitlements.grant_voided", Target: "grant/" + id, Before: before, After: marshal(&r.Grants[i]), Reason: reason}, nil
	})
	return err
}
