package entitlements

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// Subscription is what [Gate.Subscribe] puts a tenant on.
type Subscription struct {
	Tenant  string // required
	Plan    string // required; its newest version, unless Version says another
	Version int

	Status             Status    // empty: Active
	StartedAt          time.Time // zero: now
	TrialEndsAt        time.Time // required while Trialing
	Anchor             time.Time // see Entitlement
	CurrentPeriodStart time.Time
	CurrentPeriodEnd   time.Time
	GraceUntil         time.Time
	AccessUntil        time.Time
	Customer           string // the biller's ids
	Subscription       string
	Reason             string // kept with the recorded change
}

// Subscribe puts the tenant on a plan, whatever it was on before, and drops what was planned. What it used within the
// present period stays used. An inactive plan is [ErrPlanInactive], unless the tenant is on it already.
func (g *Gate) Subscribe(ctx context.Context, s Subscription) (Entitlement, error) {
	if err := s.validate(); err != nil {
		return Entitlement{}, prefix(err)
	}
	return g.entitle(ctx, s.Tenant, "entitlements.subscribed", s.Reason, func(r *Rights, v *Versions, now time.Time) error {
		plan, err := v.subscribable(s.Plan, s.Version, r.Entitlement)
		if err != nil {
			return err
		}
		e := s.entitlement(plan, now)
		if r.Entitlement != nil {
			e.TrialUsed = e.TrialUsed || r.Entitlement.TrialUsed
			if s.StartedAt.IsZero() {
				e.StartedAt = r.Entitlement.StartedAt
			}
		}
		r.Entitlement = &e
		return nil
	})
}

func (s Subscription) validate() error {
	if err := validText("tenant", s.Tenant, true); err != nil {
		return err
	}
	if err := validText("plan", s.Plan, true); err != nil {
		return err
	}
	if s.Status != "" && !slices.Contains(statuses, s.Status) {
		return tenon.Invalid("status", "%q is unknown", s.Status)
	}
	if s.Status == Trialing && s.TrialEndsAt.IsZero() {
		return tenon.Invalid("trial_ends_at", "a trial needs an end")
	}
	if !s.CurrentPeriodEnd.IsZero() && !s.CurrentPeriodEnd.After(s.CurrentPeriodStart) {
		return tenon.Invalid("current_period_end", "does not lie after the period's start")
	}
	for field, t := range map[string]time.Time{
		"started_at": s.StartedAt, "trial_ends_at": s.TrialEndsAt, "anchor": s.Anchor, "access_until": s.AccessUntil,
		"current_period_start": s.CurrentPeriodStart, "current_period_end": s.CurrentPeriodEnd, "grace_until": s.GraceUntil,
	} {
		if err := validInstant(field, t); err != nil {
			return err
		}
	}
	return errors.Join(validText("customer", s.Customer, false), validText("subscription", s.Subscription, false))
}

// validInstant refuses what is set and cannot be meant: the zero of another system is not "for ever".
func validInstant(field string, t time.Time) error {
	if !t.IsZero() && (t.Year() < 1971 || t.Year() > 9000) {
		return tenon.Invalid(field, "the year %d is not within 1971 and 9000", t.Year())
	}
	return nil
}

func (s Subscription) entitlement(plan Plan, now time.Time) Entitlement {
	e := Entitlement{
		Plan: plan.ID, Version: plan.Version, Status: s.Status, StartedAt: orElse(s.StartedAt, now),
		TrialEndsAt: tenon.Instant(s.TrialEndsAt), TrialUsed: s.Status == Trialing, Anchor: tenon.Instant(s.Anchor),
		CurrentPeriodStart: tenon.Instant(s.CurrentPeriodStart), CurrentPeriodEnd: tenon.Instant(s.CurrentPeriodEnd),
		GraceUntil: tenon.Instant(s.GraceUntil), AccessUntil: tenon.Instant(s.AccessUntil), Customer: s.Customer, Subscription: s.Subscription,
	}
	if e.Status == "" {
		e.Status = Active
	}
	return e
}

// subscribable returns a version of a plan that the tenant may be put on.
func (v *Versions) subscribable(id string, version int, present *Entitlement) (Plan, error) {
	plan, ok := v.Plan(id, version)
	if !ok {
		return Plan{}, ErrUnknownPlan
	}
	if newest, _ := v.Plan(id, 0); newest.Inactive && (present == nil || present.Plan != id) {
		return Plan{}, ErrPlanInactive
	}
	return plan, nil
}

// When says when a change of plan acts.
type When uint8

