package entitlementsstripe

import (
	"cmp"
	"context"

	"github.com/stripe/stripe-go/v76"

	"github.com/transbotai/tenon/entitlements"
)

// Move implements [entitlements.Biller]. A change that acts at once and that the customer's bank refuses to pay leaves
// everything as it was and is [entitlements.ErrPaymentFailed]. A downgrade becomes a subscription schedule. What the
// Gate's catalogue lacks is refused as by Start.
func (b *Biller) Move(ctx context.Context, m entitlements.Move) error {
	if _, ok := prorations[m.Proration]; !ok {
		return invalid("proration", "%.60q is unknown", string(m.Proration))
	}
	known, held, err := b.living(ctx, m.Tenant)
	if err != nil {
		return err
	}
	all, err := b.moved(held, m)
	if err != nil {
		return err
	}
	if err := b.declared(ctx, all); err != nil {
		return err
	}
	later, err := b.later(ctx, held, m)
	if err != nil {
		return err
	}
	if later {
		err = b.schedule(ctx, held, all)
	} else {
		err = b.moveNow(ctx, held, all, m)
	}
	if err == nil {
		b.followSoon(ctx, known.Customer)
	}
	return err
}

// living returns the tenant's subscription as Stripe holds it, and [entitlements.ErrNotSubscribed] when none lives.
func (b *Biller) living(ctx context.Context, tenant string) (entitlements.Lease, *stripe.Subscription, error) {
	known, held, err := b.present(ctx, tenant)
	if err == nil && !lives(held) {
		err = entitlements.ErrNotSubscribed
	}
	return known, held, err
}

// present returns what is known of the tenant and the subscription that Stripe holds of it; nil for none.
func (b *Biller) present(ctx context.Context, tenant string) (entitlements.Lease, *stripe.Subscription, error) {
	link, err := b.link(ctx, tenant)
	if err != nil {
		return entitlements.Lease{}, nil, err
	}
	known, err := b.store.LeaseCustomer(ctx, entitlements.LeaseRequest{Customer: link.Customer})
	if err != nil {
		return known, nil, err
	}
	held, err := b.fetch(ctx, link.Customer)
	return known, held, err
}

// moved returns what the subscription is to have: what the move leaves out stays.
func (b *Biller) moved(held *stripe.Subscription, m entitlements.Move) ([]wanted, error) {
	seats, addOns := m.Seats, m.AddOns
	have := map[string]int64{}
	for _, item := range items(held) {
		switch p, _ := b.prices.of(item.Price.ID); {
		case p.Plan != "":
			seats = cmp.Or(seats, item.Quantity)
		case p.AddOn != "":
			have[p.AddOn] += item.Quantity
		}
	}
	if addOns == nil {
		addOns = have
	}
	return b.wanted(m.Plan, m.Yearly, cmp.Or(seats, 1), addOns)
}

// later says whether a move waits for the period's end.
func (b *Biller) later(ctx context.Context, held *stripe.Subscription, m entitlements.Move) (bool, error) {
	if m.When != entitlements.ByTier {
		return m.When == entitlements.AtPeriodEnd, nil
	}
	present, err := b.plan(held)
	if err != nil {
		return false, err
	}
	v, err := b.gate.Catalog(ctx)
	if err != nil {
		return false, err
	}
	from, _ := v.Plan(present.Plan, 0)
	to, _ := v.Plan(m.Plan, 0)
	return to.Tier < from.Tier, nil
}

// prorations are Stripe's names.
var prorations = map[entitlements.Proration]string{
	entitlements.Prorate: "create_prorations", entitlements.ProrateNow: "always_invoice", entitlements.NoProrate: "none",
}

// moveNow changes the items. A schedule is let go first: while there is one, it decides.
func (b *Biller) moveNow(ctx context.Context, held *stripe.Subscription, all []wanted, m entitlements.Move) error {
	if err := b.letGo(ctx, held); err != nil {
		return err
	}
	changed := b.itemChanges(held, all)
	if len(changed) == 0 && !held.CancelAtPeriodEnd {
		return nil
	}
	p := &stripe.SubscriptionParams{
		ProrationBehavior: stripe.String(prorations[m.Proration]), PaymentBehavior: stripe.String("error_if_incomplete"), Items: changed,
	}
	if held.CancelAtPeriodEnd {
		p.CancelAtPeriodEnd = stripe.Bool(false)
	}
	return b.call(ctx, "POST", "/v1/subscriptions/"+path(held.ID), newKey(), p, &stripe.Subscription{})
}

// itemChanges returns what turns the items into those wanted; nil when they are. Items of prices that stand for nothing
// here, such as metered ones, stay.
func (b *Biller) itemChanges(held *stripe.Subscription, all []wanted) []*stripe.SubscriptionItemsParams {
	var changes []*stripe.SubscriptionItemsParams
	left := b.itemsByMeaning(held)
	for _, w := range all {
		name := meaning(w.price)
		item := left[name]
		delete(left, name)
		switch {
		case item == nil:
			changes = append(changes, &stripe.SubscriptionItemsParams{Price: &w.price.ID, Quantity: &w.quantity})
		case item.Price.ID != w.price.ID || item.Quantity != w.quantity:
			changes = append(changes, &stripe.SubscriptionItemsParams{ID: &item.ID, Price: &w.price.ID, Quantity: &w.quantity})
		}
	}
	for _, item := range items(held) { // in their order
		if p, ok := b.prices.of(item.Price.ID); ok && left[meaning(p)] == item {
			changes = append(changes, &stripe.SubscriptionItemsParams{ID: &item.ID, Deleted: stripe.Bool(true)})
		}
	}
	return changes
}

// meaning is what an item is for: the plan, whichever it is, or an add-on.
func meaning(p Price) string { return p.AddOn }

func (b *Biller) itemsByMeaning(held *stripe.Subscription) map[string]*stripe.SubscriptionItem {
	found := map[string]*stripe.SubscriptionItem{}
	for _, item := range items(held) {
		if p, ok := b.prices.of(item.Price.ID); ok {
			found[meaning(p)] = item
		}
	}
	return found
}
