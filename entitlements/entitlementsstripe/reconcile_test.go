package entitlementsstripe_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementsstripe"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

// swallow has all webhooks taken by somebody who does nothing, so that Stripe has none left to tell of.
func (s *shop) swallow() {
	s.t.Helper()
	s.fake.SetWebhook(entitlementstest.Webhook{URL: newServer(s.t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))})
}

// differing is what a dry run finds.
func differing(t *testing.T, x till) []entitlementsstripe.Repair {
	t.Helper()
	found, err := x.Reconcile(t.Context(), true)
	require.NoError(t, err)
	return found
}

func TestReconcileReadsEveryPage(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	first := s.owners(1)[0]
	told := s.events(0)[0]
	stranger := s.api.call("POST", "/v1/customers", "payment_method=pm_card_visa")["id"].(string)
	for range 100 { // newer ones, which come before it
		s.subscribe(stranger, "")
	}
	found := differing(t, s.open(s.memory()))
	require.True(t, slices.ContainsFunc(found, func(r entitlementsstripe.Repair) bool {
		return r.Customer == first.customer && r.Tenant == first.tenant && r.Event == ""
	}), "the subscription")
	require.True(t, slices.ContainsFunc(found, func(r entitlementsstripe.Repair) bool { return r.Event == told.ID }), "the event")
}

func TestReconcileFindsWhoseCustomerNobodyLinked(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	s.swallow()
	byCustomer := s.owners(1)[0]
	bySubscription := owner{tenant: "globex", customer: s.api.call("POST", "/v1/customers", "payment_method=pm_card_visa")["id"].(string)}
	bySubscription.subscription = s.subscribe(bySubscription.customer, "metadata[tenant_id]=globex")
	s.subscribe(s.api.call("POST", "/v1/customers", "payment_method=pm_card_visa")["id"].(string), "") // nobody's
	s.deliverAll()
	x := s.open(s.memory())
	require.ElementsMatch(t, []entitlementsstripe.Repair{
		{Tenant: byCustomer.tenant, Customer: byCustomer.customer, What: "the customer is not linked"},
		{Tenant: bySubscription.tenant, Customer: bySubscription.customer, What: "the customer is not linked"},
	}, differing(t, x))
	_, err := x.Reconcile(t.Context(), false)
	require.NoError(t, err)
	s.agrees(x, byCustomer.tenant, byCustomer.subscription)
	s.agrees(x, bySubscription.tenant, bySubscription.subscription)
	require.Empty(t, differing(t, x))
}

func TestReconcileGoesOnPastWhatCannotBeFollowed(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	s.swallow()
	all, store := s.owners(2), s.memory()
	s.reprice(all[1], s.prices[1].ID)
	s.deliverAll()
	_, err := s.open(store).Reconcile(t.Context(), false)
	require.NoError(t, err)

	s.api.call("DELETE", "/v1/subscriptions/"+all[1].subscription, "")
	s.deliverAll()
	s.prices = s.prices[1:] // the first one's price stands for nothing any more
	x := s.open(store)
	found, err := x.Reconcile(t.Context(), false)
	require.ErrorIs(t, err, entitlementsstripe.ErrUnknownPrice)
	require.ErrorContains(t, err, all[0].customer)
	require.Len(t, found, 2)
	for _, r := range found {
		if r.Tenant == all[0].tenant {
			require.Equal(t, "the subscription cannot be followed", r.What)
			require.ErrorIs(t, r.Err, entitlementsstripe.ErrUnknownPrice)
		} else {
			require.NoError(t, r.Err)
		}
	}
	require.Equal(t, entitlements.Active, x.entitlement(t, all[0].tenant).Status, "nobody knows better")
	require.Equal(t, entitlements.Canceled, x.entitlement(t, all[1].tenant).Status)
}

func TestReconcileSaysInWordsWhatDiffers(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	s.swallow()
	x := s.open(s.memory())
	customer := buyer(t, s, x, "acme")
	id := s.subscribe(customer, "")
	s.deliverAll()
	found := differing(t, x)
	require.Len(t, found, 1)
	until := time.Unix(s.fake.Subscription(id)["current_period_end"].(int64), 0).UTC().Add(72 * hour).Format(time.RFC3339)
	require.Equal(t, "no plan is to be starter active until "+until, found[0].What)
	require.NoError(t, x.Sync(t.Context(), "acme"))
	s.api.call("DELETE", "/v1/subscriptions/"+id, "")
	s.deliverAll()
	require.Equal(t, "starter active until "+until+" is to be starter canceled", differing(t, x)[0].What)
}
