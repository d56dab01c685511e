package entitlementsstripe

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// tenantKey is where a customer and a subscription say in their metadata whose they are.
const tenantKey = "tenant_id"

// Sync reads the tenant's subscription at Stripe and makes the tenant's rights follow it, as a webhook does.
func (b *Biller) Sync(ctx context.Context, tenant string) error {
	link, err := b.link(ctx, tenant)
	if err != nil {
		return err
	}
	return b.follow(ctx, entitlements.BillingEvent{Customer: link.Customer})
}

// follow makes the rights of a customer's tenant follow what Stripe holds now, and stores the event in the same
// transaction. The event may be empty but for the customer. When it fails, the failure is stored and counted.
func (b *Biller) follow(ctx context.Context, e entitlements.BillingEvent) error {
	release, err := b.turns.take(ctx, e.Customer)
	if err != nil {
		return b.failed(ctx, e, "", err)
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, b.options.LeaseTTL+b.options.LeaseWait)
	defer cancel()
	holder := tenon.NewID(time.Now())
	lease, err := b.lease(ctx, e, holder)
	e.Attempts = max(e.Attempts, lease.Event.Attempts)
	if err != nil {
		return b.failed(ctx, e, "", err)
	}
	if !lease.Held {
		b.counts.duplicates.Add(1)
		return nil
	}
	if err := b.apply(ctx, lease, e); err != nil {
		return b.failed(ctx, e, holder, err)
	}
	return nil
}

// lease takes the customer's lease, and waits for it while another has it. It is not held when the event is concluded.
func (b *Biller) lease(ctx context.Context, e entitlements.BillingEvent, holder string) (entitlements.Lease, error) {
	r := entitlements.LeaseRequest{Customer: e.Customer, Holder: holder, TTL: b.options.LeaseTTL, Event: e.ID}
	until := time.Now().Add(b.options.LeaseWait)
	for try := 0; ; try++ {
		lease, err := b.store.LeaseCustomer(ctx, r)
		if err != nil || lease.Held || lease.Event.State.Final() {
			return lease, err
		}
		if time.Now().After(until) {
			return lease, fmt.Errorf("another works on the customer: %w", tenon.ErrUnavailable)
		}
		if err := pause(ctx, backoff(10*time.Millisecond, 250*time.Millisecond, try)); err != nil {
			return lease, fmt.Errorf("%w: %w", tenon.ErrUnavailable, err)
		}
	}
}

// apply fetches what Stripe holds of a leased customer and writes it. What is written was read after the lease was
// taken, and so after the event.
func (b *Biller) apply(ctx context.Context, lease entitlements.Lease, e entitlements.BillingEvent) error {
	held, err := b.fetch(ctx, lease.Customer)
	if err != nil {
		return err
	}
	if lease, err = b.knowTenant(ctx, lease, held); err != nil {
		return err
	}
	now, err := b.gate.Now(ctx)
	if err != nil {
		return err
	}
	c := entitlements.Conclusion{Customer: lease.Customer, Holder: lease.Holder, Event: e, Tenant: lease.Link.Tenant, Now: now}
	c.Event.State, c.Event.ReceivedAt, c.Event.Error, c.Event.NextAt = entitlements.EventDone, now, "", time.Time{}
	if c.Tenant == "" {
		c.Event.State, c.Event.Error = entitlements.EventKept, "no tenant has the customer"
	} else if err := b.decide(ctx, &c, held, lease); err != nil {
		return err
	}
	if _, err = b.store.Conclude(ctx, c); err != nil {
		return err
	}
	b.counts.events.Add(1)
	if c.Edit != nil {
		b.counts.changes.Add(1)
		b.gate.Forget(c.Tenant)
	}
	return nil
}

// decide sets the edit that makes the tenant's rights follow held, unless they do.
func (b *Biller) decide(ctx context.Context, c *entitlements.Conclusion, held *stripe.Subscription, lease entitlements.Lease) error {
	v, err := b.gate.Catalog(ctx)
	if err != nil {
		return err
	}
	c.Paid = lease.Link.PaidAt.IsZero() && paid(held)
	edit := b.edit(held, c.Event, c.Now, c.Paid)
	if c.Paid || lease.Rights == nil || !v.Covers(lease.Rights) {
		c.Edit = edit
		return nil
	}
	changed, err := b.differs(lease.Rights, v, held)
	if changed {
		c.Edit = edit
	}
	return err
}

// fetch returns the subscription that counts of those that a customer has or had; nil when there is none.
func (b *Biller) fetch(ctx context.Context, customer string) (*stripe.Subscription, error) {
	all, err := b.list(ctx, customer)
	if err != nil {
		return nil, err
	}
	return b.counting(ctx, all)
}

// list returns the subscriptions that a customer has or had, the newest first.
func (b *Biller) list(ctx context.Context, customer string) ([]*stripe.Subscription, error) {
	p := &stripe.SubscriptionListParams{Customer: &customer, Status: stripe.String("all")}
	p.Limit = stripe.Int64(100)
	p.AddExpand("data.latest_invoice")
	p.AddExpand("data.schedule")
	var list stripe.SubscriptionList
	if err := b.call(ctx, "GET", "/v1/subscriptions", "", p, &list); err != nil {
		return nil, err
	}
	return list.Data, nil
}

