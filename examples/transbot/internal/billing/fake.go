package billing

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/stripe/stripe-go/v76"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
)

// Fake is a fake Stripe on a loopback address. It forgets everything with the process.
type Fake struct {
	*entitlementstest.Biller
	address string
	server  *http.Server

	mu    sync.Mutex
	moved time.Duration
	hook  entitlementstest.Webhook
}

// StartFake starts a fake Stripe on a free port of 127.0.0.1. It answers until Stop.
func StartFake() (*Fake, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &Fake{Biller: entitlementstest.NewBiller(&entitlementstest.BillerOptions{Ticking: true}), address: "http://" + listener.Addr().String()}
	f.server = &http.Server{Handler: f.Biller, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = f.server.Serve(listener) }() // it ends with Stop
	return f, nil
}

// Stop ends the fake. Of none it is nothing to do.
func (f *Fake) Stop() {
	if f != nil {
		_ = f.server.Close()
	}
}

func (f *Fake) account() Account {
	return Account{Key: entitlementstest.TestKey, WebhookSecret: entitlementstest.TestSecret, Address: f.address}
}

// Tell delivers webhooks to the address as they come, until ctx is done.
func (f *Fake) Tell(ctx context.Context, address string) error {
	f.setHook(func(w *entitlementstest.Webhook) { w.URL = address })
	return f.Run(ctx)
}

// Lose lets webhooks be lost from now on, or arrive again.
func (f *Fake) Lose(lost bool) {
	f.setHook(func(w *entitlementstest.Webhook) { w.Drop = lost })
}

// Losing says whether webhooks are lost.
func (f *Fake) Losing() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hook.Drop
}

func (f *Fake) setHook(set func(*entitlementstest.Webhook)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	set(&f.hook)
	f.SetWebhook(f.hook)
}

// CustomerOf returns the company's customer; empty when it has none.
func (f *Fake) CustomerOf(company string) string { return f.Customer("tenant_id", company) }

// Held returns what the fake holds of the company's subscriptions, oldest first.
func (f *Fake) Held(company string) []map[string]any { return f.Subscriptions(f.CustomerOf(company)) }

// Bills returns the company's invoices, oldest first.
func (f *Fake) Bills(company string) []map[string]any { return f.Invoices(f.CustomerOf(company)) }

// Ahead is how far the clock was moved on.
func (f *Fake) Ahead() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.moved
}

// Move moves the clock on. What falls due in between happens, and is delivered before Move returns.
func (f *Fake) Move(ctx context.Context, d time.Duration) error {
	f.mu.Lock()
	f.moved += d
	f.mu.Unlock()
	f.Advance(d)
	_, err := f.Deliver(ctx)
	return err
}

// forgetSQL takes away the links to customers of an earlier fake, whose ids no Stripe has.
var forgetSQL = []string{`
delete from tenon.billing_customers
where customer_id ~ '^cus_[0-9a-f]{10}[0-9]{6}$'`, `
update tenon.org_entitlements
set stripe_customer_id = '', stripe_subscription_id = '', revision = revision + 1
where stripe_customer_id ~ '^cus_[0-9a-f]{10}[0-9]{6}$'`}

// Forget makes the platform forget what an earlier fake knew, which is gone with its process. It touches no customer of
// Stripe's.
func (f *Fake) Forget(ctx context.Context, db freight.DB) error {
	for _, sql := range forgetSQL {
		if _, err := db.Exec(ctx, sql); err != nil {
			return fmt.Errorf("billing: %w", err)
		}
	}
	return nil
}

// stock makes the plans' prices at the fake.
func (f *Fake) stock(ctx context.Context, plans []entitlements.Plan) error {
	for _, plan := range plans {
		for _, yearly := range []bool{false, true} {
			if err := f.makePrice(ctx, plan, yearly); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *Fake) makePrice(ctx context.Context, plan entitlements.Plan, yearly bool) error {
	amount, interval := plan.Monthly, "month"
	if yearly {
		amount, interval = plan.Yearly, "year"
	}
	p := &stripe.PriceParams{
		Currency: stripe.String(strings.ToLower(plan.Currency)), UnitAmount: &amount, LookupKey: stripe.String(lookupKey(plan.ID, yearly)),
		ProductData: &stripe.PriceProductDataParams{Name: stripe.String("Trans Bot " + plan.Name)},
		Recurring:   &stripe.PriceRecurringParams{Interval: &interval},
	}
	p.Context = ctx
	if _, err := client(f.account()).New(p); err != nil {
		return fmt.Errorf("billing: a price at the fake: %w", err)
	}
	return nil
}
