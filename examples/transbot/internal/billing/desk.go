// Package billing sells the platform's plans by Stripe. Without a key of Stripe's the demo sells by a fake one, which it
// starts on loopback and whose clock a person moves.
package billing

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/price"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementsstripe"
)

// Account is the account at Stripe.
type Account struct {
	Key           string // the secret key
	WebhookSecret string
	Address       string // of the API; empty: Stripe's own
}

// sells says what entitlementsstripe is told of the account.
func (a Account) sells() entitlementsstripe.Account {
	return entitlementsstripe.Account{
		Key: tenon.NewSecret(a.Key), Live: strings.Contains(a.Key, "_live_"),
		WebhookSecrets: []tenon.Secret{tenon.NewSecret(a.WebhookSecret)},
	}
}

// Desk sells plans.
type Desk struct {
	*entitlementsstripe.Biller
	Fake  *Fake // nil where Stripe itself sells
	store Store
}

// Open finds the prices of the plans and returns a desk. A plan is sold at the price whose lookup key is
// transbot_starter_monthly, transbot_starter_yearly and so on. One that is missing is an error that names it; the fake
// makes its own.
func Open(ctx context.Context, gate *entitlements.Gate, store Store, a Account, logger *slog.Logger) (*Desk, error) {
	versions, err := gate.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	plans := versions.PlansByTier()
	if store.fake != nil {
		a = store.fake.account()
		if err := store.fake.stock(ctx, plans); err != nil {
			return nil, err
		}
	}
	prices, err := findPrices(ctx, a, plans)
	if err != nil {
		return nil, err
	}
	biller, err := entitlementsstripe.New(gate, store, a.sells(), prices, &entitlementsstripe.Options{Address: a.Address, Logger: logger})
	if err != nil {
		return nil, err
	}
	return &Desk{Biller: biller, Fake: store.fake, store: store}, nil
}

// Now is the time that rights are decided at.
func (d *Desk) Now() time.Time { return time.Now().UTC().Add(d.store.ahead()) }

// Decisions returns what the company may do at this instant, past what a gate has in memory.
func (d *Desk) Decisions(ctx context.Context, company string) ([]entitlements.Decision, error) {
	return entitlements.NewGate(d.store, nil).CheckAll(ctx, company)
}

// lookupKey is the name under which the account has the price of a plan.
func lookupKey(plan string, yearly bool) string {
	if yearly {
		return "transbot_" + plan + "_yearly"
	}
	return "transbot_" + plan + "_monthly"
}

// findPrices asks the account for the prices of all plans.
func findPrices(ctx context.Context, a Account, plans []entitlements.Plan) ([]entitlementsstripe.Price, error) {
	wanted := map[string]entitlementsstripe.Price{}
	p := &stripe.PriceListParams{Active: stripe.Bool(true)}
	p.Context = ctx
	for _, plan := range plans {
		for _, yearly := range []bool{false, true} {
			key := lookupKey(plan.ID, yearly)
			wanted[key] = entitlementsstripe.Price{Plan: plan.ID, Yearly: yearly}
			p.LookupKeys = append(p.LookupKeys, &key)
		}
	}
	var prices []entitlementsstripe.Price
	list := client(a).List(p)
	for list.Next() {
		found := wanted[list.Price().LookupKey]
		found.ID = list.Price().ID
		prices = append(prices, found)
		delete(wanted, list.Price().LookupKey)
	}
	if err := list.Err(); err != nil {
		return nil, fmt.Errorf("billing: the prices: %w", err)
	}
	for key := range wanted {
		return nil, fmt.Errorf("billing: the account has no price with the lookup key %s", key)
	}
	return prices, nil
}

// client asks for prices, and logs nothing.
func client(a Account) price.Client {
	settings := &stripe.BackendConfig{LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull}, EnableTelemetry: stripe.Bool(false)}
	if a.Address != "" {
		settings.URL = &a.Address
	}
	return price.Client{B: stripe.GetBackendWithConfig(stripe.APIBackend, settings), Key: a.Key}
}
