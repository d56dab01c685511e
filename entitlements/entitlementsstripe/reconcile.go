package entitlementsstripe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/stripe/stripe-go/v76"

	"github.com/transbotai/tenon/entitlements"
)

// Repair is a difference between what Stripe holds and what is stored here.
type Repair struct {
	Tenant   string // empty: nobody's
	Customer string
	Event    string // that was not delivered; empty: the subscription differs
	What     string // in words
	Err      error  // why it could not be repaired
}

// Reconcile compares every subscription with what its tenant may do, and asks for the events that Stripe could not
// deliver, and repairs what differs, as webhooks would have. A dry run repairs nothing. It returns what differed; what
// could not be repaired is joined in the error, and holds up nothing else. It reads 100 subscriptions a call.
func (b *Biller) Reconcile(ctx context.Context, dryRun bool) ([]Repair, error) {
	r := reconciliation{biller: b, dry: dryRun}
	err := errors.Join(r.subscriptions(ctx), r.events(ctx))
	for _, one := range r.repairs {
		err = errors.Join(err, one.Err)
	}
	return r.repairs, err
}

type reconciliation struct {
	biller  *Biller
	dry     bool
	repairs []Repair
}

// found notes a difference and, unless it is a dry run, repairs it.
func (r *reconciliation) found(ctx context.Context, one Repair, e entitlements.BillingEvent) {
	if !r.dry {
		one.Err = r.biller.follow(ctx, e)
	}
	r.repairs = append(r.repairs, one)
}

// subscriptions compares customer by customer: those that Stripe lists, then those that only we know.
func (r *reconciliation) subscriptions(ctx context.Context) error {
	byCustomer, err := r.biller.listAll(ctx)
	if err != nil {
		return err
	}
	for _, customer := range slices.Sorted(maps.Keys(byCustomer)) {
		held, err := r.biller.counting(ctx, byCustomer[customer])
		if err != nil {
			return err
		}
		if err := r.compare(ctx, customer, held); err != nil {
			return err
		}
	}
	for after := ""; ; {
		links, err := r.biller.store.Customers(ctx, entitlements.CustomerQuery{After: after})
		if err != nil || len(links) == 0 {
			return err
		}
		for _, link := range links {
			if _, listed := byCustomer[link.Customer]; !listed {
				if err := r.compare(ctx, link.Customer, nil); err != nil {
					return err
				}
			}
		}
		after = links[len(links)-1].Tenant
	}
}

// listAll returns every subscription of the account by customer.
func (b *Biller) listAll(ctx context.Context) (map[string][]*stripe.Subscription, error) {
	found := map[string][]*stripe.Subscription{}
	for after := (*string)(nil); ; {
		p := &stripe.SubscriptionListParams{Status: stripe.String("all")}
		p.Limit, p.StartingAfter = stripe.Int64(100), after
		p.AddExpand("data.latest_invoice")
		p.AddExpand("data.schedule")
		p.AddExpand("data.customer")
		var page stripe.SubscriptionList
		if err := b.call(ctx, "GET", "/v1/subscriptions", "", p, &page); err != nil {
			return nil, err
		}
		for _, s := range page.Data {
			if s.Customer != nil {
				found[s.Customer.ID] = append(found[s.Customer.ID], s)
			}
		}
		if !page.HasMore || len(page.Data) == 0 {
			return found, nil
		}
		after = &page.Data[len(page.Data)-1].ID
	}
}

// compare finds whether a customer's subscription is not what its tenant has.
func (r *reconciliation) compare(ctx context.Context, customer string, held *stripe.Subscription) error {
	known, err := r.biller.store.LeaseCustomer(ctx, entitlements.LeaseRequest{Customer: customer})
	if err != nil {
		return err
	}
	one := Repair{Tenant: known.Link.Tenant, Customer: customer}
	e := entitlements.BillingEvent{Customer: customer}
	if known.Link.Tenant == "" {
		if one.Tenant = tenantOf(held); one.Tenant != "" {
			one.What = "the customer is not linked"
			r.found(ctx, one, e)
		}
		return nil
	}
	v, err := r.biller.gate.Catalog(ctx)
	if err != nil {
		return err
	}
	now, err := r.biller.gate.Now(ctx)
	if err != nil {
		return err
	}
	stands := known.Rights.Clone()
	if stands.Entitlement != nil {
		carried := stands.Entitlement.At(now)
		stands.Entitlement = &carried
	}
	differs, err := r.biller.differs(stands, v, held)
	switch {
	case err != nil:
		one.What, one.Err = "the subscription cannot be followed", fmt.Errorf("customer %s: %w", customer, err)
		r.repairs = append(r.repairs, one)
	case differs:
		one.What = r.biller.describe(stands, v, held)
		r.found(ctx, one, e)
	}
	return nil
}

// describe says what differs, for a person.
func (b *Biller) describe(r *entitlements.Rights, v *entitlements.Versions, held *stripe.Subscription) string {
	want, err := b.access(r, v, held, time.Time{})
	if err != nil {
		return err.Error()
	}
	return words(r.Entitlement) + " is to be " + words(want.Entitlement)
}

func words(e *entitlements.Entitlement) string {
	if e == nil {
		return "no plan"
	}
	text := fmt.Sprintf("%s %s", e.Plan, e.Status)
	if !e.AccessUntil.IsZero() {
		text += " until " + e.AccessUntil.Format(time.RFC3339)
	}
	return text
}

// events asks for what Stripe could not deliver. It keeps events for 30 days.
func (r *reconciliation) events(ctx context.Context) error {
	for after := (*string)(nil); ; {
		p := &stripe.EventListParams{DeliverySuccess: stripe.Bool(false)}
		p.Limit, p.StartingAfter = stripe.Int64(100), after
		var page stripe.EventList
		if err := r.biller.call(ctx, "GET", "/v1/events", "", p, &page); err != nil {
			return err
		}
		for _, e := range page.Data {
			if err := r.undelivered(ctx, e); err != nil {
				return err
			}
		}
		if !page.HasMore || len(page.Data) == 0 {
			return nil
		}
		after = &page.Data[len(page.Data)-1].ID
	}
}

func (r *reconciliation) undelivered(ctx context.Context, e *stripe.Event) error {
	p := payload{ID: e.ID, Type: string(e.Type)}
	if e.Data != nil && json.Unmarshal(e.Data.Raw, &p.Data.Object) != nil || !p.tells() {
		return nil
	}
	stored, err := r.biller.store.BillingEvents(ctx, entitlements.EventQuery{ID: e.ID, Limit: 1})
	if err != nil || len(stored) > 0 && stored[0].State.Final() {
		return err
	}
	one := Repair{Customer: p.Data.Object.customer(), Event: e.ID, What: p.Type + " was not delivered"}
	r.found(ctx, one, entitlements.BillingEvent{ID: p.ID, Type: p.Type, Customer: one.Customer})
	return nil
}
