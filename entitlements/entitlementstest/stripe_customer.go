package entitlementstest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

const customerFields = "name email description phone address metadata payment_method invoice_settings balance " +
	"preferred_locales tax_exempt tax shipping"

var customerCalls = []endpoint{
	{"POST /v1/customers", customerFields, (*Biller).createCustomer},
	{"GET /v1/customers", pageParams + "email", func(b *Biller, c *call) any {
		return page(b, c, "customers", func(cu *customer) bool {
			return !cu.deleted && c.form.matches("email", cu.email) && c.form.within("created", cu.created)
		})
	}},
	{"GET /v1/customers/search", "query limit page", func(b *Biller, c *call) any {
		return search(b, c, "customers", func(cu *customer) map[string]string { return cu.metadata })
	}},
	{"GET /v1/customers/{id}", "", func(b *Biller, c *call) any { return lookup[*customer](b, "customer", "id", c.id) }},
	{"POST /v1/customers/{id}", customerFields, (*Biller).updateCustomer},
	{"DELETE /v1/customers/{id}", "", (*Biller).deleteCustomer},
	{"POST /v1/payment_methods/{id}/attach", "customer", (*Biller).attachCard},
}

type customer struct {
	id, name, email, description string
	metadata                     map[string]string
	created                      time.Time
	live, deleted                bool
	card                         string // the default payment method
}

// card is a means of payment.
type card struct {
	id       string
	declines bool
}

func (cu *customer) ref() string { return cu.id }

func (cu *customer) render(version) object {
	if cu.deleted {
		return object{"id": cu.id, "object": "customer", "deleted": true}
	}
	return object{
		"id": cu.id, "object": "customer", "created": cu.created.Unix(), "name": orNull(cu.name), "email": orNull(cu.email),
		"description": orNull(cu.description), "metadata": cu.metadata, "livemode": cu.live, "balance": 0, "currency": nil,
		"default_source": nil, "delinquent": false, "discount": nil,
		"invoice_settings": object{"custom_fields": nil, "default_payment_method": orNull(cu.card), "footer": nil},
	}
}

func (b *Biller) createCustomer(c *call) any {
	cu := &customer{id: b.newID("cus"), created: b.now, live: b.opts.Live}
	cu.take(&c.form)
	b.takeCard(cu, &c.form)
	b.add("customers", cu)
	b.emit("customer.created", cu)
	return cu
}

func (cu *customer) take(f *form) {
	for name, field := range map[string]*string{"name": &cu.name, "email": &cu.email, "description": &cu.description} {
		if f.has(name) {
			*field = f.str(name)
		}
	}
	cu.metadata = f.merge("metadata", cu.metadata)
}

// takeCard makes the payment method that a call names the customer's default.
func (b *Biller) takeCard(cu *customer, f *form) {
	for _, id := range []string{f.str("payment_method"), f.sub("invoice_settings").str("default_payment_method")} {
		if id != "" {
			cu.card = id
			b.cards[cu.id] = card{id: id, declines: strings.Contains(strings.ToLower(id), "fail")}
		}
	}
}

// living returns the customer under an id; a deleted one is missing.
func (b *Biller) living(param, id string) *customer {
	cu := lookup[*customer](b, "customer", param, id)
	if cu.deleted {
		refuse(missing("customer", param, id))
	}
	return cu
}

func (b *Biller) updateCustomer(c *call) any {
	cu := b.living("id", c.id)
	b.change("customer.updated", cu, func() {
		cu.take(&c.form)
		b.takeCard(cu, &c.form)
	})
	return cu
}

func (b *Biller) deleteCustomer(c *call) any {
	cu := b.living("id", c.id)
	for _, s := range each[*subscription](b, "subscriptions") {
		if s.customer == cu.id && !s.over() {
			b.end(s, "cancellation_requested")
		}
	}
	b.emit("customer.deleted", cu)
	cu.deleted = true
	return cu
}

func (b *Biller) attachCard(c *call) any {
	cu := b.living("customer", c.form.need("customer"))
	b.cards[cu.id] = card{id: c.id, declines: strings.Contains(strings.ToLower(c.id), "fail")}
	return object{
		"id": c.id, "object": "payment_method", "type": "card", "customer": cu.id, "created": b.now.Unix(),
		"livemode": b.opts.Live, "metadata": object{},
	}
}

// Customer returns the id of the newest customer in whose metadata the key has the value; empty when there is none.
func (b *Biller) Customer(key, value string) string {
	defer b.enter()()
	for _, t := range slices.Backward(b.kinds["customers"]) {
		if cu := t.(*customer); !cu.deleted && cu.metadata[key] == value {
			return cu.id
		}
	}
	return ""
}

// SetCard gives the customer a card, which pays or is declined from now on. Open invoices are tried when their time comes,
// or by [Biller.PayInvoice].
func (b *Biller) SetCard(customerID string, pays bool) {
	defer b.enter()()
	cu, ok := b.things[customerID].(*customer)
	if !ok {
		return
	}
	if cu.card == "" {
		b.change("customer.updated", cu, func() { cu.card = b.newID("pm") })
	}
	b.cards[cu.id] = card{id: cu.card, declines: !pays}
}

// declined is what Stripe says of a card that does not pay.
func declined() *apiError {
	return &apiError{
		status: http.StatusPaymentRequired, kind: cardError, code: "card_declined", decline: "generic_decline",
		message: "Your card was declined.",
	}
}
