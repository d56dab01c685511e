package entitlementstest

import (
	"slices"
	"time"
)

// incompleteWait is how long a subscription waits for its first payment.
const incompleteWait = 23 * time.Hour

// Now returns the time of the Biller's clock.
func (b *Biller) Now() time.Time {
	defer b.enter()()
	return b.now
}

// Advance moves the clock on, and does what falls due in between, in order.
func (b *Biller) Advance(d time.Duration) {
	defer b.enter()()
	b.runTo(b.now.Add(d))
}

// due is something that the clock does to a thing. It holds no closure, since thousands are looked at for each step.
type due struct {
	at time.Time
	do func(b *Biller, t thing)
	to thing
}

// runTo does what is due until t, one after the other: what one makes due may come before the next.
func (b *Biller) runTo(t time.Time) {
	for {
		next := b.nextDue()
		if next.do == nil || next.at.After(t) {
			break
		}
		if next.at.After(b.now) {
			b.now = next.at
		}
		next.do(b, next.to)
	}
	if t.After(b.now) {
		b.now = t
	}
}

// consider keeps what comes first. Of what is due at one time, that is what was considered first.
func (d *due) consider(at time.Time, to thing, do func(b *Biller, t thing)) {
	if !at.IsZero() && (d.do == nil || at.Before(d.at)) {
		*d = due{at, do, to}
	}
}

// nextDue returns what comes first; schedules come before what they change.
func (b *Biller) nextDue() (first due) {
	for _, t := range b.kinds["subscription_schedules"] {
		first.consider(t.(*schedule).nextStep(), t, func(b *Biller, t thing) { b.stepSchedule(t.(*schedule)) })
	}
	for _, t := range b.kinds["subscriptions"] {
		first.considerSubscription(t.(*subscription))
	}
	for _, t := range b.kinds["invoices"] {
		first.consider(t.(*invoice).nextAttempt, t, func(b *Biller, t thing) { b.attempt(t.(*invoice)) })
	}
	for _, t := range b.kinds["checkout/sessions"] {
		if cs := t.(*checkout); cs.status == statusOpen {
			first.consider(cs.expires, t, func(b *Biller, t thing) { b.expireCheckout(t.(*checkout)) })
		}
	}
	return first
}

// considerSubscription names what the clock does to a subscription.
func (d *due) considerSubscription(s *subscription) {
	switch {
	case s.over() || s.status == statusPaused:
		return
	case s.status == statusIncomplete:
		d.consider(s.created.Add(incompleteWait), s, func(b *Biller, t thing) { b.expire(t.(*subscription)) })
		return
	}
	d.consider(s.cancelAt, s, func(b *Biller, t thing) { b.end(t.(*subscription), "cancellation_requested") })
	if s.pause != "" {
		d.consider(s.resumes, s, func(b *Biller, t thing) { b.collectAgain(t.(*subscription)) })
	}
	if s.status == statusTrialing {
		if !s.warned {
			d.consider(s.trialEnd.Add(-trialWarning), s, func(b *Biller, t thing) { b.warn(t.(*subscription)) })
		}
		d.consider(s.trialEnd, s, func(b *Biller, t thing) { b.endTrial(t.(*subscription)) })
		return
	}
	d.consider(s.periodEnd, s, func(b *Biller, t thing) { b.renew(t.(*subscription)) })
}

// collectAgain ends the pause of a subscription's collection.
func (b *Biller) collectAgain(s *subscription) {
	b.change("customer.subscription.updated", s, func() { s.pause, s.resumes = "", time.Time{} })
}

// attempt finalizes a draft, or tries an open invoice again.
func (b *Biller) attempt(inv *invoice) {
	if inv.status == statusDraft {
		b.finalize(inv)
	}
	inv.nextAttempt = time.Time{}
	if inv.status == statusOpen {
		b.collect(inv)
	}
}

// expire ends a subscription whose first payment never came.
func (b *Biller) expire(s *subscription) {
	b.change("customer.subscription.updated", s, func() { s.status, s.ended = statusExpired, b.now })
	for _, inv := range each[*invoice](b, "invoices") {
		if inv.subscription == s.id && inv.status == statusOpen {
			b.void(inv)
		}
	}
}

// endTrial begins the first paid period, or does what the trial says for a customer without a card.
func (b *Biller) endTrial(s *subscription) {
	if _, hasCard := b.cards[s.customer]; !hasCard && s.withoutCard != "create_invoice" {
		if s.withoutCard == "cancel" {
			b.end(s, "cancellation_requested")
			return
		}
		b.change("customer.subscription.paused", s, func() { s.status = statusPaused })
		return
	}
	b.change("customer.subscription.updated", s, func() {
		s.status, s.trialEnd, s.anchor, s.periodStart = statusActive, b.now, b.now, b.now
		s.periodEnd = s.following(b.now)
	})
	b.chargeLater(s, b.bill(s, "subscription_cycle", span{}))
}

// renew begins the next period.
func (b *Biller) renew(s *subscription) {
	used := span{s.periodStart, s.periodEnd}
	b.change("customer.subscription.updated", s, func() {
		s.periodStart = s.periodEnd
		s.periodEnd = s.following(s.periodStart)
	})
	inv := b.bill(s, "subscription_cycle", used)
	if s.status == statusUnpaid {
		inv.draftForGood = true
		return
	}
	b.chargeLater(s, inv)
}

// chargeLater leaves a draft to the clock, unless the collection of the subscription is paused.
func (b *Biller) chargeLater(s *subscription, inv *invoice) {
	if s.pause != "" {
		b.collectNow(s, inv)
		return
	}
	inv.nextAttempt = b.now.Add(draftWait)
}

// Usage returns what the customer used of a meter by its event name, from from until before to.
func (b *Biller) Usage(customerID, eventName string, from, to time.Time) int64 {
	defer b.enter()()
	meters := each[*meter](b, "billing/meters")
	i := slices.IndexFunc(meters, func(m *meter) bool { return m.event == eventName })
	if i < 0 {
		return 0
	}
	return b.usage(customerID, meters[i].id, span{from, to})
}
