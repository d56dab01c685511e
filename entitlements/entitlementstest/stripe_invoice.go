package entitlementstest

import (
	"slices"
	"strconv"
	"time"
)

var invoiceCalls = []endpoint{
	{"GET /v1/invoices", pageParams + "customer subscription status", func(b *Biller, c *call) any {
		return page(b, c, "invoices", func(inv *invoice) bool {
			return c.form.matches("customer", inv.customer) && c.form.matches("subscription", inv.subscription) &&
				c.form.matches("status", inv.status) && c.form.within("created", inv.created)
		})
	}},
	{"GET /v1/invoices/{id}", "", func(b *Biller, c *call) any { return lookup[*invoice](b, "invoice", "id", c.id) }},
	{"POST /v1/invoices/{id}/pay", "payment_method off_session paid_out_of_band", (*Biller).payInvoice},
	{"POST /v1/invoices/{id}/finalize", "auto_advance", (*Biller).finalizeInvoice},
	{"POST /v1/invoices/{id}/void", "", (*Biller).voidInvoice},
	{"GET /v1/invoiceitems", pageParams + "customer pending invoice", func(b *Biller, c *call) any {
		return page(b, c, "invoiceitems", func(ii *invoiceItem) bool {
			return c.form.matches("customer", ii.customer) && c.form.matches("invoice", ii.invoice) &&
				(!c.form.has("pending") || c.form.boolean("pending", false) == (ii.invoice == ""))
		})
	}},
	{"GET /v1/invoiceitems/{id}", "", func(b *Biller, c *call) any { return lookup[*invoiceItem](b, "invoiceitem", "id", c.id) }},
}

type invoice struct {
	id, customer, subscription, status, reason, currency string
	number                                               string
	live, attempted, draftForGood                        bool
	attempts                                             int
	lines                                                []*invoiceItem
	created, finalized, paid, voided                     time.Time
	from, to                                             time.Time
	nextAttempt                                          time.Time // of the payment, or of the finalization of a draft
}

// invoiceItem is a line of an invoice, or one that waits for the next.
type invoiceItem struct {
	id, customer, subscription, invoice, item, description, currency string
	price                                                            *price
	quantity, amount                                                 int64
	proration, live                                                  bool
	created, from, to                                                time.Time
}

func (inv *invoice) ref() string    { return inv.id }
func (ii *invoiceItem) ref() string { return ii.id }

// amount is what the invoice asks for; what is given back beyond that is not kept.
func (inv *invoice) amount() (sum int64) {
	for _, line := range inv.lines {
		sum += line.amount
	}
	return max(sum, 0)
}

func (inv *invoice) render(v version) object {
	lines := []any{}
	for _, line := range inv.lines {
		lines = append(lines, line.line(v))
	}
	due, settled := inv.amount(), int64(0)
	if inv.status == statusPaid {
		settled = due
	}
	out := object{
		"id": inv.id, "object": "invoice", "amount_due": due, "amount_paid": settled, "amount_remaining": due - settled,
		"attempt_count": inv.attempts, "attempted": inv.attempted, "auto_advance": !inv.nextAttempt.IsZero(),
		"billing_reason": inv.reason, "collection_method": "charge_automatically", "created": inv.created.Unix(),
		"currency": inv.currency, "customer": inv.customer, "description": nil, "due_date": nil, "ending_balance": nil,
		"hosted_invoice_url": nil, "invoice_pdf": nil, "lines": sublist("/v1/invoices/"+inv.id+"/lines", lines),
		"livemode": inv.live, "metadata": object{}, "next_payment_attempt": stamp(inv.nextAttempt), "number": orNull(inv.number),
		"period_end": inv.to.Unix(), "period_start": inv.from.Unix(), "starting_balance": 0, "status": inv.status,
		"status_transitions": object{
			"finalized_at": stamp(inv.finalized), "marked_uncollectible_at": nil,
			"paid_at": stamp(inv.paid), "voided_at": stamp(inv.voided),
		},
		"subtotal": due, "total": due, "webhooks_delivered_at": nil,
	}
	if v.newer() {
		out["parent"] = parent(inv.subscription)
	} else {
		out["subscription"], out["paid"], out["payment_intent"], out["charge"] = orNull(inv.subscription), inv.status == statusPaid, nil, nil
	}
	return out
}

