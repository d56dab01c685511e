package billing

import (
	"context"
	"fmt"
	"strings"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/customer"

	"github.com/transbotai/tenon/entitlements"
)

// CheckPrices asks the account what the plans cost there, and returns how many prices there are. One that is not the
// plan's is an error that names it.
func (d *Desk) CheckPrices(ctx context.Context) (int, error) {
	wanted := map[string]int64{}
	currencies := map[string]string{}
	p := &stripe.PriceListParams{Active: stripe.Bool(true)}
	p.Context = ctx
	for _, plan := range d.plans {
		for yearly, amount := range map[bool]int64{false: plan.Monthly, true: plan.Yearly} {
			key := lookupKey(plan.ID, yearly)
			wanted[key], currencies[key] = amount, plan.Currency
			p.LookupKeys = append(p.LookupKeys, &key)
		}
	}
	n := len(wanted)
	list := client(d.account).List(p)
	for list.Next() {
		found := list.Price()
		key := found.LookupKey
		if found.UnitAmount != wanted[key] || !strings.EqualFold(string(found.Currency), currencies[key]) {
			return 0, fmt.Errorf("billing: %s costs %s %s at Stripe and %s %s here", key, entitlements.Price(found.UnitAmount, currencies[key]),
				found.Currency, entitlements.Price(wanted[key], currencies[key]), currencies[key])
		}
		delete(wanted, key)
	}
	if err := list.Err(); err != nil {
		return 0, fmt.Errorf("billing: the prices: %w", err)
	}
	for key := range wanted {
		return 0, fmt.Errorf("billing: the account has no price with the lookup key %s", key)
	}
	return n, nil
}

// Knock makes a customer at a test account and takes it away again, so that Stripe tells by its webhook. It says whether
// it did: a live account is left alone.
func (d *Desk) Knock(ctx context.Context) (bool, error) {
	if !strings.Contains(d.account.Key, "_test_") {
		return false, nil
	}
	c := customer.Client{B: backend(d.account), Key: d.account.Key}
	made := &stripe.CustomerParams{Description: stripe.String("a probe of the control room")}
	made.Context = ctx
	found, err := c.New(made)
	if err != nil {
		return false, fmt.Errorf("billing: a probe: %w", err)
	}
	gone := &stripe.CustomerParams{}
	gone.Context = ctx
	if _, err := c.Del(found.ID, gone); err != nil {
		return false, fmt.Errorf("billing: a probe: %w", err)
	}
	return true, nil
}
