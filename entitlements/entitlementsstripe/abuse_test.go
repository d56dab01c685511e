package entitlementsstripe_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

// quantity is how many of its plan a subscription has at Stripe.
func (s *shop) quantity(subscription string) any {
	s.t.Helper()
	items := s.fake.Subscription(subscription)["items"].(map[string]any)["data"].([]any)
	return items[0].(map[string]any)["quantity"]
}

func TestSeatsThatGoBackAndForthWithinADayHaveEveryEffect(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := s.open(s.memory())
	buyer(t, s, x, "acme")
	id := starts(t, x, entitlements.Order{Tenant: "acme", Plan: "pro"})
	for range 3 { // the rights are the same whatever the seats are
		for _, seats := range []int64{2, 1} {
			m := entitlements.Move{Tenant: "acme", Plan: "pro", Seats: seats, Proration: entitlements.NoProrate}
			require.NoError(t, x.Move(t.Context(), m))
			require.EqualValues(t, seats, s.quantity(id))
		}
	}
}

func TestSeatsThatArePlannedBackAndForthWithinADayHaveEveryEffect(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := newTrade(t, s, s.memory())
	buyer(t, s, x.till, "acme")
	id := starts(t, x.till, entitlements.Order{Tenant: "acme", Plan: "pro", Seats: 5})
	plan := func(seats int64, when entitlements.When) {
		t.Helper()
		require.NoError(t, x.Move(t.Context(), entitlements.Move{Tenant: "acme", Plan: "pro", Seats: seats, When: when}))
	}
	plan(1, entitlements.AtPeriodEnd)
	plan(5, entitlements.Now) // taken back
	plan(1, entitlements.AtPeriodEnd)
	plan(2, entitlements.AtPeriodEnd)
	plan(1, entitlements.AtPeriodEnd)
	require.EqualValues(t, 5, s.quantity(id))
	x.pass(x.entitlement(t, "acme").CurrentPeriodEnd.Sub(s.fake.Now()) + hour)
	require.EqualValues(t, 1, s.quantity(id))
}

func TestTheSameOrderMayBeTriedAgainAfterACardWasRefused(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := s.open(s.memory())
	customer := buyer(t, s, x, "acme")
	order := entitlements.Order{Tenant: "acme", Plan: "starter"}
	s.fake.SetCard(customer, false)
	for range 3 {
		_, err := x.Start(t.Context(), order)
		require.ErrorIs(t, err, entitlements.ErrPaymentFailed)
	}
	s.fake.SetCard(customer, true)
	starts(t, x, order)
	upgrade := entitlements.Move{Tenant: "acme", Plan: "pro", Proration: entitlements.ProrateNow}
	s.fake.SetCard(customer, false)
	require.ErrorIs(t, x.Move(t.Context(), upgrade), entitlements.ErrPaymentFailed)
	s.fake.SetCard(customer, true)
	require.NoError(t, x.Move(t.Context(), upgrade))
	require.Equal(t, "pro", x.entitlement(t, "acme").Plan)
}

func TestATrialOfWhichNoWebhookCameIsTheOnlyOne(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := s.open(s.memory())
	customer := buyer(t, s, x, "acme")
	id := s.subscribe(customer, "trial_period_days=7")
	s.api.call("DELETE", "/v1/subscriptions/"+id, "")
	_, err := x.Start(t.Context(), entitlements.Order{Tenant: "acme", Plan: "starter", Trial: 7 * day})
	require.ErrorIs(t, err, entitlements.ErrTrialUsed)
	starts(t, x, entitlements.Order{Tenant: "acme", Plan: "starter"})
}

func TestUsageThatWaitedForMoreThanADayIsNotToldTwice(t *testing.T) {
	t.Parallel()
	m := newMetered(t)
	m.report(2*hour, 10)
	m.fake.Fail(entitlementstest.Fault{Path: "/v1/billing/meter_events", Cut: entitlementstest.CutAfter})
	works(t, m.till) // told; the answer is lost
	require.Len(t, m.lines(entitlements.UsagePending), 1)
	m.fake.ForgetKeys()
	m.pass(25 * hour) // and no Run for a day: Stripe has forgotten the identifier
	works(t, m.till)
	require.EqualValues(t, 10, m.fake.Usage(m.customer, "calls", time.Unix(0, 0), m.fake.Now().Add(day)))
	require.Len(t, m.lines(entitlements.UsageDead), 1)
	require.Len(t, m.told.Told(), 1)
}

