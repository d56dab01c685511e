package entitlementsstripe

import (
	"context"
	"errors"
	"time"

	"github.com/transbotai/tenon/entitlements"
)

const (
	// settled is how long after its end an hour is reported first: use that was spooled or is being recorded has
	// arrived by then.
	settled = 5 * time.Minute
	// lookBack is how far back hours are reported again, which corrects them where events came late.
	lookBack = 48
)

// collect reports the hours that are over of every meter that has a feature. The hours are counted from the tenant's
// billing cycle, so that none lies in two periods.
func (b *Biller) collect(ctx context.Context, now time.Time) error {
	if !b.collects() {
		return nil
	}
	var failed []error
	for after := ""; ctx.Err() == nil; {
		links, err := b.store.Customers(ctx, entitlements.CustomerQuery{After: after})
		if err != nil || len(links) == 0 {
			return errors.Join(append(failed, err)...)
		}
		for _, link := range links {
			failed = append(failed, b.collectTenant(ctx, link, now))
		}
		after = links[len(links)-1].Tenant
	}
	return errors.Join(failed...)
}

func (b *Biller) collects() bool {
	for _, m := range b.options.Meters {
		if m.Feature != "" {
			return true
		}
	}
	return false
}

func (b *Biller) collectTenant(ctx context.Context, link entitlements.BillingCustomer, now time.Time) error {
	known, err := b.store.LeaseCustomer(ctx, entitlements.LeaseRequest{Customer: link.Customer})
	if err != nil {
		return err
	}
	e := entitlementOf(known)
	if e == nil || e.Subscription == "" {
		return nil
	}
	until, _ := entitlements.Hourly.Bounds(e.Anchor, now.Add(-settled))
	from := until.Add(-lookBack * time.Hour)
	if from.Before(e.StartedAt) { // what was used before the subscription is not its to bill
		from, _ = entitlements.Hourly.Bounds(e.Anchor, e.StartedAt)
	}
	if !from.Before(until) {
		return nil
	}
	var failed []error
	for _, m := range b.options.Meters {
		if m.Feature != "" {
			failed = append(failed, b.collectMeter(ctx, m, entitlements.UsageQuery{
				Tenant: link.Tenant, Feature: m.Feature, From: from, To: until, Bucket: entitlements.Hourly, Anchor: e.Anchor,
			}))
		}
	}
	return errors.Join(failed...)
}

func (b *Biller) collectMeter(ctx context.Context, m Meter, q entitlements.UsageQuery) error {
	buckets, err := b.gate.Usage(ctx, q)
	if err != nil {
		return err
	}
	for _, u := range buckets {
		r := entitlements.UsageReport{Tenant: q.Tenant, Meter: m.Name, Start: u.Start, Quantity: max(0, u.Value)}
		if err := b.ReportUsage(ctx, r); err != nil {
			return err
		}
	}
	return nil
}