// parent says where an invoice came from, as newer versions do.
func parent(subscriptionID string) any {
	if subscriptionID == "" {
		return nil
	}
	return object{
		"type": "subscription_details", "quote_details": nil,
		"subscription_details": object{"metadata": object{}, "subscription": subscriptionID},
	}
}

func (ii *invoiceItem) line(v version) object {
	out := object{
		"id": "il_" + ii.id, "object": "line_item", "amount": ii.amount, "currency": ii.currency, "description": ii.description,
		"livemode": ii.live, "metadata": object{}, "period": object{"start": ii.from.Unix(), "end": ii.to.Unix()}, "quantity": ii.quantity,
	}
	if !v.newer() {
		out["proration"], out["subscription"], out["subscription_item"] = ii.proration, orNull(ii.subscription), orNull(ii.item)
		out["type"], out["price"] = "subscription", nil
		if ii.price != nil {
			out["price"] = ii.price.render(v)
		}
	}
	return out
}

func (ii *invoiceItem) render(v version) object {
	out := object{
		"id": ii.id, "object": "invoiceitem", "amount": ii.amount, "currency": ii.currency, "customer": ii.customer,
		"date": ii.created.Unix(), "description": orNull(ii.description), "invoice": orNull(ii.invoice), "livemode": ii.live,
		"metadata": object{}, "period": object{"start": ii.from.Unix(), "end": ii.to.Unix()}, "proration": ii.proration, "quantity": ii.quantity,
	}
	if !v.newer() {
		out["subscription"] = orNull(ii.subscription)
	}
	return out
}

// pend keeps an item for the next invoice.
func (b *Biller) pend(ii *invoiceItem) {
	ii.id, ii.created, ii.live = b.newID("ii"), b.now, b.opts.Live
	b.add("invoiceitems", ii)
	b.emit("invoiceitem.created", ii)
}

func (b *Biller) finalizeInvoice(c *call) any {
	inv := lookup[*invoice](b, "invoice", "id", c.id)
	if inv.status != statusDraft {
		refuse(invalid("", "This invoice is already finalized, you can't re-finalize a non-draft invoice."))
	}
	b.finalize(inv)
	return inv
}

func (b *Biller) voidInvoice(c *call) any {
	inv := lookup[*invoice](b, "invoice", "id", c.id)
	if inv.status != statusOpen {
		refuse(invalid("", "You can only pass in open invoices. This invoice isn't open."))
	}
	b.void(inv)
	return inv
}

func (b *Biller) payInvoice(c *call) any {
	inv := lookup[*invoice](b, "invoice", "id", c.id)
	switch inv.status {
	case statusPaid:
		refuse(invalid("", "Invoice is already paid"))
	case statusDraft:
		b.finalize(inv)
	case statusVoid:
		refuse(invalid("", "This invoice can no longer be paid."))
	}
	if c.form.boolean("paid_out_of_band", false) {
		b.settle(inv)
	} else if inv.status == statusOpen && !b.collect(inv) {
		refuse(declined())
	}
	return inv
}

// PayInvoice tries the customer's open invoice with the longest wait now, as a customer does who has put a new card in. It
// says whether there was one and it is paid.
func (b *Biller) PayInvoice(customerID string) bool {
	defer b.enter()()
	all := each[*invoice](b, "invoices")
	i := slices.IndexFunc(all, func(inv *invoice) bool { return inv.customer == customerID && inv.status == statusOpen })
	return i >= 0 && b.collect(all[i])
}

// Invoices returns the customer's invoices in the shape of [StripeVersion], oldest first.
func (b *Biller) Invoices(customerID string) []map[string]any {
	defer b.enter()()
	var found []map[string]any
	for _, inv := range each[*invoice](b, "invoices") {
		if inv.customer == customerID {
			found = append(found, inv.render(StripeVersion))
		}
	}
	return found
}

func amountText(n int64) string { return strconv.FormatInt(n, 10) }
