package main

import (
	"context"
	"net"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/examples/transbot/internal/billing"
)

// fakeBase as STRIPE_API_BASE asks for a fake Stripe without the demo's data.
const fakeBase = "fake"

// readStripe reads what the environment says of Stripe.
func readStripe(getenv func(string) string) billing.Account {
	return billing.Account{
		Key: getenv("STRIPE_SECRET_KEY"), WebhookSecret: getenv("STRIPE_WEBHOOK_SECRET"), Address: getenv("STRIPE_API_BASE"),
	}
}

// fakes says whether a fake Stripe sells.
func (c config) fakes() bool { return c.stripe.Key == "" && (c.demo || c.stripe.Address == fakeBase) }

// fakeStripe starts a fake Stripe; nil where Stripe itself sells, or nobody.
func fakeStripe(ctx context.Context, c config, pool *pgxpool.Pool) (*billing.Fake, error) {
	if !c.fakes() {
		return nil, nil
	}
	fake, err := billing.StartFake()
	if err != nil {
		return nil, err
	}
	if err := fake.Forget(ctx, pool); err != nil {
		fake.Stop()
		return nil, err
	}
	return fake, nil
}

// openBilling lets plans be sold, where the environment names an account or there is a fake.
func (p *platform) openBilling(ctx context.Context, c config) (err error) {
	if c.stripe.Key == "" && !c.fakes() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	p.billing, err = billing.Open(ctx, p.gate, p.timed, c.stripe, p.logger)
	return err
}

// sell does the background work of billing.
func (p *platform) sell(background *group, site net.Addr) {
	if p.billing == nil {
		return
	}
	background.run("billing", p.billing.Run)
	if fake := p.billing.Fake; fake != nil {
		background.run("fake stripe", func(ctx context.Context) error {
			return fake.Tell(ctx, "http://"+site.String()+"/api/stripe/webhook")
		})
	}
}
