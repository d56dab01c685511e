package entitlements

import (
	"slices"
	"time"
)

// Terms are what a tenant may do with one feature at an instant, after plan, trial, add-ons, overrides and grants.
type Terms struct {
	Feature     string
	Kind        Kind
	Reason      Reason    // ReasonAllowed when the feature is granted, else why not
	Source      Source    // what granted it, the strongest: override before add-on before trial before plan
	Limits      []Limit   // of a granted feature that is not a Config; at least one
	Value       string    // of a Config
	Plan        string    // in force
	PlanVersion int       // in force
	Anchor      time.Time // what periods are counted from
	Until       time.Time // when the terms may change by themselves; zero: only by a call
}

// Terms resolves what r says about feature at t. An unknown feature gives [ReasonUnknownFeature].
func (v *Versions) Terms(r *Rights, feature string, t time.Time) Terms {
	f, ok := v.Features[feature]
	terms := Terms{Feature: feature, Kind: f.Kind, Reason: ReasonUnknownFeature}
	if !ok {
		return terms
	}
	if r.Entitlement == nil {
		terms.Reason = ReasonNoPlan
		return terms
	}
	e := r.Entitlement.At(t)
	terms.Plan, terms.PlanVersion, terms.Anchor = e.Plan, e.Version, e.anchor()
	terms.Reason, terms.Until = e.access(t)
	if next := r.Entitlement.Next; next != nil && next.At.After(t) {
		terms.Until = earliest(terms.Until, next.At)
	}
	if terms.Reason != ReasonAllowed {
		return terms
	}
	v.fromPlan(&terms, e)
	v.fromAddOns(&terms, r)
	terms.fromOverrides(r.Overrides, t)
	terms.fromGrants(r.Grants, t)
	if terms.Source == FromNothing {
		terms.Reason = ReasonNotInPlan
	}
	return terms
}

func (v *Versions) fromPlan(terms *Terms, e Entitlement) {
	plan, _ := v.Plan(e.Plan, e.Version)
	allowance, ok := plan.Features[terms.Feature]
	if !ok {
		return
	}
	terms.Source, terms.Value, terms.Limits = FromPlan, allowance.Value, slices.Clone(allowance.Limits)
	if e.Status == Trialing && allowance.Trial != nil {
		terms.Source, terms.Limits = FromTrial, slices.Clone(allowance.Trial)
	}
	if terms.Kind == Boolean && terms.Limits[0].Hard == 0 {
		terms.Source, terms.Limits = FromNothing, nil
	}
}

func (v *Versions) fromAddOns(terms *Terms, r *Rights) {
	for _, a := range r.AddOns {
		v.addOn(terms, a.AddOn, a.Version, a.Quantity)
	}
}

// addOn adds one add-on and what it includes, in the versions that it pins. Cycles were refused when the catalogue was
// declared.
func (v *Versions) addOn(terms *Terms, id string, version int, quantity int64) {
	a, ok := v.AddOn(id, version)
	if !ok {
		return
	}
	for _, other := range a.Includes {
		v.addOn(terms, other, a.Pinned[other], quantity)
	}
	allowance, ok := a.Features[terms.Feature]
	if !ok || terms.Kind == Boolean && allowance.Limits[0].Hard == 0 {
		return
	}
	terms.Source = FromAddOn
	if allowance.Value != "" {
		terms.Value = allowance.Value
	}
	for _, l := range allowance.Limits {
		terms.add(l, quantity)
	}
}

// add adds quantity times l to the limit of the same period, or puts it beside the others.
func (t *Terms) add(l Limit, quantity int64) {
	l.Hard, l.Soft, l.Overage = times(l.Hard, quantity), times(l.Soft, quantity), times(l.Overage, quantity)
	i := t.window(l.Period)
	if i < 0 {
		t.Limits = append(t.Limits, l)
		return
	}
	have := &t.Limits[i]
	have.Hard, have.Soft, have.Overage = plus(have.Hard, l.Hard), plus(have.Soft, l.Soft), plus(have.Overage, l.Overage)
}

func (t *Terms) window(p Period) int {
	return slices.IndexFunc(t.Limits, func(l Limit) bool { return l.Period.normal() == p.normal() })
}

// plus adds two quantities of which either may be Unlimited, and stays within MaxQuantity.
func plus(a, b int64) int64 {
	if a == Unlimited || b == Unlimited {
		return Unlimited
	}
	return min(a+b, MaxQuantity)
}

func times(a, n int64) int64 {
	if a <= 0 {
		return a
	}
	if n > MaxQuantity/a {
		return MaxQuantity
	}
	return a * n
}

func (t *Terms) fromOverrides(overrides []Override, at time.Time) {
	for _, o := range overrides {
		if o.Feature != t.Feature || !o.ExpiresAt.IsZero() && !at.Before(o.ExpiresAt) {
			continue
		}
		t.Until = earliest(t.Until, o.ExpiresAt)
		t.patch(o)
	}
}

func (t *Terms) patch(o Override) {
	if t.Kind == Config {
		if o.Value != nil {
			t.Source, t.Value = FromOverride, *o.Value
		}
		return
	}
	i := t.window(o.Period)
	if i < 0 {
		if o.Hard == nil {
			return // nothing to patch
		}
		t.Limits = append(t.Limits, Limit{Period: o.Period.normal()})
		i = len(t.Limits) - 1
	}
	l := &t.Limits[i]
	set(&l.Hard, o.Hard)
	set(&l.Soft, o.Soft)
	set(&l.Overage, o.Overage)
	if l.Hard != Unlimited && (l.Soft == Unlimited || l.Soft > l.Hard) {
		l.Soft = l.Hard
	}
	t.Source = FromOverride
	if t.Kind == Boolean && l.Hard == 0 {
		t.Source, t.Limits = FromNothing, nil
	}
}

func set(to, from *int64) {
	if from != nil {
		*to = *from
	}
}

// fromGrants bounds the terms by what grants begin and end, lets live grants of a feature that the plan lacks stand
// alone, and raises a gauge's limit.
func (t *Terms) fromGrants(grants []Grant, at time.Time) {
	for _, g := range grants {
		if g.Feature != t.Feature || !g.VoidedAt.IsZero() {
			continue
		}
		if g.EffectiveAt.After(at) {
			t.Until = earliest(t.Until, g.EffectiveAt)
		}
		if !g.live(at) {
			continue
		}
		t.Until = earliest(t.Until, g.ExpiresAt)
		if t.Source == FromNothing {
			t.Source, t.Limits = FromGrant, t.alone()
		}
		if t.Kind == Gauge {
			t.Limits[0].Hard = plus(t.Limits[0].Hard, g.Amount)
		}
	}
}

func (t *Terms) alone() []Limit {
	if t.Kind == Boolean {
		return []Limit{{Hard: 1}}
	}
	return []Limit{{}}
}
