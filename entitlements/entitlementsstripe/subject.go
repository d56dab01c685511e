package entitlementsstripe

import (
	"context"
	"encoding/json"
	"errors"
	"iter"

	"github.com/stripe/stripe-go/v76"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

var (
	_ tenon.Eraser   = (*Biller)(nil)
	_ tenon.Exporter = (*Biller)(nil)
)

// customersTable is what a tenant's customers are called in what is exported and erased.
const customersTable = "stripe.customers"

// Erase implements [tenon.Eraser]: it deletes the tenant's customer at Stripe, which ends its subscriptions at once and
// takes its cards. Invoices stay, since the law wants them kept. The link to the customer is the store's to erase, and
// must be there until then. A person is no customer.
func (b *Biller) Erase(ctx context.Context, s tenon.Subject) (map[string]int64, error) {
	erased := map[string]int64{customersTable: 0}
	customer, err := b.customerOf(ctx, s)
	if err != nil || customer == nil {
		return erased, err
	}
	err = b.call(ctx, "DELETE", "/v1/customers/"+path(customer.ID), "", &stripe.CustomerParams{}, &stripe.Customer{})
	if err != nil && !errors.Is(err, tenon.ErrNotFound) { // not found: a first try had its effect, and its answer was lost
		return erased, err
	}
	erased[customersTable] = 1
	return erased, nil
}

// Export implements [tenon.Exporter]: what Stripe keeps of the tenant's customer.
func (b *Biller) Export(ctx context.Context, s tenon.Subject) iter.Seq2[tenon.Row, error] {
	return func(yield func(tenon.Row, error) bool) {
		customer, err := b.customerOf(ctx, s)
		if err != nil {
			yield(tenon.Row{}, err)
			return
		}
		if customer != nil {
			data, err := json.Marshal(map[string]any{
				"id": customer.ID, "name": customer.Name, "email": customer.Email, "phone": customer.Phone, "address": customer.Address,
			})
			yield(tenon.Row{Table: customersTable, Data: data}, err)
		}
	}
}

// customerOf returns the tenant's customer as Stripe has it; nil when there is none, or it was deleted.
func (b *Biller) customerOf(ctx context.Context, s tenon.Subject) (*stripe.Customer, error) {
	if err := validTenant(s.Tenant); err != nil || s.User != "" {
		return nil, err
	}
	link, err := b.link(ctx, s.Tenant)
	if errors.Is(err, entitlements.ErrUnknownCustomer) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var customer stripe.Customer
	err = b.call(ctx, "GET", "/v1/customers/"+path(link.Customer), "", &stripe.CustomerParams{}, &customer)
	if errors.Is(err, tenon.ErrNotFound) || err == nil && customer.Deleted {
		return nil, nil
	}
	return &customer, err
}
