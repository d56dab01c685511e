package entitlementstest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// BillingStore is what [TestBilling] proves: a store of rights that keeps a biller's state beside.
type BillingStore interface {
	entitlements.Store
	entitlements.BillingStore
	entitlements.UsageOutbox
	entitlements.TrialReminder
}

// TestBilling checks that the stores that newStore gives keep what [entitlements.BillingStore],
// [entitlements.UsageOutbox] and [entitlements.TrialReminder] promise. The store tells n. Each
// must be empty: what is due is taken whosever it is.
func TestBilling(t *testing.T, newStore func(t *testing.T, n tenon.Notifier) BillingStore) {
	for _, one := range slices.Concat(leaseRules, concludeRules, linkRules, outboxRules, reminderRules) {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			b := &billingRig{t: t, told: &Notifier{}, customer: "cus_" + tenon.NewID(time.Now()), event: "evt_" + tenon.NewID(time.Now())}
			b.store = newStore(t, b.told)
			b.rig = newRig(t, b.store)
			t.Cleanup(func() {
				if t.Failed() {
					t.Log("the rule: " + one.says)
				}
			})
			one.run(b)
		})
	}
}

// billingRule is one promise and how it is tried.
type billingRule struct {
	name string
	says string
	run  func(b *billingRig)
}

// billingRig is a tenant and a customer, and the means to try things on them.
type billingRig struct {
	*rig
	t               *testing.T
	store           BillingStore
	told            *Notifier
	customer, event string
}

func (b *billingRig) background() context.Context { return context.WithoutCancel(b.t.Context()) }

// lease asks for the customer's lease; no error is expected.
func (b *billingRig) lease(holder string, ttl time.Duration) entitlements.Lease {
	b.t.Helper()
	r := entitlements.LeaseRequest{Customer: b.customer, Holder: holder, TTL: ttl, Event: b.event}
	l, err := b.store.LeaseCustomer(b.background(), r)
	if err != nil {
		b.t.Fatalf("LeaseCustomer: %v", err)
	}
	return l
}

// holding takes the lease and must get it.
func (b *billingRig) holding() string {
	b.t.Helper()
	holder := newHolder()
	equal(b.t, "Held", b.lease(holder, time.Hour).Held, true)
	return holder
}

func newHolder() string { return tenon.NewID(time.Now()) }

// linked links the customer to the tenant.
func (b *billingRig) linked() *billingRig {
	b.t.Helper()
	c := entitlements.BillingCustomer{Tenant: b.tenant, Customer: b.customer, LinkedAt: b.now}
	got, err := b.store.LinkCustomer(b.background(), c)
	if err != nil {
		b.t.Fatalf("LinkCustomer: %v", err)
	}
	equal(b.t, "the link", got, c)
	return b
}

// concluding is the conclusion of the rig's event by a holder.
func (b *billingRig) concluding(holder string, state entitlements.EventState) entitlements.Conclusion {
	return entitlements.Conclusion{
		Customer: b.customer, Holder: holder, Tenant: b.tenant, Now: b.now,
		Event: entitlements.BillingEvent{ID: b.event, Type: "customer.subscription.updated", Customer: b.customer, State: state, ReceivedAt: b.now},
	}
}

// conclude concludes and must succeed.
func (b *billingRig) conclude(c entitlements.Conclusion) *entitlements.Rights {
	b.t.Helper()
	r, err := b.store.Conclude(b.background(), c)
	if err != nil {
		b.t.Fatalf("Conclude: %v", err)
	}
	return r
}

// stored returns the rig's event; the zero value when it is not there.
func (b *billingRig) stored() entitlements.BillingEvent {
	b.t.Helper()
	found, err := b.store.BillingEvents(b.background(), entitlements.EventQuery{ID: b.event})
	if err != nil {
		b.t.Fatalf("BillingEvents: %v", err)
	}
	if len(found) == 0 {
		return entitlements.BillingEvent{}
	}
	return found[0]
}

// putOn is an edit that puts the tenant on a plan.
func putOn(plan string, at time.Time) entitlements.Edit {
	return func(r *entitlements.Rights, _ *entitlements.Versions) ([]tenon.Change, error) {
		r.Entitlement = &entitlements.Entitlement{Plan: plan, Version: 1, Status: entitlements.Active, StartedAt: at}
		return []tenon.Change{{Tenant: r.Tenant, Action: "entitlements.subscribed", Target: "entitlement/" + r.Tenant, At: at}}, nil
	}
}

// plan is what the tenant is on; empty for none.
func (b *billingRig) plan() string {
	b.t.Helper()
	if e := b.standing().Rights.Entitlement; e != nil {
		return e.Plan
	}
	return ""
}