// The times at which a change of plan can act.
const (
	ByTier      When = iota // an upgrade or a move to another version now, a downgrade at the period's end
	Now                     // at once
	AtPeriodEnd             // when the billing period ends
)

// PlanChange moves a tenant to another plan, or to the newest version of its own.
type PlanChange struct {
	Tenant string // required
	Plan   string // required
	When   When
	Reason string // kept with the recorded change
}

// ChangePlan moves the tenant. What it used stays used, and its billing cycle goes on; a change that was planned
// before is dropped. A tenant that trials becomes active by a change that acts at once; a downgrade acts when its trial
// ends. A canceled subscription is [ErrSubscriptionEnded]: Subscribe starts a new one.
func (g *Gate) ChangePlan(ctx context.Context, c PlanChange) (Entitlement, error) {
	return g.entitle(ctx, c.Tenant, "entitlements.plan_changed", c.Reason, func(r *Rights, v *Versions, now time.Time) error {
		e := r.Entitlement
		if e == nil {
			return ErrUnknownTenant
		}
		plan, err := v.subscribable(c.Plan, 0, e)
		if err != nil {
			return err
		}
		if e.Status == Canceled {
			return ErrSubscriptionEnded
		}
		present, _ := v.Plan(e.Plan, e.Version)
		if c.When == AtPeriodEnd || c.When == ByTier && plan.Tier < present.Tier {
			e.Next = &Next{At: e.endOfTerm(now), Plan: plan.ID, Version: plan.Version}
			return nil
		}
		e.Plan, e.Version, e.Next = plan.ID, plan.Version, nil
		if e.Status == Trialing {
			e.Status = Active
		}
		return nil
	})
}

// Trial is what [Gate.StartTrial] starts.
type Trial struct {
	Tenant   string        // required
	Plan     string        // required
	Length   time.Duration // required; at most a year
	Fallback string        // the plan that follows by itself; empty: access ends with the trial
	Force    bool          // also for a tenant that had its trial
	Reason   string
}

// StartTrial puts the tenant on a plan for a while, with the plan's trial allowances. A tenant has one trial:
// a second is [ErrTrialUsed] unless forced. Converting is Subscribe or ChangePlan.
func (g *Gate) StartTrial(ctx context.Context, t Trial) (Entitlement, error) {
	if t.Length <= 0 || t.Length > 366*24*time.Hour {
		return Entitlement{}, prefix(tenon.Invalid("length", "%s is not within 0 and a year", t.Length))
	}
	return g.entitle(ctx, t.Tenant, "entitlements.trial_started", t.Reason, func(r *Rights, v *Versions, now time.Time) error {
		if r.Entitlement != nil && r.Entitlement.TrialUsed && !t.Force {
			return ErrTrialUsed
		}
		plan, err := v.subscribable(t.Plan, 0, r.Entitlement)
		if err != nil {
			return err
		}
		e := Entitlement{StartedAt: now}
		if r.Entitlement != nil {
			e = *r.Entitlement
		}
		e.Plan, e.Version, e.Status, e.Next = plan.ID, plan.Version, Trialing, nil
		e.GraceUntil, e.AccessUntil = time.Time{}, time.Time{}
		e.TrialEndsAt, e.TrialUsed = now.Add(t.Length).Truncate(time.Microsecond), true
		if t.Fallback != "" {
			after, err := v.subscribable(t.Fallback, 0, r.Entitlement)
			if err != nil {
				return err
			}
			e.Next = &Next{At: e.TrialEndsAt, Plan: after.ID, Version: after.Version}
		}
		r.Entitlement = &e
		return nil
	})
}

// StatusChange is what a biller or a person says of a subscription.
type StatusChange struct {
	Tenant      string    // required
	Status      Status    // required
	GraceUntil  time.Time // of PastDue
	AccessUntil time.Time // of Canceled: until when it still allows; zero: no longer
	Reason      string
}

// SetStatus changes where the tenant's subscription stands.
func (g *Gate) SetStatus(ctx context.Context, c StatusChange) (Entitlement, error) {
	if !slices.Contains(statuses, c.Status) {
		return Entitlement{}, prefix(tenon.Invalid("status", "%q is unknown", c.Status))
	}
	for field, t := range map[string]time.Time{"grace_until": c.GraceUntil, "access_until": c.AccessUntil} {
		if err := validInstant(field, t); err != nil {
			return Entitlement{}, prefix(err)
		}
	}
	return g.entitle(ctx, c.Tenant, "entitlements.status_changed", c.Reason, func(r *Rights, _ *Versions, now time.Time) error {
		e := r.Entitlement
		if e == nil {
			return ErrUnknownTenant
		}
		if c.Status == Trialing && !e.TrialEndsAt.After(now) {
			return prefix(tenon.Invalid("status", "there is no trial that lasts; see StartTrial"))
		}
		e.Status, e.GraceUntil, e.AccessUntil = c.Status, tenon.Instant(c.GraceUntil), tenon.Instant(c.AccessUntil)
		if e.Status != Active && e.Status != Trialing && e.Status != PastDue {
			e.Next = nil // it was planned for a subscription that goes on
		}
		return nil
	})
}

