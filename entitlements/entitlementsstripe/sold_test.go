package entitlementsstripe_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementsstripe"
)

// price makes a monthly price at Stripe.
func (s *shop) price() string {
	s.t.Helper()
	form := "currency=eur&recurring[interval]=month&product_data[name]=Other&unit_amount=700"
	return s.api.call("POST", "/v1/prices", form)["id"].(string)
}

func TestWhatTheCatalogueLacksIsNotSold(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	gold := s.price()
	s.prices = append(s.prices, entitlementsstripe.Price{ID: gold, Plan: "gold"}, entitlementsstripe.Price{ID: s.price(), AddOn: "gift"})
	x := s.open(s.memory())
	before := s.fake.Calls()
	_, err := x.Start(t.Context(), entitlements.Order{Tenant: "acme", Plan: "gold"})
	require.ErrorIs(t, err, entitlements.ErrUnknownPlan)
	_, err = x.Start(t.Context(), entitlements.Order{Tenant: "acme", Plan: "pro", AddOns: map[string]int64{"gift": 1}})
	require.ErrorIs(t, err, entitlements.ErrUnknownAddOn)
	require.Equal(t, before, s.fake.Calls(), "nobody paid")

	buyer(t, s, x, "acme")
	id := starts(t, x, entitlements.Order{Tenant: "acme", Plan: "starter"})
	for _, when := range []entitlements.When{entitlements.ByTier, entitlements.Now, entitlements.AtPeriodEnd} {
		require.ErrorIs(t, x.Move(t.Context(), entitlements.Move{Tenant: "acme", Plan: "gold", When: when}), entitlements.ErrUnknownPlan)
	}
	require.Zero(t, s.fake.Calls()["POST /v1/subscriptions/{id}"])

	s.reprice(owner{subscription: id}, gold) // somebody sells it in the dashboard
	require.ErrorIs(t, x.Sync(t.Context(), "acme"), entitlements.ErrUnknownPlan)
	require.Equal(t, "starter", x.entitlement(t, "acme").Plan, "the rights stay")
}

func TestAMoveAtThePeriodsEndTakesAPlannedEndBack(t *testing.T) {
	t.Parallel()
	for _, to := range []string{"pro", "starter"} {
		t.Run(to, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, began())
			x := newTrade(t, s, s.memory())
			buyer(t, s, x.till, "acme")
			id := starts(t, x.till, entitlements.Order{Tenant: "acme", Plan: "pro"})
			require.NoError(t, x.Cancel(t.Context(), entitlements.Cancellation{Tenant: "acme"}))
			require.Equal(t, true, s.fake.Subscription(id)["cancel_at_period_end"])
			require.NoError(t, x.Move(t.Context(), entitlements.Move{Tenant: "acme", Plan: to, When: entitlements.AtPeriodEnd}))
			require.Equal(t, false, s.fake.Subscription(id)["cancel_at_period_end"])
			e := x.entitlement(t, "acme")
			require.Equal(t, e.CurrentPeriodEnd.Add(72*hour), e.AccessUntil)
			x.pass(e.CurrentPeriodEnd.Sub(s.fake.Now()) + hour)
			s.deliverAll()
			require.Equal(t, to, x.entitlement(t, "acme").Plan)
			require.True(t, x.may(t, "acme").Allowed)
		})
	}
}

func TestAMoveToThePresentPlanAtThePeriodsEndTakesAPlannedChangeBack(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := newTrade(t, s, s.memory())
	buyer(t, s, x.till, "acme")
	id := starts(t, x.till, entitlements.Order{Tenant: "acme", Plan: "pro"})
	require.NoError(t, x.Move(t.Context(), entitlements.Move{Tenant: "acme", Plan: "starter"}))
	require.NotNil(t, x.entitlement(t, "acme").Next)
	require.NoError(t, x.Move(t.Context(), entitlements.Move{Tenant: "acme", Plan: "pro", When: entitlements.AtPeriodEnd}))
	require.Nil(t, x.entitlement(t, "acme").Next)
	require.Nil(t, s.fake.Subscription(id)["schedule"])
}