var leaseRules = []billingRule{
	{
		"one_holder_at_a_time",
		"A lease is held by one; another gets it when it was given back or its time is over, and the same one at any time.",
		func(b *billingRig) {
			first, second := newHolder(), newHolder()
			equal(b.t, "the first holds", b.lease(first, time.Hour).Held, true)
			equal(b.t, "the second holds", b.lease(second, time.Hour).Held, false)
			equal(b.t, "the first holds again", b.lease(first, time.Hour).Held, true)
			b.conclude(entitlements.Conclusion{Customer: b.customer, Holder: first, Now: b.now})
			equal(b.t, "the second holds what was given back", b.lease(second, time.Microsecond).Held, true)
			for !b.lease(first, time.Hour).Held { // the store's clock goes on
			}
			_, err := b.store.Conclude(b.background(), b.concluding(second, entitlements.EventDone))
			equal(b.t, "the second has lost it", errors.Is(err, entitlements.ErrLeaseLost), true)
			equal(b.t, "what it wrote", b.stored(), entitlements.BillingEvent{})
		},
	},
	{
		"of_many_at_once_one_holds",
		"However many ask at once, one gets the lease.",
		func(b *billingRig) {
			var mu sync.Mutex
			var wait sync.WaitGroup
			held := 0
			for range 8 {
				wait.Go(func() {
					r := entitlements.LeaseRequest{Customer: b.customer, Holder: newHolder(), TTL: time.Hour}
					l, err := b.store.LeaseCustomer(b.background(), r)
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						b.t.Errorf("LeaseCustomer: %v", err)
					}
					if l.Held {
						held++
					}
				})
			}
			wait.Wait()
			equal(b.t, "holders", held, 1)
		},
	},
	{
		"looking_takes_nothing",
		"Without a TTL nothing is taken, and what is known is told: whose customer it is, its plan and add-ons.",
		func(b *billingRig) {
			equal(b.t, "a stranger's rights", b.lease("", 0).Rights == nil, true)
			b.on(basic)
			b.attach(pack, 2)
			b.linked()
			l := b.lease("", 0)
			equal(b.t, "Held", l.Held, false)
			equal(b.t, "the tenant", l.Link.Tenant, b.tenant)
			equal(b.t, "the plan", l.Rights.Entitlement.Plan, basic)
			equal(b.t, "the add-ons", len(l.Rights.AddOns), 1)
			equal(b.t, "the revision", l.Rights.Revision, b.standing().Rights.Revision)
			equal(b.t, "another may take it", b.lease(newHolder(), time.Hour).Held, true)
		},
	},
	{
		"a_concluded_event_gives_no_lease",
		"For an event that was concluded no lease is given; the event says so.",
		func(b *billingRig) {
			b.conclude(b.concluding(b.holding(), entitlements.EventDone))
			l := b.lease(newHolder(), time.Hour)
			equal(b.t, "Held", l.Held, false)
			equal(b.t, "State", l.Event.State, entitlements.EventDone)
		},
	},
}