func TestUsageIsTakenBackOnceWhenTheCallTimesOutAfterItsEffect(t *testing.T) {
	t.Parallel()
	m := newMetered(t)
	start := m.fake.Now().Add(-2 * hour).Truncate(hour)
	m.reportAt(start, 70)
	m.bills(70)
	m.reportAt(start, 30)
	m.fake.Fail(entitlementstest.Fault{Path: "/v1/billing/meter_event_adjustments", Cut: entitlementstest.CutAfter})
	works(t, m.till)
	require.NotEmpty(t, m.lines(entitlements.UsagePending))
	m.fake.ForgetKeys()
	m.pass(hour)
	m.bills(30)
	require.Empty(t, m.lines(entitlements.UsageDead))
	require.Empty(t, m.told.Told())
}

func TestTheGraceOfWhatIsNeverPaidDoesNotBeginAgainWithEveryInvoice(t *testing.T) {
	t.Parallel()
	s := newShop(t, &entitlementstest.BillerOptions{Start: began().Start, AfterRetries: "past_due"})
	x := newTrade(t, s, s.memory())
	customer := buyer(t, s, x.till, "acme")
	starts(t, x.till, entitlements.Order{Tenant: "acme", Plan: "starter"})
	first := x.entitlement(t, "acme").CurrentPeriodEnd
	s.fake.SetCard(customer, false)
	x.pass(first.Sub(s.fake.Now()) + 2*hour)
	s.deliverAll()
	require.True(t, x.may(t, "acme").Allowed)
	grace := x.entitlement(t, "acme").GraceUntil
	require.WithinDuration(t, first.Add(72*hour), grace, time.Minute)
	x.pass(31 * day)
	s.deliverAll()
	require.NoError(t, x.Sync(t.Context(), "acme"))
	require.Equal(t, entitlements.PastDue, x.entitlement(t, "acme").Status)
	require.Equal(t, grace, x.entitlement(t, "acme").GraceUntil, "the next invoice is no new grace")
	require.False(t, x.may(t, "acme").Allowed)
	found, err := x.Reconcile(t.Context(), true)
	require.NoError(t, err)
	for _, r := range found {
		require.NotEmpty(t, r.Event, "Reconcile says the same: %s", r.What)
	}
}

func TestWhatHasEndedEndsHereWhateverItsPrice(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := newTrade(t, s, s.memory())
	buyer(t, s, x.till, "acme")
	id := starts(t, x.till, entitlements.Order{Tenant: "acme", Plan: "starter"})
	s.api.call("DELETE", "/v1/subscriptions/"+id, "")
	x.shop.prices = x.shop.prices[1:2] // starter is sold no more
	x.pass(0)
	require.NoError(t, x.Sync(t.Context(), "acme"))
	require.Equal(t, entitlements.Canceled, x.entitlement(t, "acme").Status)
	require.False(t, x.may(t, "acme").Allowed)
}

func TestAnEventThatIsHungUpOnKeepsItsCount(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	s.opts.Attempts, s.opts.Retries = 2, -1
	store := s.memory()
	x := s.open(store)
	s.owners(1)
	e := s.events(0)[0]
	s.fake.Fail(entitlementstest.Fault{Path: "/v1/subscriptions", Status: 500, Times: -1})
	for range 2 {
		require.Equal(t, http.StatusServiceUnavailable, deliver(t, x.Handler(), e.body))
	}
	broken := s.open(newFlaky(store, 1, false)) // the lease cannot be had
	require.Equal(t, http.StatusServiceUnavailable, deliver(t, broken.Handler(), e.body))
	stored, err := store.BillingEvents(t.Context(), entitlements.EventQuery{ID: e.ID})
	require.NoError(t, err)
	require.Equal(t, entitlements.EventDead, stored[0].State)
	require.Equal(t, 3, stored[0].Attempts)
}

