package entitlementsstripe_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementsstripe"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

// serve makes the webhooks of the fake's arrive at x, with what goes wrong on the way.
func (s *shop) serve(x till, w entitlementstest.Webhook) {
	s.t.Helper()
	server := httptest.NewServer(x.Handler())
	s.t.Cleanup(server.Close)
	w.URL = server.URL
	s.fake.SetWebhook(w)
}

// deliverAll delivers until nothing waits.
func (s *shop) deliverAll() {
	s.t.Helper()
	for range 100 {
		tried, err := s.fake.Deliver(s.t.Context())
		require.NoError(s.t, err)
		if len(tried) == 0 {
			return
		}
	}
	require.Fail(s.t, "a webhook is never taken")
}

// owner is a tenant and what it has at Stripe.
type owner struct{ tenant, customer, subscription string }

// owners makes n tenants with a subscription of which the webhooks arrived.
func (s *shop) owners(n int) []owner {
	s.t.Helper()
	var all []owner
	for range n {
		s.made++
		o := owner{tenant: fmt.Sprintf("%s-%02d", s.t.Name(), s.made)}
		o.customer = s.customer(o.tenant)
		o.subscription = s.subscribe(o.customer, "")
		all = append(all, o)
	}
	return all
}

func TestWebhooksThatComeLateTwiceAndInAnyOrderWhileLifeGoesOn(t *testing.T) {
	t.Parallel()
	for seed := range 4 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := newShop(t, began())
			store := s.memory()
			x := s.open(store)
			s.serve(x, entitlementstest.Webhook{
				Duplicate: 1, Reorder: true, Delay: time.Duration(seed) * 7 * hour, Newer: seed%2 == 1,
			})
			all := s.owners(5)
			for step := range 40 {
				o := all[step%5]
				s.fake.SetCard(o.customer, (step/5+seed)%3 != 0)
				s.fake.Advance(2*day + hour)
				_, err := s.fake.Deliver(t.Context())
				require.NoError(t, err)
			}
			s.fake.Advance(2 * day)
			s.deliverAll()
			for _, o := range all {
				s.agrees(s.open(store), o.tenant, o.subscription)
			}
		})
	}
}

// dashboard is what somebody does at Stripe on a day on which no webhook arrives.
func (s *shop) dashboard(all []owner) []owner {
	s.t.Helper()
	path := func(i int) string { return "/v1/subscriptions/" + all[i].subscription }
	s.api.call("DELETE", path(0), "")
	s.api.call("POST", path(1), "cancel_at_period_end=true")
	item := s.api.call("GET", "/v1/subscription_items", "subscription="+all[2].subscription)["data"].([]any)[0].(map[string]any)["id"]
	s.api.call("POST", path(2), fmt.Sprintf("items[0][id]=%s&items[0][price]=%s", item, s.prices[1].ID))
	s.api.call("POST", path(3), "pause_collection[behavior]=void")
	s.api.call("POST", path(4), "items[0][quantity]=3&items[0][price]="+s.prices[2].ID)
	s.fake.SetCard(all[5].customer, false)
	return append(all, s.owners(1)[0])
}

func TestADayOfLostWebhooksIsRepaired(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	store := s.memory()
	s.serve(s.open(store), entitlementstest.Webhook{})
	all := s.owners(8)
	s.deliverAll()

	s.serve(s.open(store), entitlementstest.Webhook{Drop: true})
	s.fake.Advance(30*day + 12*hour) // the day begins, in which all are renewed
	all = append(all[:8:8], s.dashboard(all[:8])[8])
	s.fake.Advance(12 * hour)
	s.deliverAll()

	x := s.open(store)
	found, err := x.Reconcile(t.Context(), true)
	require.NoError(t, err)
	require.NotEmpty(t, found)
	require.Equal(t, entitlements.Active, x.entitlement(t, all[0].tenant).Status, "a dry run changes nothing")
	_, err = x.gate.Entitlement(t.Context(), all[8].tenant)
	require.ErrorIs(t, err, entitlements.ErrUnknownTenant)

	repaired, err := x.Reconcile(t.Context(), false)
	require.NoError(t, err)
	require.NotEmpty(t, repaired)
	for _, o := range all {
		s.agrees(x, o.tenant, o.subscription)
		require.True(t, slices.ContainsFunc(found, func(r entitlementsstripe.Repair) bool { return r.Customer == o.customer }), o.tenant)
	}
	require.Equal(t, "pro", x.entitlement(t, all[2].tenant).Plan)
	require.EqualValues(t, 130, x.may(t, all[4].tenant).Hard)
	again, err := x.Reconcile(t.Context(), true)
	require.NoError(t, err)
	require.Empty(t, again)
}

func TestALostWebhookGrantsNothingPastThePeriodAndTheGrace(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	store := s.memory()
	s.opts.Grace = 2 * day
	s.serve(s.open(store), entitlementstest.Webhook{})
	all := s.owners(4)
	s.deliverAll()
	end := s.open(store).entitlement(t, all[0].tenant).CurrentPeriodEnd

	s.serve(s.open(store), entitlementstest.Webhook{Drop: true})
	s.api.call("DELETE", "/v1/subscriptions/"+all[0].subscription, "")
	s.api.call("POST", "/v1/subscriptions/"+all[1].subscription, "cancel_at_period_end=true")
	s.fake.SetCard(all[2].customer, false)
	s.fake.Advance(end.Add(2*day - time.Second).Sub(s.fake.Now()))
	for _, o := range all {
		require.True(t, s.open(store).may(t, o.tenant).Allowed, "the webhooks may be under way")
	}
	s.fake.Advance(time.Second)
	for _, o := range all {
		require.False(t, s.open(store).may(t, o.tenant).Allowed, "%s keeps access by webhooks that were lost", o.tenant)
	}
	x := s.open(store)
	_, err := x.Reconcile(t.Context(), false)
	require.NoError(t, err)
	for i, o := range all {
		s.agrees(x, o.tenant, o.subscription)
		require.Equal(t, i == 3, x.may(t, o.tenant).Allowed, "the one that paid has access, and nobody else")
	}
}

func TestAnEventThatFailsIsDeadAfterABoundAndReplayedByItsID(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	s.opts.Attempts, s.opts.Retries = 3, -1
	var told entitlementstest.Notifier
	store := entitlements.NewMemoryStore(&entitlements.MemoryOptions{Notifier: &told})
	_, err := store.Declare(t.Context(), testCatalog(), s.fake.Now())
	require.NoError(t, err)
	x := s.open(store)
	o := s.owners(1)[0]
	e := s.events(0)[0]
	s.fake.Fail(entitlementstest.Fault{Path: "/v1/subscriptions", Status: 500, Times: -1})
	for range 3 {
		require.Equal(t, 503, deliver(t, x.Handler(), e.body))
	}
	stored, err := store.BillingEvents(t.Context(), entitlements.EventQuery{ID: e.ID})
	require.NoError(t, err)
	require.Equal(t, entitlements.EventDead, stored[0].State)
	require.Len(t, told.Told(), 1)
	require.Equal(t, tenon.SeverityCritical, told.Told()[0].Severity)
	require.Error(t, x.Replay(t.Context(), e.ID))

	s.fake.Heal()
	require.NoError(t, x.Replay(t.Context(), e.ID))
	s.agrees(x, o.tenant, o.subscription)
	require.True(t, errors.Is(x.Replay(t.Context(), "evt_none"), tenon.ErrNotFound))
}