var concludeRules = []billingRule{
	{
		"event_and_effect_come_together",
		"Conclude stores the event, changes the rights, links the payment and tells people; an error undoes all of it.",
		func(b *billingRig) {
			b.linked()
			holder := b.holding()
			c := b.concluding(holder, entitlements.EventDone)
			c.Edit, c.Paid = putOn(basic, b.now), true
			c.Notices = []tenon.Notification{{Key: b.event, Kind: "k", Severity: tenon.SeverityInfo, Title: "t", At: b.now}}
			refusal := errors.New("refused")
			b.told.Fail(refusal)
			_, err := b.store.Conclude(b.background(), c)
			equal(b.t, "the notifier's error", errors.Is(err, refusal), true)
			equal(b.t, "the event", b.stored(), entitlements.BillingEvent{})
			equal(b.t, "the plan", b.plan(), "")

			b.told.Fail(nil)
			r := b.conclude(c)
			equal(b.t, "the returned plan", r.Entitlement.Plan, basic)
			equal(b.t, "the plan", b.plan(), basic)
			equal(b.t, "the event", b.stored(), c.Event)
			equal(b.t, "told", len(b.told.Told()), 1)
			equal(b.t, "paid since", b.lease("", 0).Link.PaidAt, b.now)
		},
	},
	{
		"an_edit_that_fails_undoes_the_event",
		"When the edit returns an error, the event is not stored, and the error is returned.",
		func(b *billingRig) {
			b.linked()
			refusal := errors.New("refused")
			c := b.concluding(b.holding(), entitlements.EventDone)
			c.Edit = func(*entitlements.Rights, *entitlements.Versions) ([]tenon.Change, error) { return nil, refusal }
			_, err := b.store.Conclude(b.background(), c)
			equal(b.t, "the edit's error", errors.Is(err, refusal), true)
			equal(b.t, "the event", b.stored(), entitlements.BillingEvent{})
		},
	},
	{
		"an_event_is_concluded_once",
		"What was concluded stays as it is, and its effect is not repeated.",
		func(b *billingRig) {
			b.linked()
			b.conclude(b.concluding(b.holding(), entitlements.EventDone))
			b.customer += "x" // the same event, told of another customer
			holder := newHolder()
			r := entitlements.LeaseRequest{Customer: b.customer, Holder: holder, TTL: time.Hour}
			if l, err := b.store.LeaseCustomer(b.background(), r); err != nil || !l.Held {
				b.t.Fatalf("LeaseCustomer: %v, %v", l.Held, err)
			}
			c := b.concluding(holder, entitlements.EventFailed)
			c.Edit = putOn(basic, b.now)
			equal(b.t, "rights", b.conclude(c) == nil, true)
			equal(b.t, "the plan", b.plan(), "")
			equal(b.t, "State", b.stored().State, entitlements.EventDone)
		},
	},
	{
		"a_failed_event_is_found_when_it_is_due",
		"A failed event keeps its attempts and is listed from NextAt on; it may be concluded later.",
		func(b *billingRig) {
			c := b.concluding("", entitlements.EventFailed)
			c.Customer, c.Event.Attempts, c.Event.Error, c.Event.NextAt = "", 3, "away", b.now.Add(time.Minute)
			b.conclude(c)
			equal(b.t, "the event", b.stored(), c.Event)
			for at, want := range map[time.Time]int{b.now: 0, c.Event.NextAt: 1} {
				found, err := b.store.BillingEvents(b.background(), entitlements.EventQuery{ID: b.event, State: entitlements.EventFailed, DueBy: at})
				if err != nil {
					b.t.Fatalf("BillingEvents: %v", err)
				}
				equal(b.t, "events due at "+at.String(), len(found), want)
			}
			l := b.lease(newHolder(), time.Hour)
			equal(b.t, "Held", l.Held, true)
			equal(b.t, "Attempts", l.Event.Attempts, 3)
			done := b.concluding(l.Holder, entitlements.EventDone)
			done.Event.ReceivedAt = b.now.Add(time.Hour)
			b.conclude(done)
			equal(b.t, "State", b.stored().State, entitlements.EventDone)
			equal(b.t, "when it was first seen", b.stored().ReceivedAt, b.now)
		},
	},
}

var linkRules = []billingRule{
	{
		"a_tenant_keeps_its_customer",
		"A second link of a tenant returns the first; a customer of another tenant is refused.",
		func(b *billingRig) {
			b.linked()
			c := entitlements.BillingCustomer{Tenant: b.tenant, Customer: "cus_" + newHolder(), LinkedAt: b.now}
			there, err := b.store.LinkCustomer(b.background(), c)
			if err != nil {
				b.t.Fatalf("LinkCustomer: %v", err)
			}
			equal(b.t, "the link", there.Customer, b.customer)
			_, err = b.store.LinkCustomer(b.background(), entitlements.BillingCustomer{Tenant: newTenant(), Customer: b.customer, LinkedAt: b.now})
			equal(b.t, "taken", errors.Is(err, entitlements.ErrCustomerTaken), true)
			for _, q := range []entitlements.CustomerQuery{{Tenant: b.tenant}, {Customer: b.customer}} {
				found, err := b.store.Customers(b.background(), q)
				if err != nil {
					b.t.Fatalf("Customers: %v", err)
				}
				equal(b.t, "links", len(found), 1)
				equal(b.t, "the link", found[0], there)
			}
		},
	},
	{
		"customers_come_in_pages",
		"Links are listed by tenant, after a tenant.",
		func(b *billingRig) {
			b.linked()
			other := *b
			other.rig, other.customer = b.other(), b.customer+"2"
			other.linked()
			seen, pages := map[string]bool{}, 0
			for after := ""; ; pages++ {
				page, err := b.store.Customers(b.background(), entitlements.CustomerQuery{After: after, Limit: 1})
				if err != nil {
					b.t.Fatalf("Customers: %v", err)
				}
				if len(page) == 0 {
					break
				}
				equal(b.t, "the order", page[0].Tenant > after, true)
				after, seen[page[0].Tenant] = page[0].Tenant, true
			}
			equal(b.t, "both are there", seen[b.tenant] && seen[other.tenant], true)
		},
	},
}

