package entitlementstest

import (
	"net/http"
	"slices"
	"time"
)

const subscriptionFields = "items metadata cancel_at cancel_at_period_end collection_method days_until_due default_payment_method " +
	"payment_behavior payment_settings proration_behavior trial_end trial_settings off_session billing_cycle_anchor description " +
	"automatic_tax add_invoice_items "

var subscriptionCalls = []endpoint{
	{"POST /v1/subscriptions", subscriptionFields + "customer trial_period_days currency", (*Biller).createSubscription},
	{"GET /v1/subscriptions", pageParams + "customer status price collection_method current_period_start current_period_end", (*Biller).listSubscriptions},
	{"GET /v1/subscriptions/search", "query limit page", func(b *Biller, c *call) any {
		return search(b, c, "subscriptions", func(s *subscription) map[string]string { return s.metadata })
	}},
	{"GET /v1/subscriptions/{id}", "", func(b *Biller, c *call) any { return lookup[*subscription](b, "subscription", "id", c.id) }},
	{"POST /v1/subscriptions/{id}", subscriptionFields + "pause_collection proration_date cancellation_details", (*Biller).updateSubscription},
	{"DELETE /v1/subscriptions/{id}", "invoice_now prorate cancellation_details", (*Biller).cancelSubscription},
	{"POST /v1/subscriptions/{id}/resume", "billing_cycle_anchor proration_behavior proration_date", (*Biller).resumeSubscription},
}

// trialWarning is how long before its end a trial is announced to end.
const trialWarning = 3 * day

func (b *Biller) createSubscription(c *call) any {
	f := &c.form
	cu := b.living("customer", f.need("customer"))
	if len(f.list("items")) == 0 {
		f.need("items")
	}
	s := b.newSubscription(cu.id)
	s.items = b.readItems(s, f, "items")
	s.metadata = f.merge("metadata", nil)
	s.collection = f.oneOf("collection_method", "charge_automatically", "send_invoice")
	s.withoutCard = f.sub("trial_settings").sub("end_behavior").oneOf("missing_payment_method", "create_invoice", "cancel", "pause")
	s.trialEnd = f.instant("trial_end", b.now)
	if days := f.integer("trial_period_days", 0); days > 0 {
		s.trialEnd = b.now.AddDate(0, 0, int(days))
	}
	if f.has("default_payment_method") {
		b.cards[cu.id] = card{id: f.str("default_payment_method")}
	}
	s.cancelAt, s.cancelAtEnd = f.instant("cancel_at", b.now), f.boolean("cancel_at_period_end", false)
	b.begin(s, f.oneOf("payment_behavior", "allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"))
	return s
}

func (b *Biller) newSubscription(customerID string) *subscription {
	return &subscription{
		id: b.newID("sub"), customer: customerID, created: b.now, started: b.now, anchor: b.now, live: b.opts.Live,
		status: statusIncomplete, collection: "charge_automatically", withoutCard: "create_invoice", metadata: map[string]string{},
	}
}

// begin makes the subscription known: in trial, or with a first invoice that is paid or leaves it incomplete.
func (b *Biller) begin(s *subscription, behaviour string) {
	s.periodStart = b.now
	trial := s.trialEnd.After(b.now)
	if !trial && behaviour == "error_if_incomplete" && s.collection == "charge_automatically" && !b.pays(s.customer) {
		refuse(declined())
	}
	b.add("subscriptions", s)
	if trial {
		s.status, s.trialStart, s.anchor, s.periodEnd = statusTrialing, b.now, s.trialEnd, s.trialEnd
	} else {
		s.trialEnd = time.Time{}
		s.periodEnd = s.following(b.now)
	}
	b.emit("customer.subscription.created", s)
	inv := b.bill(s, "subscription_create", span{})
	b.finalize(inv)
	if inv.status == statusOpen && behaviour != "default_incomplete" && s.collection == "charge_automatically" {
		b.collect(inv)
	}
	if s.collection == "send_invoice" && s.status == statusIncomplete {
		b.change("customer.subscription.updated", s, func() { s.status = statusActive })
	}
	b.warn(s)
}

// warn announces that the trial ends soon, once.
func (b *Biller) warn(s *subscription) {
	if s.status == statusTrialing && !s.warned && !b.now.Before(s.trialEnd.Add(-trialWarning)) {
		s.warned = true
		b.emit("customer.subscription.trial_will_end", s)
	}
}

func (b *Biller) listSubscriptions(c *call) any {
	status, customerID := c.form.str("status"), c.form.str("customer")
	return page(b, c, "subscriptions", func(s *subscription) bool {
		if customerID != "" && s.customer != customerID {
			return false
		}
		switch status {
		case "":
			if s.status == statusCanceled {
				return false
			}
		case "all":
		case "ended":
			if !s.over() {
				return false
			}
		default:
			if s.status != status {
				return false
			}
		}
		return (!c.form.has("price") || s.hasPrice(c.form.str("price"))) &&
			c.form.within("created", s.created) && c.form.within("current_period_end", s.periodEnd) &&
			c.form.within("current_period_start", s.periodStart)
	})
}

