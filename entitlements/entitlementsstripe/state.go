package entitlementsstripe

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/stripe/stripe-go/v76"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// standing orders statuses by how much they say of what a customer has: of several subscriptions the first counts.
var standing = map[stripe.SubscriptionStatus]int{
	stripe.SubscriptionStatusActive: 1, stripe.SubscriptionStatusTrialing: 1, stripe.SubscriptionStatusPastDue: 2,
	stripe.SubscriptionStatusUnpaid: 3, stripe.SubscriptionStatusPaused: 4, stripe.SubscriptionStatusIncomplete: 5,
	stripe.SubscriptionStatusCanceled: 6, stripe.SubscriptionStatusIncompleteExpired: 7,
}

// leading returns the subscription that counts: the one that gives most, the newest of several. So the answer is the
// same whatever the order in which Stripe tells of them.
func leading(all []*stripe.Subscription) *stripe.Subscription {
	if len(all) == 0 {
		return nil
	}
	return slices.MinFunc(all, func(a, b *stripe.Subscription) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.Created, a.Created), cmp.Compare(b.ID, a.ID))
	})
}

// rank returns the subscription's place in standing; a status that is new to us comes last.
func rank(s *stripe.Subscription) int { return cmp.Or(standing[s.Status], len(standing)+1) }

// lives says whether a subscription can be changed.
func lives(s *stripe.Subscription) bool {
	return s != nil && s.Status != stripe.SubscriptionStatusCanceled && s.Status != stripe.SubscriptionStatusIncompleteExpired
}

// begun says whether a subscription has ever given access.
func begun(s *stripe.Subscription) bool {
	return s.Status != stripe.SubscriptionStatusIncomplete && s.Status != stripe.SubscriptionStatusIncompleteExpired
}

// paid says whether something was paid for a subscription that gives access. A trial's invoice of nothing is paid too,
// and does not count.
func paid(s *stripe.Subscription) bool {
	return s != nil && s.Status == stripe.SubscriptionStatusActive && s.LatestInvoice != nil &&
		s.LatestInvoice.Status == stripe.InvoiceStatusPaid && s.LatestInvoice.AmountPaid > 0
}

// access is what a tenant has by its subscription.
type access struct {
	Entitlement *entitlements.Entitlement
	AddOns      []entitlements.Attachment
}

// differs says whether a tenant's rights are not what the subscription gives.
func (b *Biller) differs(r *entitlements.Rights, v *entitlements.Versions, held *stripe.Subscription) (bool, error) {
	want, err := b.access(r, v, held, time.Time{})
	if err != nil {
		return false, err
	}
	return !reflect.DeepEqual(want.Entitlement, r.Entitlement) || !sameAddOns(want.AddOns, r.AddOns), nil
}

// sameAddOns compares without regard to the time of attachment.
func sameAddOns(a, b []entitlements.Attachment) bool {
	return slices.EqualFunc(a, b, func(x, y entitlements.Attachment) bool {
		return x.AddOn == y.AddOn && x.Version == y.Version && x.Quantity == y.Quantity
	})
}

// edit makes rights what held gives.
func (b *Biller) edit(held *stripe.Subscription, e entitlements.BillingEvent, now time.Time, converted bool) entitlements.Edit {
	return func(r *entitlements.Rights, v *entitlements.Versions) ([]tenon.Change, error) {
		want, err := b.access(r, v, held, now)
		if err != nil {
			return nil, err
		}
		before, err := json.Marshal(access{r.Entitlement, r.AddOns})
		if err != nil {
			return nil, err
		}
		after, err := json.Marshal(want)
		if err != nil {
			return nil, err
		}
		change := tenon.Change{
			Tenant: r.Tenant, Action: action(r.Entitlement, want.Entitlement, converted), Target: "entitlement/" + r.Tenant,
			Before: before, After: after, Reason: "stripe " + cmp.Or(e.Type+" "+e.ID, "sync"), At: now,
		}
		r.Entitlement, r.AddOns = want.Entitlement, want.AddOns
		return []tenon.Change{change}, nil
	}
}

// action names a change by the most telling part of it.
func action(before, after *entitlements.Entitlement, converted bool) string {
	switch {
	case converted && after != nil && after.TrialUsed:
		return "entitlements.trial_converted"
	case before == nil || after == nil:
		return "entitlements.subscribed"
	case before.Plan != after.Plan:
		return "entitlements.plan_changed"
	case before.Status != after.Status:
		return "entitlements.status_changed"
	}
	return "entitlements.billing_changed"
}

