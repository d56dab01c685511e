package entitlementsstripe

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/stripe/stripe-go/v76"

	"github.com/transbotai/tenon/entitlements"
)

const day = 24 * time.Hour

// Start implements [entitlements.Biller]. The tenant needs no customer yet. At once it needs one with a payment method,
// or a trial: where the payment fails nothing is made, and the error is [entitlements.ErrPaymentFailed]. A plan or an
// add-on that has a price and that the Gate's catalogue lacks is [entitlements.ErrUnknownPlan] or
// [entitlements.ErrUnknownAddOn].
func (b *Biller) Start(ctx context.Context, o entitlements.Order) (entitlements.Started, error) {
	wanted, err := b.validOrder(o)
	if err != nil {
		return entitlements.Started{}, err
	}
	if err := b.declared(ctx, wanted); err != nil {
		return entitlements.Started{}, err
	}
	customer, err := b.Customer(ctx, entitlements.Customer{Tenant: o.Tenant})
	if err != nil {
		return entitlements.Started{}, err
	}
	var started entitlements.Started
	err = b.alone(ctx, customer, func(ctx context.Context, known entitlements.Lease) error {
		started, err = b.begin(ctx, o, known, wanted)
		return err
	})
	if started.Subscription != "" {
		b.followSoon(ctx, customer)
	}
	return started, err
}

// begin does what an order says while nobody else is at work on the customer.
func (b *Biller) begin(ctx context.Context, o entitlements.Order, known entitlements.Lease, all []wanted) (entitlements.Started, error) {
	if err := b.mayStart(ctx, o, known); err != nil {
		return entitlements.Started{}, err
	}
	key := idempotencyKey("start", o, known.Customer, revision(known))
	if o.Key != "" {
		key = idempotencyKey("start", o.Tenant, o.Key)
	}
	if o.SuccessURL != "" {
		return b.checkout(ctx, o, known.Customer, key, all)
	}
	pages, err := b.openPages(ctx, known.Customer)
	if err != nil {
		return entitlements.Started{}, err
	}
	if err := b.closePages(ctx, pages, ""); err != nil {
		return entitlements.Started{}, err
	}
	return b.subscribe(ctx, o, known.Customer, key, all)
}

// revision tells orders apart that are alike and made one after the other: what comes of an order changes the rights.
func revision(known entitlements.Lease) int64 {
	if known.Rights == nil {
		return 0
	}
	return known.Rights.Revision
}

// maxQuantity bounds seats and add-ons.
const maxQuantity = 1_000_000

// wanted is how many of a price.
type wanted struct {
	price    Price
	quantity int64
}

func (b *Biller) validOrder(o entitlements.Order) ([]wanted, error) {
	if err := validTenant(o.Tenant); err != nil {
		return nil, err
	}
	if o.Trial < 0 || o.Trial > 366*day || o.Trial%day != 0 {
		return nil, invalid("trial", "%s is not a number of days up to a year", o.Trial)
	}
	if o.SuccessURL != "" || o.CancelURL != "" {
		for field, url := range map[string]string{"success_url": o.SuccessURL, "cancel_url": o.CancelURL} {
			if err := validURL(field, url); err != nil {
				return nil, err
			}
		}
	}
	return b.wanted(o.Plan, o.Yearly, cmp.Or(o.Seats, 1), o.AddOns)
}

// wanted returns the prices of a plan and add-ons, the plan's first.
func (b *Biller) wanted(plan string, yearly bool, seats int64, addOns map[string]int64) ([]wanted, error) {
	price, err := b.prices.plan(plan, yearly)
	if err != nil {
		return nil, err
	}
	if seats < 1 || seats > maxQuantity {
		return nil, invalid("seats", "%d is not within 1 and %d", seats, maxQuantity)
	}
	all := []wanted{{price, seats}}
	for _, id := range slices.Sorted(maps.Keys(addOns)) {
		price, err := b.prices.addOn(id, yearly)
		switch n := addOns[id]; {
		case err != nil:
			return nil, err
		case n < 0 || n > maxQuantity:
			return nil, invalid("addons", "%d of %s is not within 0 and %d", n, id, maxQuantity)
		case n > 0:
			all = append(all, wanted{price, n})
		}
	}
	return all, nil
}

// declared refuses what the Gate's catalogue lacks: it would be paid for and give nothing.
func (b *Biller) declared(ctx context.Context, all []wanted) error {
	v, err := b.gate.Catalog(ctx)
	if err != nil {
		return err
	}
	for _, w := range all {
		if _, ok := v.Plan(w.price.Plan, 0); w.price.Plan != "" && !ok {
			return entitlements.ErrUnknownPlan
		}
		for _, id := range []string{w.price.AddOn, w.price.Seats} {
			if _, ok := v.AddOn(id, 0); id != "" && !ok {
				return entitlements.ErrUnknownAddOn
			}
		}
	}
	return nil
}

// mayStart refuses a second trial, and a second subscription while one lives: Stripe is asked, since its webhooks may be
// under way or lost.
func (b *Biller) mayStart(ctx context.Context, o entitlements.Order, known entitlements.Lease) error {
	if e := entitlementOf(known); e != nil && e.TrialUsed && o.Trial > 0 && !o.ForceTrial {
		return entitlements.ErrTrialUsed
	}
	all, err := b.list(ctx, known.Customer)
	if err != nil {
		return err
	}
	if o.Trial > 0 && !o.ForceTrial && slices.ContainsFunc(all, func(s *stripe.Subscription) bool { return s.TrialEnd != 0 }) {
		return entitlements.ErrTrialUsed
	}
	held := leading(all)
	if lives(held) && held.Status != stripe.SubscriptionStatusIncomplete {
		return entitlements.ErrSubscribed
	}
	return nil
}

func entitlementOf(known entitlements.Lease) *entitlements.Entitlement {
	if known.Rights == nil {
		return nil
	}
	return known.Rights.Entitlement
}

func (b *Biller) subscribe(ctx context.Context, o entitlements.Order, customer, key string, all []wanted) (entitlements.Started, error) {
	p := &stripe.SubscriptionParams{
		Customer: &customer, PaymentBehavior: stripe.String("error_if_incomplete"), Metadata: map[string]string{tenantKey: o.Tenant},
	}
	for _, w := range all {
		p.Items = append(p.Items, &stripe.SubscriptionItemsParams{Price: &w.price.ID, Quantity: &w.quantity})
	}
	if o.Trial > 0 {
		p.TrialPeriodDays = stripe.Int64(int64(o.Trial / day))
		p.TrialSettings = &stripe.SubscriptionTrialSettingsParams{EndBehavior: &stripe.SubscriptionTrialSettingsEndBehaviorParams{
			MissingPaymentMethod: stripe.String("cancel"),
		}}
	}
	var s stripe.Subscription
	if err := b.call(ctx, "POST", "/v1/subscriptions", key, p, &s); err != nil {
		return entitlements.Started{}, err
	}
	return entitlements.Started{Subscription: s.ID}, nil
}

// followSoon makes the rights follow what a call has just done. Should it fail, the webhook does it.
func (b *Biller) followSoon(ctx context.Context, customer string) {
	if err := b.follow(ctx, entitlements.BillingEvent{Customer: customer}); err != nil {
		b.options.Logger.WarnContext(ctx, "rights follow by the webhook", "err", b.scrub(err.Error()))
	}
}
