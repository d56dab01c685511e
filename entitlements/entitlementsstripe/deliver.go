package entitlementsstripe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/stripe/stripe-go/v76"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

const (
	// giveUp is the age at which a line is dead. Stripe knows an identifier for 24 hours; told again after that, a line
	// could be billed twice.
	giveUp = 23 * time.Hour
	// usageAtOnce is how many lines are taken at a time.
	usageAtOnce = 50
)

// deliver tells Stripe the lines of usage that are due, until none is or ctx is done.
func (b *Biller) deliver(ctx context.Context) error {
	var failed []error
	for ctx.Err() == nil {
		now, err := b.gate.Now(ctx)
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		lines, err := b.store.TakeUsage(ctx, now, now.Add(b.takenFor()), usageAtOnce)
		if err != nil || len(lines) == 0 {
			return errors.Join(append(failed, err)...)
		}
		for _, l := range lines {
			if ctx.Err() != nil {
				break // it is due again by itself
			}
			failed = append(failed, b.deliverOne(ctx, l, now))
		}
	}
	return errors.Join(failed...)
}

// takenFor is longer than telling all of usageAtOnce lines takes, when each needs all its tries.
func (b *Biller) takenFor() time.Duration {
	return usageAtOnce * time.Duration(b.options.Retries+1) * (b.options.Timeout + 5*time.Second)
}

// deliverOne tells Stripe one line and stores what came of it.
func (b *Biller) deliverOne(ctx context.Context, l entitlements.UsageLine, now time.Time) error {
	err := b.deliverNow(ctx, l, now)
	if ctx.Err() != nil {
		return nil // nobody knows; the same identifier is told again
	}
	l, notices := b.outcome(l, err, now)
	if l.State == entitlements.UsagePending {
		err = fmt.Errorf("usage of %s: %w", l.Meter, err)
	} else {
		err = nil
	}
	return errors.Join(err, b.store.SettleUsage(ctx, l, notices))
}

// deliverNow tells Stripe one line, unless Stripe may have heard of it so long ago that it would not know it again.
func (b *Biller) deliverNow(ctx context.Context, l entitlements.UsageLine, now time.Time) error {
	if now.Sub(l.CreatedAt) >= giveUp {
		return errLate
	}
	customer, err := b.billable(ctx, l)
	if err != nil {
		return err
	}
	return b.tell(ctx, l, customer)
}

// errLate says that a line has waited for too long.
var errLate = fmt.Errorf("not told within %s: %w", giveUp, tenon.ErrUnavailable)

// errUnbillable says that nobody is there to bill.
var errUnbillable = fmt.Errorf("the tenant has no subscription to bill it to: %w", tenon.ErrNotFound)

// billable returns the customer that a line is told of.
func (b *Biller) billable(ctx context.Context, l entitlements.UsageLine) (string, error) {
	link, err := b.link(ctx, l.Tenant)
	if err != nil {
		return "", err
	}
	known, err := b.store.LeaseCustomer(ctx, entitlements.LeaseRequest{Customer: link.Customer})
	if err != nil {
		return "", err
	}
	if e := entitlementOf(known); e == nil || e.Subscription == "" || e.Status == entitlements.Canceled {
		return "", errUnbillable
	}
	return link.Customer, nil
}

// tell makes the one call that a line is.
func (b *Biller) tell(ctx context.Context, l entitlements.UsageLine, customer string) error {
	m, ok := b.meter(l.Meter)
	if !ok {
		return invalid("meter", "%.60q is unknown", l.Meter)
	}
	id := identifier(l.UsageWindow, l.Revision)
	if l.Cancels > 0 {
		p := &stripe.BillingMeterEventAdjustmentParams{
			EventName: &m.Event, Type: stripe.String("cancel"),
			Cancel: &stripe.BillingMeterEventAdjustmentCancelParams{Identifier: stripe.String(identifier(l.UsageWindow, l.Cancels))},
		}
		err := b.call(ctx, "POST", "/v1/billing/meter_event_adjustments", id, p, &stripe.BillingMeterEventAdjustment{})
		if isTakenBack(err) {
			return nil
		}
		return err
	}
	p := &stripe.BillingMeterEventParams{
		EventName: &m.Event, Identifier: &id, Timestamp: stripe.Int64(l.At.Unix()),
		Payload: map[string]string{"stripe_customer_id": customer, "value": strconv.FormatInt(l.Quantity, 10)},
	}
	err := b.call(ctx, "POST", "/v1/billing/meter_events", id, p, &stripe.BillingMeterEvent{})
	if isDuplicate(err) {
		return nil
	}
	return err
}

// identifier names a line for Stripe, in any process and at any time the same.
func identifier(w entitlements.UsageWindow, revision int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d %d", w.Tenant, w.Meter, w.Start.Unix(), revision))
	return "tenon-usage-" + hex.EncodeToString(sum[:16])
}

// outcome says what became of a line, and whom to tell.
func (b *Biller) outcome(l entitlements.UsageLine, err error, now time.Time) (entitlements.UsageLine, []tenon.Notification) {
	if err == nil {
		b.counts.sent.Add(1)
		l.State, l.Error, l.SettledAt = entitlements.UsageSent, "", now
		return l, nil
	}
	l.Attempts++
	l.Error = b.short(err)
	if errors.Is(err, tenon.ErrUnavailable) && now.Sub(l.CreatedAt) < giveUp {
		l.NextAt = now.Add(backoff(10*time.Second, time.Hour, l.Attempts-1)).Truncate(time.Microsecond)
		return l, nil
	}
	b.counts.deadUsage.Add(1)
	l.State, l.SettledAt = entitlements.UsageDead, now
	return l, []tenon.Notification{{
		Key:  fmt.Sprintf("entitlements/billing/usage/%s/%s/%d/%d", l.Tenant, l.Meter, l.Start.Unix(), l.Revision),
		Kind: "entitlements.usage_not_billed", Tenant: l.Tenant, Severity: tenon.SeverityCritical, At: now,
		Title: fmt.Sprintf("Usage of %s from %s is not billed", l.Meter, l.Start.Format(time.RFC3339)), Text: l.Error,
		Data: map[string]string{
			"meter": l.Meter, "start": l.Start.Format(time.RFC3339), "revision": strconv.Itoa(l.Revision),
			"quantity": strconv.FormatInt(l.Quantity, 10), "cancels": strconv.Itoa(l.Cancels),
		},
	}}
}

// expire gives lines up that wait for too long, those too that wait for an earlier line of their window.
func (b *Biller) expire(ctx context.Context, now time.Time) error {
	for {
		q := entitlements.UsageLineQuery{State: entitlements.UsagePending, Before: now.Add(-giveUp)}
		lines, err := b.store.UsageLines(ctx, q)
		if err != nil || len(lines) == 0 {
			return err
		}
		for _, l := range lines {
			l, notices := b.outcome(l, errLate, now)
			if err := b.store.SettleUsage(ctx, l, notices); err != nil {
				return err
			}
		}
	}
}
