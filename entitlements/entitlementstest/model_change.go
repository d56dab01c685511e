package entitlementstest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/transbotai/tenon/entitlements"
)

// change carries out a step that changes rights, a millisecond later, so that no two grants are of one age.
func (p *player) change(s step) error {
	p.pass(time.Millisecond)
	switch s.act {
	case move, planned:
		return p.plan(s)
	case status:
		p.m.status, p.m.grace = s.status, p.now.Add(s.length)
		return p.edit(func(r *entitlements.Rights, _ *entitlements.Versions) {
			r.Entitlement.Status, r.Entitlement.GraceUntil = s.status, p.m.grace
		})
	case cycle:
		p.m.anchor = p.now.Add(-s.late)
		return p.edit(func(r *entitlements.Rights, _ *entitlements.Versions) { r.Entitlement.Anchor = p.m.anchor })
	case override:
		return p.patch(s)
	case bestow:
		return p.bestow(s)
	case void:
		return p.void(s)
	default:
		return p.addOn(s)
	}
}

func (p *player) plan(s step) error {
	if s.act == move {
		p.m.plan, p.m.next = s.plan, nil
	} else {
		p.m.next = &entitlements.Next{At: p.now.Add(s.length), Plan: s.plan}
	}
	return p.edit(func(r *entitlements.Rights, v *entitlements.Versions) {
		plan, _ := v.Plan(s.plan, 0)
		if s.act == move {
			r.Entitlement.Plan, r.Entitlement.Version, r.Entitlement.Next = s.plan, plan.Version, nil
			return
		}
		next := *p.m.next
		next.Version = plan.Version
		r.Entitlement.Next = &next
	})
}

func (p *player) patch(s step) error {
	o := entitlements.Override{
		Feature: s.feature, Period: s.period, Hard: number(s.hard), Overage: number(s.overage), Reason: "agreed", CreatedAt: p.now,
	}
	if s.length > 0 {
		o.ExpiresAt = p.now.Add(s.length)
	}
	replace := func(all []entitlements.Override) []entitlements.Override {
		same := func(have entitlements.Override) bool { return have.Feature == o.Feature && have.Period == o.Period }
		if i := slices.IndexFunc(all, same); i >= 0 {
			all[i] = o
			return all
		}
		return append(all, o)
	}
	p.m.overrides = replace(p.m.overrides)
	return p.edit(func(r *entitlements.Rights, _ *entitlements.Versions) { r.Overrides = replace(r.Overrides) })
}

func (p *player) bestow(s step) error {
	g := entitlements.Grant{
		ID: newID(), Feature: s.feature, Amount: s.quantity, Priority: s.priority, CreatedAt: p.now, EffectiveAt: p.now.Add(-s.late),
	}
	if s.length > time.Minute {
		g.ExpiresAt = g.EffectiveAt.Add(s.length)
	}
	p.m.grants = append(p.m.grants, &refGrant{Grant: g})
	return p.edit(func(r *entitlements.Rights, _ *entitlements.Versions) { r.Grants = append(r.Grants, g) })
}

func (p *player) void(s step) error {
	if s.pick >= len(p.m.grants) {
		return nil
	}
	g := p.m.grants[len(p.m.grants)-1-s.pick]
	g.voided = true
	return p.edit(func(r *entitlements.Rights, _ *entitlements.Versions) {
		i := slices.IndexFunc(r.Grants, func(have entitlements.Grant) bool { return have.ID == g.ID })
		if r.Grants[i].VoidedAt.IsZero() {
			r.Grants[i].VoidedAt = p.now
		}
	})
}

func (p *player) addOn(s step) error {
	change := func(all []entitlements.Attachment, version int) []entitlements.Attachment {
		all = slices.DeleteFunc(all, func(a entitlements.Attachment) bool { return a.AddOn == s.plan })
		if s.act == detach {
			return all
		}
		return append(all, entitlements.Attachment{AddOn: s.plan, Version: version, Quantity: s.quantity, AttachedAt: p.now})
	}
	p.m.addOns = change(p.m.addOns, 0)
	return p.edit(func(r *entitlements.Rights, v *entitlements.Versions) {
		a, _ := v.AddOn(s.plan, 0)
		r.AddOns = change(r.AddOns, a.Version)
	})
}

// compareStanding compares what the store says of the tenant as a whole: the counters that it has, and the grants.
func (p *player) compareStanding() error {
	p.since = 0
	found, err := p.store.Load(p.ctx(), []string{p.tenant}, p.now)
	if err != nil {
		return err
	}
	for feature, list := range found[0].Counters {
		for _, c := range list {
			w := refWindow{start: c.Start, end: c.End}
			got, want := [3]int64{c.Used, c.Held, c.Granted}, [3]int64{p.m.used(feature, w), p.m.held(feature, w), p.m.fromGrants(feature, w)}
			if got != want {
				return fmt.Errorf("the counter of %s by %s has used, held, granted %v, want %v", feature, c.Period, got, want)
			}
		}
	}
	for i, g := range found[0].Rights.Grants {
		used, held := p.m.drawn(p.m.grants[i])
		if g.ID != p.m.grants[i].ID || g.Used != used || g.Held != held || used+held > g.Amount {
			return fmt.Errorf("the grant %d of %d has used, held %v, want %v", i, g.Amount, [2]int64{g.Used, g.Held}, [2]int64{used, held})
		}
	}
	return nil
}

// finish compares what is left at the end, and asks whether the counters agree with the events.
func (p *player) finish() error {
	if err := p.compareStanding(); err != nil {
		return err
	}
	reporter, ok := p.store.(entitlements.Reporter)
	if !ok {
		return nil
	}
	drifts, err := reporter.Reconcile(p.ctx(), p.tenant, false)
	if err != nil || len(drifts) > 0 {
		return errors.Join(err, fmt.Errorf("what is counted differs: %v", drifts))
	}
	return p.compareUsage(reporter)
}

// compareUsage compares the sum of each feature's events.
func (p *player) compareUsage(reporter entitlements.Reporter) error {
	always := refWindow{start: started.AddDate(-1, 0, 0), end: p.now.Add(time.Hour)}
	for _, f := range p.m.catalog.Features {
		buckets, err := reporter.Usage(p.ctx(), entitlements.UsageQuery{
			Tenant: p.tenant, Feature: f.Key, From: always.start, To: always.end, Aggregation: entitlements.Sum, Anchor: started,
		})
		if err != nil {
			return err
		}
		var got int64
		for _, b := range buckets {
			got += b.Value
		}
		if want := p.m.used(f.Key, always); got != want {
			return fmt.Errorf("the use of %s is %d, want %d", f.Key, got, want)
		}
	}
	return nil
}

// balances tells every balance of the reference, to compare.
func (m *reference) balances() string {
	always, text := refWindow{start: time.Unix(0, 0), end: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}, ""
	for _, f := range m.catalog.Features {
		text += fmt.Sprintf("%s %d %d %d; ", f.Key, m.used(f.Key, always), m.held(f.Key, always), m.fromGrants(f.Key, always))
	}
	return text
}