// line returns the n-th line of a window of the rig's tenant.
func (b *billingRig) line(meter string, revision int, quantity int64) entitlements.UsageLine {
	return entitlements.UsageLine{
		UsageWindow: entitlements.UsageWindow{Tenant: b.tenant, Meter: meter, Start: b.now}, Revision: revision, Quantity: quantity,
		At: b.now, State: entitlements.UsagePending, CreatedAt: b.now, NextAt: b.now,
	}
}

// plans adds lines to a window and returns what was there.
func (b *billingRig) plans(w entitlements.UsageWindow, lines ...entitlements.UsageLine) (told []entitlements.UsageLine) {
	b.t.Helper()
	err := b.store.PlanUsage(b.background(), w, func(have []entitlements.UsageLine) ([]entitlements.UsageLine, error) {
		told = have
		return lines, nil
	})
	if err != nil {
		b.t.Fatalf("PlanUsage: %v", err)
	}
	return told
}

// takes takes what is due.
func (b *billingRig) takes(now time.Time) []entitlements.UsageLine {
	b.t.Helper()
	lines, err := b.store.TakeUsage(b.background(), now, now.Add(time.Minute), 10)
	if err != nil {
		b.t.Fatalf("TakeUsage: %v", err)
	}
	return lines
}

// lines are the rig's lines in a state, or all.
func (b *billingRig) lines(state entitlements.UsageState) []entitlements.UsageLine {
	b.t.Helper()
	found, err := b.store.UsageLines(b.background(), entitlements.UsageLineQuery{Tenant: b.tenant, State: state})
	if err != nil {
		b.t.Fatalf("UsageLines: %v", err)
	}
	return found
}

var outboxRules = []billingRule{
	{
		"lines_follow_what_was_told",
		"PlanUsage hands over the window's lines, oldest first, and stores those that follow them; an error stores none.",
		func(b *billingRig) {
			first, second := b.line("m", 1, 5), b.line("m", 2, -2)
			equal(b.t, "told", len(b.plans(first.UsageWindow, first)), 0)
			equal(b.t, "told", b.plans(first.UsageWindow, second)[0], first)
			told := b.plans(first.UsageWindow)
			equal(b.t, "told", len(told), 2)
			equal(b.t, "the second", told[1], second)
			refusal := errors.New("refused")
			err := b.store.PlanUsage(b.background(), first.UsageWindow, func([]entitlements.UsageLine) ([]entitlements.UsageLine, error) {
				return []entitlements.UsageLine{b.line("m", 3, 1)}, refusal
			})
			equal(b.t, "the plan's error", errors.Is(err, refusal), true)
			equal(b.t, "lines", len(b.lines("")), 2)
		},
	},
	{
		"a_window_is_planned_by_one_at_a_time",
		"Of many that plan a window at once, each sees what those before have added.",
		func(b *billingRig) {
			var wait sync.WaitGroup
			for range 8 {
				wait.Go(func() {
					err := b.store.PlanUsage(b.background(), b.line("m", 1, 1).UsageWindow, func(told []entitlements.UsageLine) ([]entitlements.UsageLine, error) {
						return []entitlements.UsageLine{b.line("m", len(told)+1, 1)}, nil
					})
					if err != nil {
						b.t.Errorf("PlanUsage: %v", err)
					}
				})
			}
			wait.Wait()
			equal(b.t, "lines", len(b.lines("")), 8)
		},
	},
	{
		"lines_are_taken_when_due_and_in_order",
		"A line is taken once it is due, by one at a time, and only after those before it in its window are settled.",
		func(b *billingRig) {
			first, second, apart := b.line("m", 1, 5), b.line("m", 2, -2), b.line("n", 1, 7)
			b.plans(first.UsageWindow, first, second)
			b.plans(apart.UsageWindow, apart)
			equal(b.t, "before they are due", len(b.takes(b.now.Add(-time.Second))), 0)
			taken := b.takes(b.now)
			equal(b.t, "taken", len(taken), 2)
			equal(b.t, "taken again at once", len(b.takes(b.now)), 0)
			equal(b.t, "taken again later", len(b.takes(b.now.Add(time.Minute))), 2)
			for _, l := range taken {
				l.State, l.SettledAt = entitlements.UsageSent, b.now
				if err := b.store.SettleUsage(b.background(), l, nil); err != nil {
					b.t.Fatalf("SettleUsage: %v", err)
				}
			}
			after := b.takes(b.now.Add(time.Minute))
			equal(b.t, "what follows", len(after), 1)
			equal(b.t, "its revision", after[0].Revision, 2)
		},
	},
	{
		"a_line_is_settled_once",
		"What became of a line is stored and told in one transaction; a line that is settled stays as it is.",
		func(b *billingRig) {
			l := b.line("m", 1, 5)
			b.plans(l.UsageWindow, l)
			l.State, l.Error, l.Attempts, l.SettledAt = entitlements.UsageDead, "too old", 4, b.now
			notices := []tenon.Notification{{Key: b.event, Kind: "k", Severity: tenon.SeverityCritical, Title: "t", At: b.now}}
			refusal := errors.New("refused")
			b.told.Fail(refusal)
			equal(b.t, "the notifier's error", errors.Is(b.store.SettleUsage(b.background(), l, notices), refusal), true)
			equal(b.t, "pending", len(b.lines(entitlements.UsagePending)), 1)
			b.told.Fail(nil)
			for range 2 {
				if err := b.store.SettleUsage(b.background(), l, notices); err != nil {
					b.t.Fatalf("SettleUsage: %v", err)
				}
				l.State = entitlements.UsageSent
			}
			equal(b.t, "told", len(b.told.Told()), 1)
			dead := b.lines(entitlements.UsageDead)
			equal(b.t, "dead", len(dead), 1)
			equal(b.t, "its attempts", dead[0].Attempts, 4)
			equal(b.t, "its error", dead[0].Error, "too old")
		},
	},
	{
		"lines_are_listed_by_age",
		"UsageLines lists the lines of a state that were made before an instant, at most so many.",
		func(b *billingRig) {
			for i := range 3 {
				l := b.line("m"+strconv.Itoa(i), 1, 5)
				l.CreatedAt = b.now.Add(time.Duration(i) * time.Hour)
				b.plans(l.UsageWindow, l)
			}
			q := entitlements.UsageLineQuery{Tenant: b.tenant, State: entitlements.UsagePending, Before: b.now.Add(2 * time.Hour)}
			for limit, want := range map[int]int{0: 2, 1: 1} {
				q.Limit = limit
				found, err := b.store.UsageLines(b.background(), q)
				if err != nil {
					b.t.Fatalf("UsageLines: %v", err)
				}
				equal(b.t, "lines", len(found), want)
			}
		},
	},
}