// Cancel ends the tenant's subscription: at the end of the period or trial, or at once with [Now]. It never gives access
// to a tenant that has none, nor longer than it has.
func (g *Gate) Cancel(ctx context.Context, tenant string, when When, reason string) (Entitlement, error) {
	return g.entitle(ctx, tenant, "entitlements.canceled", reason, func(r *Rights, _ *Versions, now time.Time) error {
		e := r.Entitlement
		if e == nil {
			return ErrUnknownTenant
		}
		reason, until := e.access(now)
		until = earliest(until, e.endOfTerm(now))
		if when == Now || reason != ReasonAllowed { // what is over already does not come back
			until = time.Time{}
		}
		e.Status, e.AccessUntil, e.Next = Canceled, until, nil
		return nil
	})
}

// endOfTerm is when what the tenant is in now ends: the trial, else the billing period.
func (e Entitlement) endOfTerm(now time.Time) time.Time {
	if e.Status == Trialing {
		return e.TrialEndsAt
	}
	return e.PeriodEnd(now)
}

// Entitlement returns the tenant's subscription as it stands now, read from the store.
func (g *Gate) Entitlement(ctx context.Context, tenant string) (Entitlement, error) {
	s, now, err := g.standing(ctx, tenant)
	if err != nil {
		return Entitlement{}, err
	}
	return s.Rights.Entitlement.At(now), nil
}

// standing reads a subscribed tenant from the store.
func (g *Gate) standing(ctx context.Context, tenant string) (Standing, time.Time, error) {
	if err := validText("tenant", tenant, true); err != nil {
		return Standing{}, time.Time{}, prefix(err)
	}
	now, err := g.now(ctx)
	if err != nil {
		return Standing{}, now, err
	}
	found, err := g.store.Load(ctx, []string{tenant}, now)
	if err != nil {
		return Standing{}, now, err
	}
	if found[0].Rights.Entitlement == nil {
		return Standing{}, now, ErrUnknownTenant
	}
	return found[0], now, nil
}

// entitle changes the tenant's subscription and reports what changed.
func (g *Gate) entitle(ctx context.Context, tenant, action, reason string, edit func(*Rights, *Versions, time.Time) error) (Entitlement, error) {
	if err := validNote("reason", reason); err != nil {
		return Entitlement{}, prefix(err)
	}
	r, now, err := g.change(ctx, tenant, func(r *Rights, v *Versions, now time.Time) (tenon.Change, error) {
		before := marshal(r.Entitlement)
		if err := edit(r, v, now); err != nil {
			return tenon.Change{}, err
		}
		return tenon.Change{Action: action, Target: "entitlement/" + tenant, Before: before, After: marshal(r.Entitlement), Reason: reason}, nil
	})
	if err != nil {
		return Entitlement{}, err
	}
	return r.Entitlement.At(now), nil
}

// change edits the tenant's rights in the store, and forgets the view of them.
func (g *Gate) change(ctx context.Context, tenant string, edit func(*Rights, *Versions, time.Time) (tenon.Change, error)) (*Rights, time.Time, error) {
	if err := validText("tenant", tenant, true); err != nil {
		return nil, time.Time{}, prefix(err)
	}
	now, err := g.now(ctx)
	if err != nil {
		return nil, now, err
	}
	r, err := g.store.Change(ctx, tenant, now, func(r *Rights, v *Versions) ([]tenon.Change, error) {
		c, err := edit(r, v, now)
		if err != nil {
			return nil, err
		}
		c.Tenant, c.At = tenant, now
		return []tenon.Change{c}, nil
	})
	if err != nil {
		return nil, now, err
	}
	if after, err := g.now(ctx); err == nil {
		g.views.written(tenant, after)
	}
	return r, now, nil
}

// marshal returns v as JSON; a nil pointer is nil. The types that it is given always can be.
func marshal[T any](v *T) json.RawMessage {
	if v == nil {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}
