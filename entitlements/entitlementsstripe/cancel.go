package entitlementsstripe

import (
	"context"
	"errors"

	"github.com/stripe/stripe-go/v76"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// Cancel implements [entitlements.Biller].
func (b *Biller) Cancel(ctx context.Context, c entitlements.Cancellation) error {
	known, held, err := b.present(ctx, c.Tenant)
	switch {
	case err != nil:
		return err
	case held == nil:
		return entitlements.ErrNotSubscribed
	case lives(held):
		if err := b.end(ctx, held, c); err != nil {
			return err
		}
	}
	b.followSoon(ctx, known.Customer)
	return nil
}

// end ends a subscription that lives.
func (b *Biller) end(ctx context.Context, held *stripe.Subscription, c entitlements.Cancellation) error {
	at := "/v1/subscriptions/" + path(held.ID)
	if c.When == entitlements.Now {
		p := &stripe.SubscriptionCancelParams{}
		if c.Reason != "" {
			p.CancellationDetails = &stripe.SubscriptionCancelCancellationDetailsParams{Comment: &c.Reason}
		}
		err := b.call(ctx, "DELETE", at, "", p, &stripe.Subscription{})
		if errors.Is(err, tenon.ErrNotFound) { // a first try had its effect, and its answer was lost
			return nil
		}
		return err
	}
	if held.CancelAtPeriodEnd {
		return nil
	}
	if err := b.letGo(ctx, held); err != nil {
		return err
	}
	p := &stripe.SubscriptionParams{CancelAtPeriodEnd: stripe.Bool(true)}
	if c.Reason != "" {
		p.CancellationDetails = &stripe.SubscriptionCancellationDetailsParams{Comment: &c.Reason}
	}
	return b.call(ctx, "POST", at, newKey(), p, &stripe.Subscription{})
}