func TestOrdersAtTheSameTimeGiveOneSubscription(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := s.open(s.memory())
	customer := buyer(t, s, x, "acme")
	results := make(chan error)
	for _, plan := range []string{"starter", "pro"} {
		for seats := range int64(4) {
			go func() {
				_, err := x.Start(t.Context(), entitlements.Order{Tenant: "acme", Plan: plan, Seats: seats + 1})
				results <- err
			}()
		}
	}
	began := 0
	for range 8 {
		if err := <-results; err == nil {
			began++
		} else {
			require.ErrorIs(t, err, entitlements.ErrSubscribed)
		}
	}
	require.Equal(t, 1, began)
	all := s.api.call("GET", "/v1/subscriptions", "customer="+customer)["data"].([]any)
	require.Len(t, all, 1)
}

func TestPagesThatLieOpenGiveOneSubscriptionAndOneTrial(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := newTrade(t, s, s.memory())
	o := entitlements.Order{
		Tenant: "acme", Plan: "starter", Trial: 7 * day, SuccessURL: "http://127.0.0.1/yes", CancelURL: "http://127.0.0.1/no",
	}
	for seats := range int64(3) {
		o.Seats = seats + 1
		_, err := x.Start(t.Context(), o)
		require.NoError(t, err)
	}
	paid := 0
	for _, page := range s.api.call("GET", "/v1/checkout/sessions", "limit=100")["data"].([]any) {
		if s.fake.PayCheckout(page.(map[string]any)["id"].(string), true) {
			paid++
		}
	}
	require.Equal(t, 1, paid, "only the last page is open")
}

func TestAnOrderWhosePageWasClosedGetsAPageThatIsOpen(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := s.open(s.memory())
	o := entitlements.Order{Tenant: "acme", SuccessURL: "http://127.0.0.1/yes", CancelURL: "http://127.0.0.1/no"}
	for range 2 {
		for _, plan := range []string{"starter", "pro"} {
			o.Plan = plan
			started, err := x.Start(t.Context(), o)
			require.NoError(t, err)
			open := s.api.call("GET", "/v1/checkout/sessions", "status=open")["data"].([]any)
			require.Len(t, open, 1)
			require.Equal(t, open[0].(map[string]any)["url"], started.URL)
		}
	}
}

func TestANumberThatIsNoneOfOursOutlivesADowngrade(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := newTrade(t, s, s.memory())
	buyer(t, s, x.till, "acme")
	id := starts(t, x.till, entitlements.Order{Tenant: "acme", Plan: "pro"})
	form := "currency=eur&recurring[interval]=month&product_data[name]=Extra&unit_amount=100"
	extra := s.api.call("POST", "/v1/prices", form)["id"].(string)
	s.api.call("POST", "/v1/subscription_items", "subscription="+id+"&quantity=7&price="+extra)
	require.NoError(t, x.Move(t.Context(), entitlements.Move{Tenant: "acme", Plan: "starter"}))
	x.pass(x.entitlement(t, "acme").CurrentPeriodEnd.Sub(s.fake.Now()) + hour)
	quantities := map[any]any{}
	for _, item := range s.fake.Subscription(id)["items"].(map[string]any)["data"].([]any) {
		price := item.(map[string]any)["price"].(map[string]any)["id"]
		quantities[price] = item.(map[string]any)["quantity"]
	}
	require.Equal(t, fmt.Sprint(map[any]any{s.prices[0].ID: 1, extra: 7}), fmt.Sprint(quantities))
	require.NotErrorIs(t, x.Sync(t.Context(), "acme"), tenon.ErrInvalid)
}

// newer answers as the fake does in a version of the API that this package is not written for.
type newer struct{ fake http.Handler }

func (n newer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Header.Set("Stripe-Version", entitlementstest.StripeNewer)
	n.fake.ServeHTTP(w, r)
}

func TestAnAnswerWithoutAPeriodGivesNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	server := httptest.NewServer(newer{s.fake})
	t.Cleanup(server.Close)
	s.opts.Address, s.opts.Grace = server.URL, -1
	x := s.open(s.memory())
	buyer(t, s, x, "acme")
	starts(t, x, entitlements.Order{Tenant: "acme", Plan: "starter"})
	require.ErrorIs(t, x.Sync(t.Context(), "acme"), tenon.ErrConflict)
	_, err := x.gate.Entitlement(t.Context(), "acme")
	require.ErrorIs(t, err, entitlements.ErrUnknownTenant, "access without a bound")
}