var reminderRules = []billingRule{
	{
		"a_trial_is_reminded_of_once_for_each_lead",
		"People are told of a trial that ends within a lead, once for each, and not after its end or of another status.",
		func(b *billingRig) {
			ends := b.now.Add(10 * 24 * time.Hour)
			b.tries(ends)
			leads := []time.Duration{72 * time.Hour, 24 * time.Hour}
			for _, step := range []struct {
				left time.Duration
				want int
			}{{96 * time.Hour, 0}, {72 * time.Hour, 1}, {71 * time.Hour, 1}, {23 * time.Hour, 2}, {time.Hour, 2}, {0, 2}, {-time.Hour, 2}} {
				if _, err := b.store.RemindOfTrials(b.background(), ends.Add(-step.left), leads); err != nil {
					b.t.Fatalf("RemindOfTrials: %v", err)
				}
				equal(b.t, "told with "+step.left.String()+" left", len(b.told.Told()), step.want)
			}
			equal(b.t, "Kind", b.told.Told()[0].Kind, "entitlements.trial_ending")
		},
	},
	{
		"a_reminder_that_cannot_be_told_is_told_later",
		"When the notifier refuses, the reminder is not remembered.",
		func(b *billingRig) {
			ends := b.now.Add(time.Hour)
			b.tries(ends)
			b.told.Fail(errors.New("refused"))
			_, err := b.store.RemindOfTrials(b.background(), b.now, []time.Duration{2 * time.Hour})
			equal(b.t, "there is an error", err != nil, true)
			b.told.Fail(nil)
			if _, err := b.store.RemindOfTrials(b.background(), b.now, []time.Duration{2 * time.Hour}); err != nil {
				b.t.Fatalf("RemindOfTrials: %v", err)
			}
			equal(b.t, "told", len(b.told.Told()), 1)
		},
	},
}

// tries puts the tenant on a trial.
func (b *billingRig) tries(ends time.Time) {
	b.t.Helper()
	_, err := b.store.Change(b.background(), b.tenant, b.now, func(r *entitlements.Rights, _ *entitlements.Versions) ([]tenon.Change, error) {
		r.Entitlement = &entitlements.Entitlement{Plan: basic, Version: 1, Status: entitlements.Trialing, StartedAt: b.now, TrialEndsAt: ends}
		return nil, nil
	})
	if err != nil {
		b.t.Fatalf("Change: %v", err)
	}
}
