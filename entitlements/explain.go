package entitlements

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// Explanation shows where a Decision comes from, side by side, for a person who has to answer a customer.
type Explanation struct {
	Tenant      string       `json:"tenant"`
	Feature     Feature      `json:"feature"`
	Entitlement Entitlement  `json:"entitlement"`
	Plan        *Allowance   `json:"plan,omitempty"`      // what the plan version says; nil: nothing
	AddOns      []Attachment `json:"addons,omitempty"`    // those that speak of the feature
	Overrides   []Override   `json:"overrides,omitempty"` // expired ones are left out
	Grants      []Grant      `json:"grants,omitempty"`    // in the order in which they burn, then those that do not
	Effective   []Limit      `json:"effective,omitempty"` // after all of these
	Value       string       `json:"value,omitempty"`
	Counters    []Counter    `json:"counters,omitempty"` // of the present periods
	Holds       []StoredHold `json:"holds,omitempty"`    // open ones
	Decision    Decision     `json:"decision"`           // what a check says
	At          time.Time    `json:"at"`
}

// Explain returns what decides about the tenant and the feature, read from the store in its present state.
func (g *Gate) Explain(ctx context.Context, tenant, feature string) (Explanation, error) {
	s, now, err := g.standing(ctx, tenant)
	if err != nil {
		return Explanation{}, err
	}
	versions, err := g.knowing(ctx, feature, s.Rights)
	if err != nil {
		return Explanation{}, err
	}
	x := s.explain(versions, versions.Features[feature], now)
	if reporter, ok := g.store.Store.(Reporter); ok {
		x.Holds, err = reporter.Holds(ctx, tenant, feature, now)
	}
	return x, err
}

func (s Standing) explain(versions *Versions, f Feature, now time.Time) Explanation {
	x := Explanation{Tenant: s.Rights.Tenant, Feature: f, Entitlement: s.Rights.Entitlement.At(now), At: now}
	plan, _ := versions.Plan(x.Entitlement.Plan, x.Entitlement.Version)
	if allowance, ok := plan.Features[f.Key]; ok {
		x.Plan = &allowance
	}
	for _, a := range s.Rights.AddOns {
		if versions.speaks(a, f.Key) {
			x.AddOns = append(x.AddOns, a)
		}
	}
	for _, o := range s.Rights.Overrides {
		if o.Feature == f.Key && (o.ExpiresAt.IsZero() || now.Before(o.ExpiresAt)) {
			x.Overrides = append(x.Overrides, o)
		}
	}
	account := s.account(versions, f.Key, now)
	x.Grants = account.listGrants(now)
	x.Effective, x.Value = account.Terms.Limits, account.Terms.Value
	x.Decision, _ = s.answer(versions, f.Key, now)
	for _, c := range account.Counters {
		x.Counters = append(x.Counters, *c)
	}
	return x
}

// speaks says whether having a changes anything for the feature.
func (v *Versions) speaks(a Attachment, feature string) bool {
	terms := Terms{Feature: feature, Kind: v.Features[feature].Kind}
	v.addOn(&terms, a.AddOn, a.Version, a.Quantity)
	return terms.Source == FromAddOn
}

func (a *Account) listGrants(now time.Time) []Grant {
	burning := a.burnable(now)
	var list []Grant
	for _, g := range burning {
		list = append(list, *g)
	}
	for _, g := range a.Grants {
		if !slices.Contains(burning, g) {
			list = append(list, *g)
		}
	}
	return list
}