// access returns what the rights are to be: it follows from what Stripe holds and from what the tenant had, and not
// from the order of events. Now is when add-ons are attached.
func (b *Biller) access(r *entitlements.Rights, v *entitlements.Versions, held *stripe.Subscription, now time.Time) (access, error) {
	have := access{r.Entitlement, r.AddOns}
	if b.foreign(r.Entitlement, held) {
		return have, nil
	}
	if held == nil { // the subscription that we know of is gone, as after a purge of test data
		return b.gone(r), nil
	}
	plan, err := b.plan(held)
	switch {
	case err != nil && r.Entitlement != nil && !lives(held): // what is over is over, whatever it was
		return b.gone(r), nil
	case err != nil:
		return have, err
	case lives(held) && held.CurrentPeriodEnd == 0:
		return have, errNoPeriod
	}
	version, err := versionOf(r.Entitlement, v, plan.Plan)
	if err != nil {
		return have, err
	}
	e := b.entitlement(held, plan, version)
	e.TrialUsed = e.TrialUsed || r.Entitlement != nil && r.Entitlement.TrialUsed
	if e.Next, err = b.next(r.Entitlement, v, held, e); err != nil {
		return have, err
	}
	if !lives(held) {
		return b.ended(r, v, held, e)
	}
	return access{&e, b.addOns(r, v, held, plan, now)}, nil
}

// errNoPeriod says that an answer cannot be read: access would have no bound.
var errNoPeriod = fmt.Errorf("entitlementsstripe: the subscription has no period: %w", tenon.ErrConflict)

// gone is what is left of a subscription of which nothing is known but that it is over.
func (b *Biller) gone(r *entitlements.Rights) access {
	e := *r.Entitlement
	e.Status, e.AccessUntil, e.GraceUntil, e.Next = entitlements.Canceled, time.Time{}, time.Time{}, nil
	return access{&e, b.withoutSold(r.AddOns)}
}

// foreign says whether a subscription has no say in what the tenant has: there is none, or it never gave or no longer
// gives access while the tenant has a plan that was not sold here.
func (b *Biller) foreign(e *entitlements.Entitlement, held *stripe.Subscription) bool {
	if held == nil {
		return e == nil || e.Subscription == ""
	}
	return e != nil && e.Subscription == "" && (!begun(held) || !lives(held))
}

// plan returns the plan's price that a subscription has.
func (b *Biller) plan(held *stripe.Subscription) (Price, error) {
	for _, item := range items(held) {
		if p, ok := b.prices.of(item.Price.ID); ok && p.Plan != "" {
			return p, nil
		}
	}
	return Price{}, ErrUnknownPrice
}

func items(held *stripe.Subscription) []*stripe.SubscriptionItem {
	if held.Items == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(held.Items.Data), func(i *stripe.SubscriptionItem) bool { return i.Price == nil })
}

// versionOf returns the version of a plan that the tenant has or, when it is new to the plan, the newest.
func versionOf(e *entitlements.Entitlement, v *entitlements.Versions, plan string) (int, error) {
	if e != nil && e.Plan == plan {
		return e.Version, nil
	}
	p, ok := v.Plan(plan, 0)
	if !ok {
		return 0, entitlements.ErrUnknownPlan
	}
	return p.Version, nil
}

// entitlement says in the Gate's words what a subscription gives, but for what follows it.
func (b *Biller) entitlement(held *stripe.Subscription, plan Price, version int) entitlements.Entitlement {
	e := entitlements.Entitlement{
		Plan: plan.Plan, Version: version, Status: b.status(held), StartedAt: instant(cmp.Or(held.StartDate, held.Created)),
		TrialEndsAt: instant(held.TrialEnd), TrialUsed: held.TrialEnd != 0, Anchor: instant(held.BillingCycleAnchor),
		CurrentPeriodStart: instant(held.CurrentPeriodStart), CurrentPeriodEnd: instant(held.CurrentPeriodEnd),
		Subscription: held.ID, AccessUntil: b.until(held),
	}
	if held.Customer != nil {
		e.Customer = held.Customer.ID
	}
	switch e.Status {
	case entitlements.PastDue:
		e.GraceUntil = unpaidSince(held).Add(b.options.Grace)
	case entitlements.Canceled:
		e.AccessUntil = time.Time{}
	case entitlements.Trialing:
		e.TrialEndsAt = cmp.Or(e.TrialEndsAt, e.CurrentPeriodEnd)
	}
	return e
}

// status is the table from Stripe's statuses to the Gate's.
func (b *Biller) status(held *stripe.Subscription) entitlements.Status {
	status := entitlements.Status(held.Status)
	if rank(held) > len(standing) {
		status = entitlements.Unpaid // a status that is new to us gives no access
	}
	if other, ok := b.options.Statuses[status]; ok {
		status = other
	}
	if held.PauseCollection != nil && b.options.PausedCollection != "" && lives(held) {
		status = b.options.PausedCollection
	}
	return status
}

// until bounds access: nothing that Stripe tells no more may allow for ever. One that is to end ends on time.
func (b *Biller) until(held *stripe.Subscription) time.Time {
	end := instant(held.CurrentPeriodEnd)
	until := end.Add(b.options.Grace)
	if held.CancelAtPeriodEnd {
		until = end
	}
	if at := instant(held.CancelAt); !at.IsZero() && at.Before(until) {
		until = at
	}
	return until
}