func (s *subscription) hasPrice(id string) bool {
	return slices.ContainsFunc(s.items, func(i *item) bool { return i.price.id == id })
}

// changeable returns a subscription that has not ended.
func (b *Biller) changeable(param, id string) *subscription {
	s := lookup[*subscription](b, "subscription", param, id)
	if s.over() {
		refuse(missing("subscription", param, id))
	}
	return s
}

func (b *Biller) updateSubscription(c *call) any {
	f := &c.form
	s := lookup[*subscription](b, "subscription", "id", c.id)
	if s.over() {
		refuse(invalid("", "A canceled subscription can only update its cancellation_details and metadata."))
	}
	if s.schedule != "" && (f.has("items") || f.has("cancel_at") || f.has("cancel_at_period_end") || f.has("trial_end")) {
		refuse(invalid("", "The subscription is managed by the subscription schedule `%s`, and updating any of its "+
			"attributes directly is not allowed. Please update the schedule instead.", s.schedule))
	}
	items := b.readItems(s, f, "items")
	if len(items) == 0 {
		refuse(invalid("items", "A subscription must have at least one active plan."))
	}
	prorate := f.oneOf("proration_behavior", "create_prorations", "always_invoice", "none")
	behaviour := f.oneOf("payment_behavior", "allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete")
	if behaviour == "error_if_incomplete" && prorate == "always_invoice" && s.status == statusActive && !b.pays(s.customer) {
		refuse(declined())
	}
	b.change("customer.subscription.updated", s, func() {
		b.settings(s, f)
		b.replace(s, items, prorate, f.instant("proration_date", b.now))
	})
	if prorate == "always_invoice" && f.has("items") && s.status == statusActive {
		b.invoicePending(s)
	}
	if f.str("trial_end") == "now" && s.status == statusTrialing {
		b.endTrial(s)
	}
	return s
}

// settings takes everything but the items.
func (b *Biller) settings(s *subscription, f *form) {
	s.metadata = f.merge("metadata", s.metadata)
	if f.has("cancel_at_period_end") {
		s.cancelAtEnd = f.boolean("cancel_at_period_end", false)
		s.cancelAt, s.canceledAt, s.reason = time.Time{}, time.Time{}, ""
		if s.cancelAtEnd {
			s.cancelAt, s.canceledAt, s.reason = s.periodEnd, b.now, "cancellation_requested"
		}
	}
	if f.has("cancel_at") {
		s.cancelAt = f.instant("cancel_at", b.now)
		s.canceledAt = time.Time{}
		if !s.cancelAt.IsZero() {
			s.canceledAt = b.now
		}
	}
	if f.has("pause_collection") {
		p := f.sub("pause_collection")
		s.pause, s.resumes = p.str("behavior"), p.instant("resumes_at", b.now)
	}
	if f.has("trial_end") && f.str("trial_end") != "now" {
		s.trialEnd = f.instant("trial_end", b.now)
		if s.trialEnd.After(b.now) {
			s.status, s.periodEnd, s.anchor, s.warned = statusTrialing, s.trialEnd, s.trialEnd, false
		}
	}
}

func (b *Biller) cancelSubscription(c *call) any {
	s := b.changeable("id", c.id)
	if c.form.boolean("prorate", false) {
		b.prorate(s, s.items, nil, b.now)
	}
	b.end(s, "cancellation_requested")
	if c.form.boolean("invoice_now", false) {
		b.invoicePending(s)
	}
	return s
}

// end cancels the subscription now.
func (b *Biller) end(s *subscription, reason string) {
	s.status, s.ended = statusCanceled, b.now
	if s.canceledAt.IsZero() {
		s.canceledAt = b.now
	}
	if s.reason == "" {
		s.reason = reason
	}
	if sc, ok := b.things[s.schedule].(*schedule); ok && sc.live() {
		sc.status, sc.canceledAt = statusCanceled, b.now
		b.emit("subscription_schedule.canceled", sc)
	}
	for _, inv := range each[*invoice](b, "invoices") {
		if inv.subscription == s.id && inv.status == statusOpen {
			inv.nextAttempt = time.Time{}
		}
	}
	b.emit("customer.subscription.deleted", s)
}

func (b *Biller) resumeSubscription(c *call) any {
	s := lookup[*subscription](b, "subscription", "id", c.id)
	if s.status != statusPaused {
		refuse(&apiError{status: http.StatusBadRequest, kind: invalidRequest, message: "Only paused subscriptions can be resumed."})
	}
	b.change("customer.subscription.resumed", s, func() {
		s.status, s.anchor, s.periodStart = statusActive, b.now, b.now
		s.periodEnd = s.following(b.now)
	})
	b.charge(s, "subscription_update")
	return s
}