// String returns the explanation in lines that a person reads.
func (x Explanation) String() string {
	var b strings.Builder
	e := x.Entitlement
	fmt.Fprintf(&b, "%s, %s: %s (%s)\n", x.Tenant, x.Feature.Key, x.Decision.Text(), x.Decision.Reason)
	fmt.Fprintf(&b, "  plan       %s version %d, %s\n", e.Plan, e.Version, e.Status)
	if x.Plan == nil {
		fmt.Fprintf(&b, "             does not grant it\n")
	} else {
		fmt.Fprintf(&b, "             grants %s\n", describeLimits(x.Plan.Limits, x.Plan.Value))
	}
	for _, a := range x.AddOns {
		fmt.Fprintf(&b, "  add-on     %d × %s version %d\n", a.Quantity, a.AddOn, a.Version)
	}
	for _, o := range x.Overrides {
		fmt.Fprintf(&b, "  override   %s; %s\n", o.text(), o.Reason)
	}
	for _, g := range x.Grants {
		fmt.Fprintf(&b, "  grant      %d, %d used, %d held, priority %d%s\n", g.Amount, g.Used, g.Held, g.Priority, g.end())
	}
	fmt.Fprintf(&b, "  effective  %s, from %s\n", describeLimits(x.Effective, x.Value), x.Decision.Source)
	for _, c := range x.Counters {
		fmt.Fprintf(&b, "  used       %d, %d held, %d of both from grants, in the %s from %s\n", c.Used, c.Held, c.Granted, c.Period, c.Start.Format(time.RFC3339))
	}
	for _, h := range x.Holds {
		fmt.Fprintf(&b, "  hold       %d%s\n", h.Quantity, expiry(h.ExpiresAt))
	}
	return b.String()
}

func expiry(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ", expires " + t.Format(time.RFC3339)
}

// end says when g stops to count, in words.
func (g Grant) end() string {
	if !g.VoidedAt.IsZero() {
		return ", taken back " + g.VoidedAt.Format(time.RFC3339)
	}
	return expiry(g.ExpiresAt)
}

func describeLimits(limits []Limit, value string) string {
	if value != "" {
		return value
	}
	if len(limits) == 0 {
		return "nothing"
	}
	var parts []string
	for _, l := range limits {
		past := ""
		if l.Overage != 0 {
			past = ", overage " + amount(l.Overage)
		}
		parts = append(parts, fmt.Sprintf("hard %s, soft %s%s by %s", amount(l.Hard), amount(l.Soft), past, l.Period))
	}
	return strings.Join(parts, "; ")
}

func amount(n int64) string {
	if n == Unlimited {
		return "unlimited"
	}
	return fmt.Sprint(n)
}

func (o Override) text() string {
	var parts []string
	for name, n := range map[string]*int64{"hard": o.Hard, "soft": o.Soft, "overage": o.Overage} {
		if n != nil {
			parts = append(parts, name+" "+amount(*n))
		}
	}
	if o.Value != nil {
		parts = append(parts, *o.Value)
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ") + expiry(o.ExpiresAt)
}

// History returns the plans that the tenant was, is and will be on, oldest first.
func (g *Gate) History(ctx context.Context, tenant string) ([]Spell, error) {
	reporter, err := g.reporter()
	if err != nil {
		return nil, err
	}
	return reporter.History(ctx, tenant)
}

// Reconcile compares what is counted with the events, for one tenant or, when tenant is empty, for all, and returns
// what differs. It changes nothing; see [Gate.Repair].
func (g *Gate) Reconcile(ctx context.Context, tenant string) ([]Drift, error) {
	reporter, err := g.reporter()
	if err != nil {
		return nil, err
	}
	return reporter.Reconcile(ctx, tenant, false)
}

// Repair sets right what [Gate.Reconcile] finds, and returns it.
func (g *Gate) Repair(ctx context.Context, tenant string) ([]Drift, error) {
	reporter, err := g.reporter()
	if err != nil {
		return nil, err
	}
	return reporter.Reconcile(ctx, tenant, true)
}

func (g *Gate) reporter() (Reporter, error) {
	if r, ok := g.store.Store.(Reporter); ok {
		return r, nil
	}
	return nil, fmt.Errorf("entitlements: the store keeps no reports: %w", tenon.ErrNotFound)
}
