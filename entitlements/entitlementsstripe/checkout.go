package entitlementsstripe

import (
	"context"
	"errors"

	"github.com/stripe/stripe-go/v76"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

const checkoutPath = "/v1/checkout/sessions"

// checkout makes a page to pay on, and closes those that the customer has open: each would make a subscription, with a
// trial of its own.
func (b *Biller) checkout(ctx context.Context, o entitlements.Order, customer, key string, all []wanted) (entitlements.Started, error) {
	var s stripe.CheckoutSession
	if err := b.call(ctx, "POST", checkoutPath, key, checkoutParams(o, customer, all), &s); err != nil {
		return entitlements.Started{}, err
	}
	pages, err := b.openPages(ctx, customer)
	if err != nil {
		return entitlements.Started{}, err
	}
	if pages[s.ID] == nil { // the key is that of a page which was closed since
		if err := b.call(ctx, "POST", checkoutPath, newKey(), checkoutParams(o, customer, all), &s); err != nil {
			return entitlements.Started{}, err
		}
	}
	return entitlements.Started{URL: s.URL}, b.closePages(ctx, pages, s.ID)
}

func checkoutParams(o entitlements.Order, customer string, all []wanted) *stripe.CheckoutSessionParams {
	p := &stripe.CheckoutSessionParams{
		Mode: stripe.String("subscription"), Customer: &customer, ClientReferenceID: &o.Tenant,
		SuccessURL: &o.SuccessURL, CancelURL: &o.CancelURL,
		SubscriptionData: &stripe.CheckoutSessionSubscriptionDataParams{Metadata: map[string]string{tenantKey: o.Tenant}},
	}
	if len(o.Tenant) > 200 { // what Stripe takes there; the metadata says it too
		p.ClientReferenceID = nil
	}
	for _, w := range all {
		p.LineItems = append(p.LineItems, &stripe.CheckoutSessionLineItemParams{Price: &w.price.ID, Quantity: &w.quantity})
	}
	if o.Trial > 0 {
		p.SubscriptionData.TrialPeriodDays = stripe.Int64(int64(o.Trial / day))
	}
	return p
}

// openPages returns the pages on which a customer can still begin a subscription, by id.
func (b *Biller) openPages(ctx context.Context, customer string) (map[string]*stripe.CheckoutSession, error) {
	p := &stripe.CheckoutSessionListParams{Customer: &customer, Status: stripe.String("open")}
	p.Limit = stripe.Int64(100)
	var list stripe.CheckoutSessionList
	if err := b.call(ctx, "GET", checkoutPath, "", p, &list); err != nil {
		return nil, err
	}
	open := map[string]*stripe.CheckoutSession{}
	for _, s := range list.Data {
		if s.Mode == stripe.CheckoutSessionModeSubscription {
			open[s.ID] = s
		}
	}
	return open, nil
}

// closePages closes pages but one.
func (b *Biller) closePages(ctx context.Context, pages map[string]*stripe.CheckoutSession, but string) error {
	for id := range pages {
		if id == but {
			continue
		}
		at := checkoutPath + "/" + path(id) + "/expire"
		err := b.call(ctx, "POST", at, newKey(), &stripe.CheckoutSessionExpireParams{}, &stripe.CheckoutSession{})
		if err != nil && !errors.Is(err, tenon.ErrInvalid) { // one that is closed or paid by now is refused
			return err
		}
	}
	return nil
}
