package entitlementstest

import (
	"slices"
	"time"
)

// The statuses of subscriptions and invoices that the code speaks of.
const (
	statusTrialing   = "trialing"
	statusActive     = "active"
	statusPastDue    = "past_due"
	statusUnpaid     = "unpaid"
	statusCanceled   = "canceled"
	statusPaused     = "paused"
	statusIncomplete = "incomplete"
	statusExpired    = "incomplete_expired"
	statusDraft      = "draft"
	statusOpen       = "open"
	statusPaid       = "paid"
	statusVoid       = "void"
)

type subscription struct {
	id, customer, status, invoice, schedule, collection string
	items                                               []*item
	metadata                                            map[string]string
	live                                                bool
	created, started, anchor, ended                     time.Time
	periodStart, periodEnd                              time.Time
	trialStart, trialEnd                                time.Time
	canceledAt, cancelAt                                time.Time
	cancelAtEnd, warned                                 bool
	reason                                              string // of the cancellation
	pause                                               string // behaviour of paused collection; empty: collected
	resumes                                             time.Time
	withoutCard                                         string // what the trial's end does without a card
}

// item is a price within a subscription.
type item struct {
	id, subscription string
	price            *price
	quantity         int64
	metadata         map[string]string
	created          time.Time
	of               *subscription
}

func (s *subscription) ref() string { return s.id }
func (i *item) ref() string         { return i.id }

func (s *subscription) over() bool { return s.status == statusCanceled || s.status == statusExpired }

func (s *subscription) render(v version) object {
	out := object{
		"id": s.id, "object": "subscription", "application": nil, "application_fee_percent": nil,
		"automatic_tax": object{"enabled": false}, "billing_cycle_anchor": s.anchor.Unix(), "cancel_at": stamp(s.cancelAt),
		"cancel_at_period_end": s.cancelAtEnd, "canceled_at": stamp(s.canceledAt),
		"cancellation_details": object{"comment": nil, "feedback": nil, "reason": orNull(s.reason)},
		"collection_method":    s.collection, "created": s.created.Unix(), "currency": s.currency(), "customer": s.customer,
		"days_until_due": nil, "default_payment_method": nil, "default_source": nil, "description": nil, "ended_at": stamp(s.ended),
		"items": s.renderItems(v), "latest_invoice": orNull(s.invoice), "livemode": s.live, "metadata": s.metadata,
		"next_pending_invoice_item_invoice": nil, "on_behalf_of": nil, "pause_collection": nil,
		"payment_settings": object{"save_default_payment_method": "off"}, "pending_setup_intent": nil, "pending_update": nil,
		"schedule": orNull(s.schedule), "start_date": s.started.Unix(), "status": s.status, "test_clock": nil, "transfer_data": nil,
		"trial_end": stamp(s.trialEnd), "trial_start": stamp(s.trialStart),
		"trial_settings": object{"end_behavior": object{"missing_payment_method": s.withoutCard}},
	}
	if s.pause != "" {
		out["pause_collection"] = object{"behavior": s.pause, "resumes_at": stamp(s.resumes)}
	}
	if !v.newer() {
		out["current_period_start"], out["current_period_end"] = s.periodStart.Unix(), s.periodEnd.Unix()
	}
	return out
}

func (s *subscription) renderItems(v version) object {
	data := []any{}
	for _, i := range s.items {
		data = append(data, i.render(v))
	}
	return sublist("/v1/subscription_items?subscription="+s.id, data)
}

func (i *item) render(v version) object {
	out := object{
		"id": i.id, "object": "subscription_item", "created": i.created.Unix(), "metadata": i.metadata, "price": i.price.render(v),
		"subscription": i.subscription,
	}
	if !i.price.metered {
		out["quantity"] = i.quantity
	}
	if v.newer() {
		out["current_period_start"], out["current_period_end"] = i.of.periodStart.Unix(), i.of.periodEnd.Unix()
	}
	return out
}

func (s *subscription) currency() string {
	if len(s.items) == 0 {
		return "usd"
	}
	return s.items[0].price.currency
}

// interval is how long a period of the subscription is.
func (s *subscription) interval() (unit string, every int64) {
	for _, i := range s.items {
		return i.price.interval, i.price.every
	}
	return "month", 1
}

// following returns the end of the period that begins at t, counted from the anchor, so that the 31st stays the 31st.
func (s *subscription) following(t time.Time) time.Time {
	unit, every := s.interval()
	for n := int64(1); ; n++ {
		if end := afterIntervals(s.anchor, unit, n*every); end.After(t) {
			return end
		}
	}
}

// afterIntervals returns the time n days, weeks, months or years after t; a day that a month lacks is its last.
func afterIntervals(t time.Time, unit string, n int64) time.Time {
	switch unit {
	case "day":
		return t.AddDate(0, 0, int(n))
	case "week":
		return t.AddDate(0, 0, 7*int(n))
	case "year":
		n *= 12
	}
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}

// unused is the share of the present period that lies ahead, as seconds of seconds.
func (s *subscription) unused(now time.Time) (left, of int64) {
	if !now.Before(s.periodEnd) {
		return 0, 1
	}
	return int64(s.periodEnd.Sub(now).Seconds()), int64(s.periodEnd.Sub(s.periodStart).Seconds())
}

func (s *subscription) item(id string) *item {
	if i := slices.IndexFunc(s.items, func(i *item) bool { return i.id == id }); i >= 0 {
		return s.items[i]
	}
	return nil
}

// readItems returns the items as a call wants them: those there are, with what the call changes, adds and deletes.
func (b *Biller) readItems(s *subscription, f *form, name string) []*item {
	kept := slices.Clone(s.items)
	for _, one := range f.list(name) {
		i := b.readItem(s, one)
		kept = slices.DeleteFunc(kept, func(old *item) bool { return old.id == i.id })
		if !one.boolean("deleted", false) {
			kept = append(kept, i)
		}
	}
	return kept
}

// readItem returns one item as a call wants it, as a copy.
func (b *Biller) readItem(s *subscription, f *form) *item {
	i := &item{quantity: 1, created: b.now, subscription: s.id, of: s}
	if id := f.str("id"); id != "" {
		old := s.item(id)
		if old == nil {
			refuse(missing("subscription_item", f.join("id"), id))
		}
		*i = *old
	} else {
		i.id = b.newID("si")
		f.need("price")
	}
	if id := f.str("price"); id != "" {
		i.price = lookup[*price](b, "price", f.join("price"), id)
		if i.price.interval == "" {
			refuse(invalid(f.join("price"), "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`."))
		}
	}
	i.quantity = f.integer("quantity", i.quantity)
	if i.quantity < 0 {
		refuse(invalid(f.join("quantity"), "This value must be greater than or equal to 0."))
	}
	i.metadata = f.merge("metadata", i.metadata)
	return i
}

// Subscriptions returns the customer's subscriptions as Stripe holds them, in the shape of [StripeVersion], oldest first.
func (b *Biller) Subscriptions(customerID string) []map[string]any {
	defer b.enter()()
	var found []map[string]any
	for _, s := range each[*subscription](b, "subscriptions") {
		if s.customer == customerID {
			found = append(found, s.render(StripeVersion))
		}
	}
	return found
}

// Subscription returns a subscription as Stripe holds it, in the shape of [StripeVersion]; nil when there is none.
func (b *Biller) Subscription(id string) map[string]any {
	defer b.enter()()
	s, ok := b.things[id].(*subscription)
	if !ok {
		return nil
	}
	return s.render(StripeVersion)
}
