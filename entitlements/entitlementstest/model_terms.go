package entitlementstest

import (
	"cmp"
	"slices"
	"time"

	"github.com/transbotai/tenon/entitlements"
)

// limits returns what the tenant may use of a feature now, or why nothing.
func (m *reference) limits(feature string) (entitlements.Reason, []entitlements.Limit) {
	switch {
	case m.status == entitlements.Paused:
		return entitlements.ReasonSuspended, nil
	case m.status == entitlements.PastDue && !m.now.Before(m.grace):
		return entitlements.ReasonPastDue, nil
	}
	limits := m.planLimits(feature)
	for _, a := range m.addOns {
		limits = m.addOn(limits, feature, a.AddOn, a.Quantity)
	}
	limits = m.overridden(limits, feature)
	if limits == nil && len(m.live(feature)) > 0 {
		limits = []entitlements.Limit{{}}
	}
	if limits == nil {
		return entitlements.ReasonNotInPlan, nil
	}
	if m.kind(feature) == entitlements.Gauge {
		for _, g := range m.live(feature) {
			limits[0].Hard = sum(limits[0].Hard, g.Amount)
		}
	}
	return entitlements.ReasonAllowed, limits
}

func (m *reference) planLimits(feature string) []entitlements.Limit {
	for _, p := range m.catalog.Plans {
		if p.ID == m.plan {
			return slices.Clone(p.Features[feature].Limits)
		}
	}
	return nil
}

func (m *reference) addOn(limits []entitlements.Limit, feature, id string, quantity int64) []entitlements.Limit {
	for _, a := range m.catalog.AddOns {
		if a.ID != id {
			continue
		}
		for _, other := range a.Includes {
			limits = m.addOn(limits, feature, other, quantity)
		}
		for _, l := range a.Features[feature].Limits {
			i := slices.IndexFunc(limits, func(have entitlements.Limit) bool { return have.Period == l.Period })
			if i < 0 {
				limits, i = append(limits, entitlements.Limit{Period: l.Period}), len(limits)
			}
			limits[i].Hard = sum(limits[i].Hard, l.Hard*quantity)
		}
	}
	return limits
}

func (m *reference) overridden(limits []entitlements.Limit, feature string) []entitlements.Limit {
	for _, o := range m.overrides {
		if o.Feature != feature || !o.ExpiresAt.IsZero() && !m.now.Before(o.ExpiresAt) {
			continue
		}
		i := slices.IndexFunc(limits, func(have entitlements.Limit) bool { return have.Period == o.Period })
		if i < 0 {
			limits, i = append(limits, entitlements.Limit{Period: o.Period}), len(limits)
		}
		limits[i].Hard, limits[i].Overage = *o.Hard, *o.Overage
		if *o.Hard != entitlements.Unlimited {
			limits[i].Soft = min(limits[i].Soft, *o.Hard)
		}
	}
	return limits
}

func sum(a, b int64) int64 {
	if a == entitlements.Unlimited || b == entitlements.Unlimited {
		return entitlements.Unlimited
	}
	return a + b
}

// live returns the grants of a feature that can be drawn from now, in the order in which they burn.
func (m *reference) live(feature string) []*refGrant {
	var live []*refGrant
	for _, g := range m.grants {
		ended := !g.ExpiresAt.IsZero() && !m.now.Before(g.ExpiresAt)
		if g.Feature == feature && !g.voided && !ended && !m.now.Before(g.EffectiveAt) {
			live = append(live, g)
		}
	}
	slices.SortStableFunc(live, func(a, b *refGrant) int { // they lie there oldest first
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), ending(a).Compare(ending(b)))
	})
	return live
}

func ending(g *refGrant) time.Time {
	if g.ExpiresAt.IsZero() {
		return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return g.ExpiresAt
}

// covered is how a quantity is covered.
type covered struct {
	included int64
	draws    []refDraw
	overage  int64
	missing  int64 // what nothing covers
}

const plenty = int64(1) << 60

// cover covers as much of a quantity as it can: the plan's allowance first, then grants in their order, then overage.
func (m *reference) cover(feature string, quantity int64, at time.Time) covered {
	allowance, room := plenty, plenty
	for _, w := range m.windows(feature, at) {
		if w.Hard == entitlements.Unlimited {
			continue
		}
		level := m.level(feature, w)
		allowance = min(allowance, max(0, w.Hard-level))
		if w.Overage != entitlements.Unlimited {
			room = min(room, max(0, w.Hard+w.Overage-level))
		}
	}
	c := covered{included: min(quantity, allowance)}
	quantity -= c.included
	if m.kind(feature) == entitlements.Metered {
		for _, g := range m.live(feature) {
			if take := min(quantity, m.left(g)); take > 0 {
				c.draws = append(c.draws, refDraw{grant: g, quantity: take})
				quantity -= take
			}
		}
	}
	c.overage = min(quantity, max(0, room-c.included))
	c.missing = quantity - c.overage
	return c
}

// remaining is what the plan and grants still cover now.
func (m *reference) remaining(feature string) int64 {
	c := m.cover(feature, plenty, m.now)
	if c.included == plenty {
		return entitlements.Unlimited
	}
	return c.included + total(c.draws)
}
