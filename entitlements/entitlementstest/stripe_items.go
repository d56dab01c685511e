package entitlementstest

import (
	"slices"
	"time"
)

const itemFields = "price quantity metadata proration_behavior proration_date payment_behavior "

var itemCalls = []endpoint{
	{"POST /v1/subscription_items", itemFields + "subscription", (*Biller).createItem},
	{"GET /v1/subscription_items", pageParams + "subscription", (*Biller).listItems},
	{"GET /v1/subscription_items/{id}", "", func(b *Biller, c *call) any { return b.itemOf(c.id) }},
	{"POST /v1/subscription_items/{id}", itemFields, (*Biller).updateItem},
	{"DELETE /v1/subscription_items/{id}", "proration_behavior proration_date clear_usage", (*Biller).deleteItem},
}

// itemOf returns the item under an id, of a subscription that has not ended.
func (b *Biller) itemOf(id string) *item {
	for _, s := range each[*subscription](b, "subscriptions") {
		if i := s.item(id); i != nil {
			return i
		}
	}
	refuse(missing("subscription_item", "id", id))
	return nil
}

func (b *Biller) listItems(c *call) any {
	s := lookup[*subscription](b, "subscription", "subscription", c.form.need("subscription"))
	found, more := cut(c, s.items, int(c.form.integer("limit", 10)))
	data := []any{}
	for _, i := range found {
		data = append(data, i.render(c.version))
	}
	return object{"object": "list", "data": data, "has_more": more, "url": "/v1/subscription_items"}
}

func (b *Biller) createItem(c *call) any {
	s := b.changeable("subscription", c.form.need("subscription"))
	i := b.readItem(s, &c.form)
	if slices.ContainsFunc(s.items, func(other *item) bool { return other.price == i.price }) {
		refuse(invalid("price", "Cannot add multiple subscription items with the same plan: %s", i.price.id))
	}
	b.changeItems(s, append(slices.Clone(s.items), i), &c.form)
	return i
}

func (b *Biller) updateItem(c *call) any {
	old := b.itemOf(c.id)
	b.changeable("subscription", old.subscription)
	c.form.put("id", c.id)
	i := b.readItem(old.of, &c.form)
	items := slices.Clone(old.of.items)
	items[slices.Index(items, old)] = i
	b.changeItems(old.of, items, &c.form)
	return i
}

func (b *Biller) deleteItem(c *call) any {
	i := b.itemOf(c.id)
	b.changeable("subscription", i.subscription)
	items := slices.DeleteFunc(slices.Clone(i.of.items), func(other *item) bool { return other == i })
	if len(items) == 0 {
		refuse(invalid("", "A subscription must have at least one active plan."))
	}
	b.changeItems(i.of, items, &c.form)
	return object{"id": i.id, "object": "subscription_item", "deleted": true}
}

func (b *Biller) changeItems(s *subscription, items []*item, f *form) {
	prorate := f.oneOf("proration_behavior", "create_prorations", "always_invoice", "none")
	b.change("customer.subscription.updated", s, func() { b.replace(s, items, prorate, f.instant("proration_date", b.now)) })
	if prorate == "always_invoice" {
		b.invoicePending(s)
	}
}

// replace gives the subscription other items, with prorations unless told otherwise. Another interval begins a new period.
func (b *Biller) replace(s *subscription, items []*item, prorate string, at time.Time) {
	if at.IsZero() {
		at = b.now
	}
	before, beforeEvery := s.interval()
	old := s.items
	if prorate != "none" && (s.status == statusActive || s.status == statusPastDue) {
		b.prorate(s, without(old, items), without(items, old), at)
	}
	s.items = items
	if unit, every := s.interval(); (unit != before || every != beforeEvery) && s.status != statusTrialing {
		s.anchor, s.periodStart = b.now, b.now
		s.periodEnd = s.following(b.now)
		b.charge(s, "subscription_update")
	}
}

// without returns the items of which there is no equal among the others.
func without(items, others []*item) []*item {
	var left []*item
	for _, i := range items {
		same := func(o *item) bool { return o.id == i.id && o.price == i.price && o.quantity == i.quantity }
		if !slices.ContainsFunc(others, same) {
			left = append(left, i)
		}
	}
	return left
}

// prorate writes invoice items for the rest of the period: what is given back, and what is new.
func (b *Biller) prorate(s *subscription, back, more []*item, at time.Time) {
	left, of := s.unused(at)
	write := func(i *item, sign int64, what string) {
		if i.price.metered || left == 0 {
			return
		}
		b.pend(&invoiceItem{
			customer: s.customer, subscription: s.id, item: i.id, price: i.price, quantity: i.quantity, proration: true,
			amount: sign * roundedShare(i.price.amount*i.quantity, left, of), currency: i.price.currency,
			description: what + " after " + at.Format("02 Jan 2006"), from: at, to: s.periodEnd,
		})
	}
	for _, i := range back {
		write(i, -1, "Unused time on "+i.price.id)
	}
	for _, i := range more {
		write(i, 1, "Remaining time on "+i.price.id)
	}
}

// roundedShare returns amount × left ÷ of, rounded half up.
func roundedShare(amount, left, of int64) int64 { return (2*amount*left + of) / (2 * of) }
