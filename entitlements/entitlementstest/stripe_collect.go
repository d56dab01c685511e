package entitlementstest

import (
	"fmt"
	"time"
)

// draftWait is how long the invoice of a renewal stays a draft.
const draftWait = time.Hour

// bill makes the draft of an invoice for the subscription: the present period of what is paid ahead, what was metered
// within used, and the items that wait.
func (b *Biller) bill(s *subscription, reason string, used span) *invoice {
	inv := b.newInvoice(s, reason)
	if !used.to.IsZero() {
		inv.from, inv.to = used.from, used.to
	}
	for _, i := range s.items {
		if line := b.lineOf(s, i, used); line != nil {
			inv.lines = append(inv.lines, line)
		}
	}
	b.sweep(inv)
	b.publish(s, inv)
	return inv
}

// span is the time from one instant until before another; zero is none.
type span struct{ from, to time.Time }

// lineOf returns the line of an invoice for an item; nil where a metered one has nothing to bill yet.
func (b *Biller) lineOf(s *subscription, i *item, used span) *invoiceItem {
	line := &invoiceItem{
		id: b.newID("ii"), customer: s.customer, subscription: s.id, item: i.id, price: i.price, quantity: i.quantity,
		currency: i.price.currency, from: s.periodStart, to: s.periodEnd, live: b.opts.Live,
	}
	if i.price.metered {
		if used.to.IsZero() {
			return nil
		}
		line.from, line.to, line.quantity = used.from, used.to, b.usage(s.customer, i.price.meter, used)
	}
	if s.status != statusTrialing {
		line.amount = i.price.amount * line.quantity
	}
	line.description = fmt.Sprintf("%d × %s", line.quantity, i.price.id)
	return line
}

func (b *Biller) newInvoice(s *subscription, reason string) *invoice {
	return &invoice{
		id: b.newID("in"), customer: s.customer, subscription: s.id, status: statusDraft, reason: reason, currency: s.currency(),
		created: b.now, live: b.opts.Live, from: s.periodStart, to: s.periodEnd,
	}
}

// sweep puts the items that wait for the subscription's next invoice on this one.
func (b *Biller) sweep(inv *invoice) {
	for _, ii := range each[*invoiceItem](b, "invoiceitems") {
		if ii.invoice == "" && ii.customer == inv.customer && (ii.subscription == "" || ii.subscription == inv.subscription) {
			ii.invoice = inv.id
			inv.lines = append(inv.lines, ii)
		}
	}
}

func (b *Biller) publish(s *subscription, inv *invoice) {
	b.add("invoices", inv)
	s.invoice = inv.id
	b.emit("invoice.created", inv)
}

// charge bills the subscription and tries at once to be paid.
func (b *Biller) charge(s *subscription, reason string) {
	b.collectNow(s, b.bill(s, reason, span{}))
}

// invoicePending bills the items that wait, where there are some, and tries at once to be paid.
func (b *Biller) invoicePending(s *subscription) {
	inv := b.newInvoice(s, "subscription_update")
	if b.sweep(inv); len(inv.lines) == 0 {
		return
	}
	b.publish(s, inv)
	b.collectNow(s, inv)
}

// collectNow finalizes and collects, unless the collection of the subscription is paused.
func (b *Biller) collectNow(s *subscription, inv *invoice) {
	switch s.pause {
	case "":
		b.finalize(inv)
		if inv.status == statusOpen {
			b.collect(inv)
		}
	case "void":
		b.void(inv)
	default:
		inv.draftForGood = true
	}
}

// finalize opens a draft; one that asks for nothing is paid by that.
func (b *Biller) finalize(inv *invoice) {
	inv.status, inv.finalized, inv.nextAttempt = statusOpen, b.now, time.Time{}
	inv.number = "TENON-" + fmt.Sprintf("%04d", len(b.kinds["invoices"]))
	b.emit("invoice.finalized", inv)
	if inv.amount() == 0 {
		b.settle(inv)
	}
}

func (b *Biller) void(inv *invoice) {
	inv.status, inv.voided, inv.nextAttempt = statusVoid, b.now, time.Time{}
	b.emit("invoice.voided", inv)
}

// pays says whether the customer has a card that pays.
func (b *Biller) pays(customerID string) bool {
	c, ok := b.cards[customerID]
	return ok && !c.declines
}

// collect tries to be paid, and says whether it was.
func (b *Biller) collect(inv *invoice) bool {
	inv.attempted = true
	inv.attempts++
	if b.pays(inv.customer) {
		b.settle(inv)
		return true
	}
	s, _ := b.things[inv.subscription].(*subscription)
	inv.nextAttempt = b.retry(s, inv)
	b.emit("invoice.payment_failed", inv)
	if s == nil {
		return false
	}
	if s.status == statusActive {
		b.change("customer.subscription.updated", s, func() { s.status = statusPastDue })
	}
	if s.status == statusPastDue && inv.nextAttempt.IsZero() {
		b.giveUp(s)
	}
	return false
}

// retry returns when a failed invoice is tried again; zero when it is not.
func (b *Biller) retry(s *subscription, inv *invoice) time.Time {
	if s == nil || s.status == statusIncomplete || s.over() || inv.attempts > len(b.opts.Retries) {
		return time.Time{}
	}
	return b.now.Add(b.opts.Retries[inv.attempts-1])
}

// giveUp is what the settings say of a subscription whose retries all failed.
func (b *Biller) giveUp(s *subscription) {
	switch b.opts.AfterRetries {
	case statusCanceled:
		b.end(s, "payment_failed")
	case statusUnpaid:
		b.change("customer.subscription.updated", s, func() { s.status = statusUnpaid })
	}
}

// settle marks the invoice paid; the subscription that waited for it becomes active.
func (b *Biller) settle(inv *invoice) {
	inv.status, inv.paid, inv.nextAttempt = statusPaid, b.now, time.Time{}
	b.emit("invoice.paid", inv)
	b.emit("invoice.payment_succeeded", inv)
	s, ok := b.things[inv.subscription].(*subscription)
	if !ok {
		return
	}
	switch s.status {
	case statusIncomplete, statusPastDue, statusUnpaid:
		b.change("customer.subscription.updated", s, func() { s.status = statusActive })
	}
}