// counting returns the subscription that counts of a customer's, with its invoice that is to be paid; nil when there is
// none.
func (b *Biller) counting(ctx context.Context, all []*stripe.Subscription) (*stripe.Subscription, error) {
	held := leading(all)
	if held == nil || b.status(held) != entitlements.PastDue {
		return held, nil
	}
	p := &stripe.InvoiceListParams{Subscription: &held.ID}
	p.Limit = stripe.Int64(100)
	var list stripe.InvoiceList
	if err := b.call(ctx, "GET", "/v1/invoices", "", p, &list); err != nil {
		return nil, err
	}
	if i := firstUnpaid(list.Data); i != nil {
		held.LatestInvoice = i
	}
	return held, nil
}

// firstUnpaid returns the invoice since which nothing was paid, of all, the newest first: grace does not begin again with
// every period that is not paid.
func firstUnpaid(all []*stripe.Invoice) (first *stripe.Invoice) {
	for _, i := range all {
		switch i.Status {
		case stripe.InvoiceStatusPaid:
			if i.AmountPaid > 0 {
				return first
			}
		case stripe.InvoiceStatusOpen, stripe.InvoiceStatusUncollectible:
			first = i
		}
	}
	return first
}

// knowTenant finds out whose customer it is when that is not stored: the subscription says so, or the customer. Stripe
// is asked and not the webhook, which could be of an object that was changed since.
func (b *Biller) knowTenant(ctx context.Context, lease entitlements.Lease, held *stripe.Subscription) (entitlements.Lease, error) {
	if lease.Link.Tenant != "" {
		return lease, nil
	}
	tenant := tenantOf(held)
	if tenant == "" {
		var c stripe.Customer
		if err := b.call(ctx, "GET", "/v1/customers/"+path(lease.Customer), "", &stripe.CustomerParams{}, &c); err != nil {
			return lease, err
		}
		tenant = c.Metadata[tenantKey]
	}
	if tenant == "" {
		return lease, nil
	}
	if _, err := b.adopt(ctx, tenant, lease.Customer); err != nil {
		return lease, err
	}
	lease, err := b.store.LeaseCustomer(ctx, entitlements.LeaseRequest{Customer: lease.Customer, Holder: lease.Holder, TTL: b.options.LeaseTTL})
	if err == nil && !lease.Held {
		err = entitlements.ErrLeaseLost
	}
	return lease, err
}

// tenantOf returns whose a subscription is by its own word or, where that was asked for, by its customer's; empty for
// nobody's.
func tenantOf(held *stripe.Subscription) string {
	switch {
	case held == nil:
		return ""
	case held.Metadata[tenantKey] != "" || held.Customer == nil:
		return held.Metadata[tenantKey]
	}
	return held.Customer.Metadata[tenantKey]
}

// adopt links a customer. A tenant that has another customer keeps it: two customers of one tenant cannot both say what
// it may do.
func (b *Biller) adopt(ctx context.Context, tenant, customer string) (entitlements.BillingCustomer, error) {
	now, err := b.gate.Now(ctx)
	if err != nil {
		return entitlements.BillingCustomer{}, err
	}
	return b.store.LinkCustomer(ctx, entitlements.BillingCustomer{Tenant: tenant, Customer: customer, LinkedAt: now})
}

// failed stores that an event failed, and gives the lease back. It returns the cause.
func (b *Biller) failed(ctx context.Context, e entitlements.BillingEvent, holder string, cause error) error {
	b.counts.failures.Add(1)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	now, err := b.gate.Now(ctx)
	if err != nil {
		return cause // the store is away; Stripe sends the event again
	}
	c := entitlements.Conclusion{Event: e, Now: now, Holder: holder}
	if holder != "" {
		c.Customer = e.Customer
	}
	if e.ID != "" {
		c.Event.Attempts = max(e.Attempts, b.attempts(ctx, e.ID))
		b.fail(&c, cause, now)
	}
	if _, err := b.store.Conclude(ctx, c); err != nil {
		b.options.Logger.Warn("a failed event is not stored", "event", e.ID, "err", b.scrub(err.Error()))
	}
	return cause
}

// attempts returns how often an event has failed: its lease, which says it too, may be what could not be had.
func (b *Biller) attempts(ctx context.Context, id string) int {
	found, err := b.store.BillingEvents(ctx, entitlements.EventQuery{ID: id, Limit: 1})
	if err != nil || len(found) == 0 {
		return 0
	}
	return found[0].Attempts
}

// fail says in c that the event failed once more: it is tried again later and later, and in the end by nobody.
func (b *Biller) fail(c *entitlements.Conclusion, cause error, now time.Time) {
	e := &c.Event
	e.Attempts++
	e.State, e.Error, e.ReceivedAt = entitlements.EventFailed, b.short(cause), now
	e.NextAt = now.Add(backoff(30*time.Second, 6*time.Hour, e.Attempts-1)).Truncate(time.Microsecond)
	if e.Attempts < b.options.Attempts {
		return
	}
	e.State, e.NextAt = entitlements.EventDead, time.Time{}
	if e.Attempts > b.options.Attempts {
		return // Stripe or a person tried it once more; it was told
	}
	b.counts.dead.Add(1)
	c.Notices = append(c.Notices, tenon.Notification{
		Key: "entitlements/billing/event/" + e.ID, Kind: "entitlements.billing_event_dead", Severity: tenon.SeverityCritical,
		Title: "A billing event could not be carried out: " + e.Type, Text: e.Error, At: now,
		Data: map[string]string{"event": e.ID, "type": e.Type, "customer": e.Customer},
	})
}

// short returns what an error says, without secrets, in at most 500 bytes that a database takes as text.
func (b *Biller) short(err error) string {
	text := b.scrub(err.Error())
	text = text[:min(len(text), 500)]
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "")
}