// unpaidSince is when what a past due subscription has not paid was asked for.
func unpaidSince(held *stripe.Subscription) time.Time {
	if i := held.LatestInvoice; i != nil && i.Created != 0 {
		return instant(i.Created)
	}
	return instant(held.CurrentPeriodStart)
}

// next returns what follows by itself: a change that is scheduled, or the end of the trial, after which the subscription
// is active until Stripe says otherwise, within the bound of access.
func (b *Biller) next(before *entitlements.Entitlement, v *entitlements.Versions, held *stripe.Subscription, e entitlements.Entitlement) (*entitlements.Next, error) {
	if e.Status != entitlements.Active && e.Status != entitlements.PastDue && e.Status != entitlements.Trialing || held.CancelAtPeriodEnd {
		return nil, nil
	}
	if phase := comingPhase(held); phase != nil {
		for _, item := range phase.Items {
			if p, ok := b.prices.of(priceID(item.Price)); ok && p.Plan != "" && p.Plan != e.Plan {
				n, err := plannedVersion(before, v, p.Plan)
				return &entitlements.Next{At: instant(phase.StartDate), Plan: p.Plan, Version: n}, err
			}
		}
	}
	if e.Status == entitlements.Trialing {
		return &entitlements.Next{At: e.TrialEndsAt, Plan: e.Plan, Version: e.Version}, nil
	}
	return nil, nil
}

func priceID(p *stripe.Price) string {
	if p == nil {
		return ""
	}
	return p.ID
}

// comingPhase returns the phase of the subscription's schedule that comes next; nil when there is none.
func comingPhase(held *stripe.Subscription) *stripe.SubscriptionSchedulePhase {
	s := held.Schedule
	if s == nil || s.CurrentPhase == nil {
		return nil
	}
	for _, p := range s.Phases {
		if p.StartDate >= s.CurrentPhase.EndDate {
			return p
		}
	}
	return nil
}

// ended returns what is left when a subscription is over: the fallback, or nothing.
func (b *Biller) ended(r *entitlements.Rights, v *entitlements.Versions, held *stripe.Subscription, e entitlements.Entitlement) (access, error) {
	left := access{&e, b.withoutSold(r.AddOns)}
	e.Next = nil
	if b.options.Fallback == "" {
		return left, nil
	}
	n, err := versionOf(r.Entitlement, v, b.options.Fallback)
	*left.Entitlement = entitlements.Entitlement{
		Plan: b.options.Fallback, Version: n, Status: entitlements.Active, TrialUsed: e.TrialUsed, TrialEndsAt: e.TrialEndsAt,
		StartedAt: instant(cmp.Or(held.EndedAt, held.CanceledAt, held.Created)), Customer: e.Customer,
	}
	return left, err
}

// addOns returns the tenant's add-ons: those that are not sold here as they are, and those that it has items of.
func (b *Biller) addOns(r *entitlements.Rights, v *entitlements.Versions, held *stripe.Subscription, plan Price, now time.Time) []entitlements.Attachment {
	sold := map[string]int64{}
	for _, item := range items(held) {
		p, _ := b.prices.of(item.Price.ID)
		switch {
		case p.AddOn != "":
			sold[p.AddOn] += item.Quantity
		case p.Plan == plan.Plan && p.Seats != "":
			sold[p.Seats] += item.Quantity
		}
	}
	left := []entitlements.Attachment{}
	for _, a := range r.AddOns {
		if n := sold[a.AddOn]; !b.prices.manages(a.AddOn) || n > 0 {
			if n > 0 {
				a.Quantity = n
			}
			left = append(left, a)
			delete(sold, a.AddOn)
		}
	}
	for _, p := range b.prices { // in a fixed order
		id := cmp.Or(p.AddOn, p.Seats)
		if a, ok := v.AddOn(id, 0); ok && sold[id] > 0 {
			left = append(left, entitlements.Attachment{AddOn: id, Version: a.Version, Quantity: sold[id], AttachedAt: now})
			delete(sold, id)
		}
	}
	return left
}

func (b *Biller) withoutSold(all []entitlements.Attachment) []entitlements.Attachment {
	return slices.DeleteFunc(slices.Clone(all), func(a entitlements.Attachment) bool { return b.prices.manages(a.AddOn) })
}

// instant returns a time of Stripe's, which counts seconds since 1970; 0 is none.
func instant(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// plannedVersion returns the version of a plan that comes: the one that is planned already, else the newest.
func plannedVersion(e *entitlements.Entitlement, v *entitlements.Versions, plan string) (int, error) {
	if e != nil && e.Next != nil && e.Next.Plan == plan {
		return e.Next.Version, nil
	}
	return versionOf(e, v, plan)
}
