package entitlementsstripe_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

// lifecycle are the six events whose orders are tried.
var lifecycle = []string{
	"customer.subscription.created", "customer.subscription.trial_will_end", "customer.subscription.updated", "invoice.paid",
	"invoice.payment_failed", "customer.subscription.deleted",
}

// orders returns the 720 orders of six things.
func orders() [][]int {
	var all [][]int
	var extend func(order, left []int)
	extend = func(order, left []int) {
		if len(left) == 0 {
			all = append(all, order)
			return
		}
		for i, next := range left {
			rest := append(append([]int{}, left[:i]...), left[i+1:]...)
			extend(append(append([]int{}, order...), next), rest)
		}
	}
	extend(nil, []int{0, 1, 2, 3, 4, 5})
	return all
}

// life is a tenant whose customer has been through all six events.
type life struct {
	tenant, customer, subscription string
	events                         [6]event
}

// lives makes n tenants that went through a trial, paid, did not pay, and lost their subscription. Every second one has
// begun again since, so that what Stripe holds is no end.
func (s *shop) lives(n int) []life {
	s.t.Helper()
	all := make([]life, n)
	for i := range all {
		all[i].tenant = fmt.Sprintf("tenant-%s-%03d", s.t.Name(), i)
		all[i].customer = s.customer(all[i].tenant)
		all[i].subscription = s.subscribe(all[i].customer, "trial_period_days=14")
	}
	s.fake.Advance(14*day + 2*hour)
	for _, l := range all {
		s.fake.SetCard(l.customer, false)
	}
	s.fake.Advance(60 * day)
	for i := range all {
		require.Equal(s.t, "canceled", s.fake.Subscription(all[i].subscription)["status"])
		if i%2 == 1 {
			s.fake.SetCard(all[i].customer, true)
			all[i].subscription = s.subscribe(all[i].customer, "")
		}
	}
	s.pick(all)
	return all
}

// pick gives each life one event of each type; every third in the shape of a newer version, which has the period on the
// items. Of the updates it is the one of the trial's end.
func (s *shop) pick(all []life) {
	s.t.Helper()
	byCustomer := map[string]int{}
	for i, l := range all {
		byCustomer[l.customer] = i
	}
	for _, e := range s.events(0, lifecycle...) {
		i, mine := byCustomer[e.Customer]
		k := slices.Index(lifecycle, e.Type)
		if !mine || all[i].events[k].ID != "" {
			continue
		}
		if i%3 == 2 {
			e.body = s.fake.Payload(e.ID, entitlementstest.StripeNewer)
		}
		all[i].events[k] = e
	}
	for _, l := range all {
		for k, e := range l.events {
			require.NotEmpty(s.t, e.ID, "%s had no %s", l.tenant, lifecycle[k])
		}
	}
}

// sequence returns the events of a life in an order, some of them twice.
func (l life) sequence(o order) []event {
	r := rand.New(rand.NewPCG(7, uint64(o.number)))
	var sequence []event
	for _, k := range o.events {
		sequence = append(sequence, l.events[k])
		if r.IntN(3) == 0 {
			sequence = append(sequence, l.events[r.IntN(len(lifecycle))])
		}
	}
	return sequence
}

// send delivers a sequence as Stripe does: what is not answered by 200 comes again later.
func send(t *testing.T, h http.Handler, sequence []event) (failed int) {
	t.Helper()
	for tries := 0; len(sequence) > 0; tries++ {
		require.Less(t, tries, 1000, "an event is never taken")
		var again []event
		for _, e := range sequence {
			switch status := deliver(t, h, e.body); status {
			case http.StatusOK:
			case http.StatusServiceUnavailable:
				again = append(again, e)
				failed++
			default:
				require.Fail(t, "unexpected", "%s was answered %d", e.Type, status)
			}
		}
		sequence = again
	}
	return failed
}

// arrive checks what is stored of a life when all of its events were delivered.
func (s *shop) arrive(x till, store keeper, l life) {
	s.t.Helper()
	s.agrees(x, l.tenant, l.subscription)
	alive := s.fake.Subscription(l.subscription)["status"] == "active"
	require.Equal(s.t, alive, x.may(s.t, l.tenant).Allowed, l.tenant)
	for _, e := range l.events {
		stored, err := store.BillingEvents(s.t.Context(), entitlements.EventQuery{ID: e.ID})
		require.NoError(s.t, err)
		require.Len(s.t, stored, 1)
		require.Equal(s.t, entitlements.EventDone, stored[0].State, "%s: %s", e.Type, stored[0].Error)
	}
}

// began is when the clocks of these tests begin.
func began() *entitlementstest.BillerOptions {
	return &entitlementstest.BillerOptions{Start: time.Date(2026, 1, 10, 9, 0, 0, 0, time.UTC)}
}

// order is one of the 720: its place among them, and the events by their place in lifecycle.
type order struct {
	number int
	events []int
}

// inShares tries the orders, in six shares that run beside each other: those that begin with the same event. It tries
// every nth of them, and all where the long loops were asked for.
func inShares(t *testing.T, nth int, try func(t *testing.T, orders []order)) {
	all := orders()
	require.Len(t, all, 720)
	for k, kind := range lifecycle {
		t.Run(kind+"_first", func(t *testing.T) {
			t.Parallel()
			var share []order
			for number, events := range all {
				if number/120 == k && (soak() || number%nth == k%nth) {
					share = append(share, order{number, events})
				}
			}
			try(t, share)
		})
	}
}

func TestEveryOrderOfSixEventsEndsInWhatStripeHolds(t *testing.T) {
	t.Parallel()
	inShares(t, 1, func(t *testing.T, orders []order) {
		s := newShop(t, began())
		store := s.memory()
		x := s.open(store)
		for i, l := range s.lives(len(orders)) {
			send(t, x.Handler(), l.sequence(orders[i]))
			s.arrive(x, store, l)
		}
	})
}

func TestEveryOrderOfSixEventsWithACrashBetweenAnyTwoSteps(t *testing.T) {
	t.Parallel()
	inShares(t, 5, func(t *testing.T, orders []order) {
		s := newShop(t, began())
		s.opts.LeaseTTL = 500 * time.Millisecond // so long waits whoever comes after a crash
		store := s.memory()
		crashes := map[string]bool{}
		for i, l := range s.lives(len(orders)) {
			n, after := 1+orders[i].number%14, orders[i].number/14%2 == 0
			faulty := newFlaky(store, n, after)
			x := s.open(faulty)
			send(t, x.Handler(), l.sequence(orders[i]))
			s.arrive(x, store, l)
			if faulty.fired.Load() {
				crashes[fmt.Sprint(n, after)] = true
			}
		}
		require.Greater(t, len(crashes), 5, "crashes are everywhere: %v", crashes)
	})
}