func TestAPlannedPlanKeepsTheVersionThatWasPlanned(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := newTrade(t, s, s.memory())
	buyer(t, s, x.till, "acme")
	starts(t, x.till, entitlements.Order{Tenant: "acme", Plan: "pro"})
	require.NoError(t, x.Move(t.Context(), entitlements.Move{Tenant: "acme", Plan: "starter"}))
	next := testCatalog()
	next.Plans[1].Features[calls].Limits[0].Hard = 50
	_, err := x.gate.ApplyCatalog(t.Context(), next)
	require.NoError(t, err)
	require.NoError(t, x.Sync(t.Context(), "acme"))
	require.Equal(t, 1, x.entitlement(t, "acme").Next.Version)
	x.pass(x.entitlement(t, "acme").CurrentPeriodEnd.Sub(s.fake.Now()) + hour)
	s.deliverAll()
	require.Equal(t, "starter", x.entitlement(t, "acme").Plan)
	require.EqualValues(t, 100, x.may(t, "acme").Hard, "what was agreed to")
}

func TestWhatWasBoughtEndsWithTheSubscriptionAndWhatWasGivenStays(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	store, c := s.memory(), testCatalog()
	c.AddOns = append(c.AddOns, entitlements.AddOn{ID: "gift", Features: c.Plans[0].Features})
	_, err := store.Declare(t.Context(), c, s.fake.Now())
	require.NoError(t, err)
	x := s.open(store)
	buyer(t, s, x, "acme")
	starts(t, x, entitlements.Order{Tenant: "acme", Plan: "starter", AddOns: map[string]int64{"pack": 2}})
	require.NoError(t, x.gate.Attach(t.Context(), "acme", "gift", 1))
	require.EqualValues(t, 123, x.may(t, "acme").Hard)
	require.NoError(t, x.Cancel(t.Context(), entitlements.Cancellation{Tenant: "acme", When: entitlements.Now}))
	explained, err := x.gate.Explain(t.Context(), "acme", calls)
	require.NoError(t, err)
	require.Len(t, explained.AddOns, 1)
	require.Equal(t, "gift", explained.AddOns[0].AddOn)
}

func TestAnEndThatIsSetForADayEndsAccessOnThatDay(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := newTrade(t, s, s.memory())
	buyer(t, s, x.till, "acme")
	id := starts(t, x.till, entitlements.Order{Tenant: "acme", Plan: "starter"})
	last := s.fake.Now().UTC().Add(9 * day).Truncate(time.Second)
	s.api.call("POST", "/v1/subscriptions/"+id, fmt.Sprint("cancel_at=", last.Unix()))
	require.NoError(t, x.Sync(t.Context(), "acme"))
	require.Equal(t, last, x.entitlement(t, "acme").AccessUntil)
	x.pass(last.Sub(s.fake.Now()))
	require.False(t, x.may(t, "acme").Allowed, "though no webhook came")
}

func TestAStatusThatIsNewToUsGivesNoAccess(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	s.opts.Address = newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		said := httptest.NewRecorder()
		s.fake.ServeHTTP(said, r)
		w.WriteHeader(said.Code)
		_, _ = w.Write(bytes.ReplaceAll(said.Body.Bytes(), []byte(`"status":"active"`), []byte(`"status":"shimmering"`)))
	}))
	x := s.open(s.memory())
	buyer(t, s, x, "acme")
	starts(t, x, entitlements.Order{Tenant: "acme", Plan: "starter"})
	require.Equal(t, entitlements.Unpaid, x.entitlement(t, "acme").Status)
	require.False(t, x.may(t, "acme").Allowed)
}

func TestATenantOfALongNameBuysOnAPage(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := s.open(s.memory())
	tenant := strings.Repeat("t", 201) // one byte more than Stripe takes as a reference
	o := entitlements.Order{Tenant: tenant, Plan: "starter", SuccessURL: "https://example.com/yes", CancelURL: "https://example.com/no"}
	_, err := x.Start(t.Context(), o)
	require.NoError(t, err)
	page := s.api.call("GET", "/v1/checkout/sessions", "limit=1")["data"].([]any)[0].(map[string]any)
	require.Nil(t, page["client_reference_id"])
	require.True(t, s.fake.PayCheckout(page["id"].(string), true))
	require.NoError(t, x.Sync(t.Context(), tenant))
	require.Equal(t, entitlements.Active, x.entitlement(t, tenant).Status)
}

func TestACustomerThatAWebhookHoldsWholeIsKnown(t *testing.T) {
	t.Parallel()
	s := newSubscribed(t)
	var sent map[string]any
	require.NoError(t, json.Unmarshal(s.body, &sent))
	sent["data"].(map[string]any)["object"].(map[string]any)["customer"] = map[string]any{"id": s.custom, "object": "customer"}
	body, err := json.Marshal(sent)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, deliver(t, s.Handler(), body))
	s.agrees(s.till, s.tenant, s.id)
}
