package entitlementstest

import (
	"context"
	"errors"
	"slices"
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
		"people_are_told_of_an_event_without_an_effect",
		"Notices come with the event though no right changes, and without the event they do not come.",
		func(b *billingRig) {
			c := b.concluding(b.holding(), entitlements.EventDead)
			c.Notices = []tenon.Notification{{Key: b.event, Kind: "k", Severity: tenon.SeverityCritical, Title: "t", At: b.now}}
			refusal := errors.New("refused")
			b.told.Fail(refusal)
			_, err := b.store.Conclude(b.background(), c)
			equal(b.t, "the notifier's error", errors.Is(err, refusal), true)
			equal(b.t, "the event", b.stored(), entitlements.BillingEvent{})
			b.told.Fail(nil)
			equal(b.t, "rights", b.conclude(c) == nil, true)
			equal(b.t, "the event", b.stored(), c.Event)
			equal(b.t, "told", len(b.told.Told()), 1)
			equal(b.t, "another may take the lease", b.lease(newHolder(), time.Hour).Held, true)
		},
	},
	{
		"events_come_in_pages_by_id",
		"Events are listed by id, after an id, which need not be there any more.",
		func(b *billingRig) {
			for _, id := range []string{"evt_b", "evt_c", "evt_a"} {
				c := b.concluding("", entitlements.EventFailed)
				c.Customer, c.Event.ID = "", id
				b.conclude(c)
			}
			for after, want := range map[string][]string{"": {"evt_a", "evt_b"}, "evt_a": {"evt_b", "evt_c"}, "evt_aa": {"evt_b", "evt_c"}, "evt_c": nil} {
				found, err := b.store.BillingEvents(b.background(), entitlements.EventQuery{State: entitlements.EventFailed, After: after, Limit: 2})
				if err != nil {
					b.t.Fatalf("BillingEvents: %v", err)
				}
				var ids []string
				for _, e := range found {
					ids = append(ids, e.ID)
				}
				equal(b.t, "the ids after "+after, slices.Equal(ids, want), true)
			}
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
