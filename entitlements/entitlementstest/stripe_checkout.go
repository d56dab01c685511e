package entitlementstest

import (
	"time"
)

// checkoutWait is how long a checkout stays open.
const checkoutWait = 24 * time.Hour

var checkoutCalls = []endpoint{
	{
		"POST /v1/checkout/sessions", "mode line_items customer customer_email client_reference_id subscription_data success_url " +
			"cancel_url metadata payment_method_collection allow_promotion_codes expires_at locale automatic_tax billing_address_collection " +
			"customer_update payment_method_types tax_id_collection",
		(*Biller).createCheckout,
	},
	{"GET /v1/checkout/sessions", pageParams + "customer subscription status", func(b *Biller, c *call) any {
		return page(b, c, "checkout/sessions", func(cs *checkout) bool {
			return c.form.matches("customer", cs.customer) && c.form.matches("subscription", cs.subscription) && c.form.matches("status", cs.status)
		})
	}},
	{"GET /v1/checkout/sessions/{id}", "", func(b *Biller, c *call) any { return b.checkoutOf(c.id) }},
	{"POST /v1/checkout/sessions/{id}/expire", "", (*Biller).expireNow},
	{"POST /v1/billing_portal/sessions", "customer return_url configuration flow_data locale on_behalf_of", (*Biller).createPortal},
}

// statusComplete is a checkout that was paid.
const statusComplete = "complete"

type checkout struct {
	id, customer, email, reference, subscription, invoice, status string
	success, cancel, url, cards                                   string
	metadata, inherited                                           map[string]string // inherited by the subscription
	items                                                         []phaseItem
	trialEnd                                                      time.Time
	withoutCard                                                   string
	created, expires                                              time.Time
	live                                                          bool
}

func (cs *checkout) ref() string { return cs.id }

func (cs *checkout) render(version) object {
	var total int64
	for _, i := range cs.items {
		total += i.price.amount * i.quantity
	}
	payment := "unpaid"
	switch {
	case cs.status == statusComplete && cs.trialEnd.IsZero():
		payment = "paid"
	case cs.status == statusComplete:
		payment = "no_payment_required"
	}
	return object{
		"id": cs.id, "object": "checkout.session", "amount_subtotal": total, "amount_total": total, "cancel_url": orNull(cs.cancel),
		"client_reference_id": orNull(cs.reference), "created": cs.created.Unix(), "currency": "usd", "customer": orNull(cs.customer),
		"customer_email": orNull(cs.email), "expires_at": cs.expires.Unix(), "invoice": orNull(cs.invoice), "livemode": cs.live,
		"locale": nil, "metadata": cs.metadata, "mode": "subscription", "payment_intent": nil, "payment_method_collection": cs.cards,
		"payment_method_types": []any{"card"}, "payment_status": payment, "setup_intent": nil, "status": cs.status,
		"subscription": orNull(cs.subscription), "success_url": orNull(cs.success), "ui_mode": "hosted", "url": orNull(cs.url),
	}
}

func (b *Biller) checkoutOf(id string) *checkout {
	return lookup[*checkout](b, "checkout session", "id", id)
}

func (b *Biller) createCheckout(c *call) any {
	f := &c.form
	if f.need("mode") != "subscription" {
		refuse(invalid("mode", "Invalid mode: must be subscription"))
	}
	data := f.sub("subscription_data")
	cs := &checkout{
		id: b.newID("cs_test"), email: f.str("customer_email"), reference: f.str("client_reference_id"), status: statusOpen,
		success: f.need("success_url"), cancel: f.str("cancel_url"), cards: f.oneOf("payment_method_collection", "always", "if_required"),
		metadata: f.merge("metadata", nil), inherited: data.merge("metadata", nil), created: b.now, live: b.opts.Live,
		trialEnd: data.instant("trial_end", b.now), expires: f.instant("expires_at", b.now),
		withoutCard: data.sub("trial_settings").sub("end_behavior").oneOf("missing_payment_method", "create_invoice", "cancel", "pause"),
	}
	if days := data.integer("trial_period_days", 0); days > 0 {
		cs.trialEnd = b.now.AddDate(0, 0, int(days))
	}
	if cs.expires.IsZero() {
		cs.expires = b.now.Add(checkoutWait)
	}
	if id := f.str("customer"); id != "" {
		cs.customer = b.living("customer", id).id
	}
	for _, line := range f.list("line_items") {
		cs.items = append(cs.items, phaseItem{lookup[*price](b, "price", line.join("price"), line.need("price")), line.integer("quantity", 1)})
	}
	if len(cs.items) == 0 {
		f.need("line_items")
	}
	cs.url = c.base + "/pay/" + cs.id
	b.add("checkout/sessions", cs)
	return cs
}

func (b *Biller) expireNow(c *call) any {
	cs := b.checkoutOf(c.id)
	if cs.status != statusOpen {
		refuse(invalid("", "Only Checkout Sessions with a status in [\"open\"] can be expired."))
	}
	b.expireCheckout(cs)
	return cs
}

func (b *Biller) expireCheckout(cs *checkout) {
	cs.status, cs.url = "expired", ""
	b.emit("checkout.session.expired", cs)
}

// PayCheckout does what a person does on the page of a checkout: puts in a card that pays and buys. It says whether the
// checkout was open. With pays false the card is declined, and the checkout stays open.
func (b *Biller) PayCheckout(id string, pays bool) bool {
	defer b.enter()()
	cs, ok := b.things[id].(*checkout)
	if !ok || cs.status != statusOpen {
		return false
	}
	return !pays || b.buy(cs)
}

// buy makes the subscription that the checkout is for.
func (b *Biller) buy(cs *checkout) bool {
	if cs.customer == "" {
		cu := &customer{id: b.newID("cus"), email: cs.email, metadata: map[string]string{}, created: b.now, live: b.opts.Live}
		b.add("customers", cu)
		b.emit("customer.created", cu)
		cs.customer = cu.id
	}
	b.cards[cs.customer] = card{id: b.newID("pm")}
	s := b.newSubscription(cs.customer)
	s.metadata, s.trialEnd, s.withoutCard = cs.inherited, cs.trialEnd, cs.withoutCard
	s.items = b.itemsOf(s, &phase{items: cs.items})
	b.begin(s, "allow_incomplete")
	cs.status, cs.subscription, cs.invoice, cs.url = statusComplete, s.id, s.invoice, ""
	b.emit("checkout.session.completed", cs)
	return true
}

type portal struct {
	id, customer, url, back string
	created                 time.Time
	live                    bool
}

func (p *portal) ref() string { return p.id }

func (p *portal) render(version) object {
	return object{
		"id": p.id, "object": "billing_portal.session", "configuration": "bpc_tenon", "created": p.created.Unix(), "customer": p.customer,
		"flow": nil, "livemode": p.live, "locale": nil, "on_behalf_of": nil, "return_url": orNull(p.back), "url": p.url,
	}
}

func (b *Biller) createPortal(c *call) any {
	p := &portal{
		id: b.newID("bps"), customer: b.living("customer", c.form.need("customer")).id, back: c.form.str("return_url"),
		created: b.now, live: b.opts.Live,
	}
	p.url = c.base + "/portal/" + p.id
	b.add("billing_portal/sessions", p)
	return p
}
