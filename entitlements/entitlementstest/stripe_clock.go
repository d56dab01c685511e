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

// due is something that the clock does.
type due struct {
	at time.Time
	do func()
}

// runTo does what is due until t, one after the other: what one makes due may come before the next.
func (b *Biller) runTo(t time.Time) {
	for {
		next, ok := b.nextDue()
		if !ok || next.at.After(t) {
			break
		}
		if next.at.After(b.now) {
			b.now = next.at
		}
		next.do()
	}
	if t.After(b.now) {
		b.now = t
	}
}

// nextDue returns what comes first. Of what is due at one time, schedules come before what they change.
func (b *Biller) nextDue() (first due, ok bool) {
	consider := func(at time.Time, do func()) {
		if !at.IsZero() && (!ok || at.Before(first.at)) {
			first, ok = due{at, do}, true
		}
	}
	for _, sc := range each[*schedule](b, "subscription_schedules") {
		consider(sc.nextStep(), func() { b.stepSchedule(sc) })
	}
	for _, s := range each[*subscription](b, "subscriptions") {
		b.subscriptionDue(s, consider)
	}
	for _, inv := range each[*invoice](b, "invoices") {
		consider(inv.nextAttempt, func() { b.attempt(inv) })
	}
	for _, cs := range each[*checkout](b, "checkout/sessions") {
		if cs.status == statusOpen {
			consider(cs.expires, func() { b.expireCheckout(cs) })
		}
	}
	return first, ok
}

// subscriptionDue names what the clock does to a subscription.
func (b *Biller) subscriptionDue(s *subscription, consider func(time.Time, func())) {
	switch {
	case s.over() || s.status == statusPaused:
		return
	case s.status == statusIncomplete:
		consider(s.created.Add(incompleteWait), func() { b.expire(s) })
		return
	}
	if !s.cancelAt.IsZero() {
		consider(s.cancelAt, func() { b.end(s, "cancellation_requested") })
	}
	if s.pause != "" && !s.resumes.IsZero() {
		consider(s.resumes, func() { b.change("customer.subscription.updated", s, func() { s.pause, s.resumes = "", time.Time{} }) })
	}
	if s.status == statusTrialing {
		if !s.warned {
			consider(s.trialEnd.Add(-trialWarning), func() { b.warn(s) })
		}
		consider(s.trialEnd, func() { b.endTrial(s) })
		return
	}
	consider(s.periodEnd, func() { b.renew(s) })
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
