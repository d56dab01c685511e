package entitlementsstripe

import (
	"context"
	"strings"

	"github.com/stripe/stripe-go/v76"

	"github.com/transbotai/tenon/entitlements"
)

// Customer implements [entitlements.Biller]. The tenant's id goes into the customer's metadata, so that a customer whose
// making nobody saw the end of is known again by its first webhook.
func (b *Biller) Customer(ctx context.Context, c entitlements.Customer) (string, error) {
	if err := validTenant(c.Tenant); err != nil {
		return "", err
	}
	found, err := b.store.Customers(ctx, entitlements.CustomerQuery{Tenant: c.Tenant, Limit: 1})
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return found[0].Customer, nil
	}
	p := &stripe.CustomerParams{Metadata: map[string]string{tenantKey: c.Tenant}}
	p.Email, p.Name = text(c.Email), text(c.Name)
	var made stripe.Customer
	key := idempotencyKey("customer", c.Tenant, c.Email, c.Name)
	if err := b.call(ctx, "POST", "/v1/customers", key, p, &made); err != nil {
		return "", err
	}
	link, err := b.adopt(ctx, c.Tenant, made.ID)
	return link.Customer, err
}

// maxTenant is how much a value of Stripe's metadata holds, in bytes.
const maxTenant = 500

func validTenant(tenant string) error {
	if tenant == "" || len(tenant) > maxTenant {
		return invalid("tenant", "is empty or longer than %d bytes", maxTenant)
	}
	return nil
}

// text is nil for none: Stripe takes an empty text for "take it away".
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// PortalURL implements [entitlements.Portal].
func (b *Biller) PortalURL(ctx context.Context, tenant, returnURL string) (string, error) {
	link, err := b.link(ctx, tenant)
	if err != nil {
		return "", err
	}
	if err := validURL("return_url", returnURL); err != nil {
		return "", err
	}
	p := &stripe.BillingPortalSessionParams{Customer: &link.Customer, ReturnURL: &returnURL}
	var s stripe.BillingPortalSession
	if err := b.call(ctx, "POST", "/v1/billing_portal/sessions", newKey(), p, &s); err != nil {
		return "", err
	}
	return s.URL, nil
}

func validURL(field, url string) error {
	if !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") {
		return invalid(field, "is no address of the web")
	}
	return nil
}
