package entitlementsstripe

import (
	"context"
	"slices"

	"golang.org/x/time/rate"

	"github.com/transbotai/tenon/entitlements"
)

// Store is where a [Biller] keeps its state. *entitlementspg.Store and *entitlements.MemoryStore are ones.
type Store interface {
	entitlements.BillingStore
	entitlements.UsageOutbox
}

// Biller sells the plans of a Gate by Stripe. Its methods may be called concurrently, by many processes.
type Biller struct {
	gate    *entitlements.Gate
	store   Store
	account Account
	prices  prices
	options Options
	pace    *pacer
	turns   turns
	counts  counts
}

var (
	_ entitlements.Biller = (*Biller)(nil)
	_ entitlements.Portal = (*Biller)(nil)
)

// New returns a Biller for the tenants of gate. Store is the one that gate is built on. An empty key or secret, or a
// price that stands for nothing, is [tenon.ErrInvalid]. New does no I/O and starts nothing.
func New(gate *entitlements.Gate, store Store, account Account, ps []Price, opts *Options) (*Biller, error) {
	b := &Biller{gate: gate, store: store, account: account, prices: slices.Clone(ps), options: opts.withDefaults()}
	if err := b.validate(); err != nil {
		return nil, err
	}
	b.pace = &pacer{limiter: rate.NewLimiter(b.options.Rate, b.options.Burst)}
	return b, nil
}

func (b *Biller) validate() error {
	if err := b.account.validate(); err != nil {
		return err
	}
	if err := b.prices.validate(); err != nil {
		return err
	}
	for i, m := range b.options.Meters {
		if m.Name == "" || m.Event == "" {
			return invalid("meters", "number %d has no name or no event", i)
		}
		if slices.ContainsFunc(b.options.Meters[:i], func(o Meter) bool { return o.Name == m.Name }) {
			return invalid("meters", "%s is there twice", m.Name)
		}
	}
	return nil
}

// link returns whose customer the tenant has, and [entitlements.ErrUnknownCustomer] when it has none.
func (b *Biller) link(ctx context.Context, tenant string) (entitlements.BillingCustomer, error) {
	if err := validTenant(tenant); err != nil {
		return entitlements.BillingCustomer{}, err
	}
	found, err := b.store.Customers(ctx, entitlements.CustomerQuery{Tenant: tenant, Limit: 1})
	if err != nil {
		return entitlements.BillingCustomer{}, err
	}
	if len(found) == 0 {
		return entitlements.BillingCustomer{}, entitlements.ErrUnknownCustomer
	}
	return found[0], nil
}
