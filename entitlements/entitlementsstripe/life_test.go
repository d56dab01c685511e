package entitlementsstripe_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementsstripe"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

// trade is a shop that is open, over one store, with its webhooks delivered when asked.
type trade struct {
	*shop
	till
	store keeper
}

func newTrade(t *testing.T, s *shop, store keeper) *trade {
	t.Helper()
	x := &trade{shop: s, store: store}
	x.pass(0)
	return x
}

// pass lets time go by at Stripe and here. A Gate whose Run does not run keeps the clock that it has read, so that it
// takes a new one to see it.
func (x *trade) pass(d time.Duration) {
	x.t.Helper()
	x.fake.Advance(d)
	x.till = x.shop.open(x.store)
	x.serve(x.till, entitlementstest.Webhook{})
}

// buyer makes a customer of a tenant whose card pays.
func buyer(t *testing.T, s *shop, x till, tenant string) string {
	t.Helper()
	id := visitor(t, x, tenant)
	s.fake.SetCard(id, true)
	return id
}

// visitor makes a customer of a tenant that has no card.
func visitor(t *testing.T, x till, tenant string) string {
	t.Helper()
	id, err := x.Customer(t.Context(), entitlements.Customer{Tenant: tenant, Email: tenant + "@example.com"})
	require.NoError(t, err)
	return id
}

// works lets Run work once.
func works(t *testing.T, x till) {
	t.Helper()
	before := x.Stats()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx) }()
	require.Eventually(t, func() bool { return x.Stats().Rounds > before.Rounds }, 30*time.Second, time.Millisecond)
	stop()
	require.NoError(t, <-done)
}

// starts subscribes a tenant at once and returns the subscription's id.
func starts(t *testing.T, x till, o entitlements.Order) string {
	t.Helper()
	started, err := x.Start(t.Context(), o)
	require.NoError(t, err)
	require.NotEmpty(t, started.Subscription)
	return started.Subscription
}

func TestACustomerIsMadeOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := s.open(s.memory())
	first := buyer(t, s, x, "acme")
	require.Equal(t, first, buyer(t, s, x, "acme"))
	require.Equal(t, 1, s.fake.Calls()["POST /v1/customers"])
	other := s.open(s.memory()) // one that has forgotten, as after a crash between the call and the commit
	require.Equal(t, first, buyer(t, s, other, "acme"), "the same key, the same customer")
	for _, tenant := range []string{"", string(make([]byte, 501))} {
		_, err := x.Customer(t.Context(), entitlements.Customer{Tenant: tenant})
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
}

func TestASubscriptionGivesWhatWasBought(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	s.prices[1].Seats = "pack"
	s.prices = append(s.prices[:2:2], entitlementsstripe.Price{ID: s.prices[2].ID, AddOn: "pack"})
	x := s.open(s.memory())
	buyer(t, s, x, "acme")
	id := starts(t, x, entitlements.Order{Tenant: "acme", Plan: "pro", Seats: 3})
	s.agrees(x, "acme", id)
	e := x.entitlement(t, "acme")
	require.Equal(t, "pro", e.Plan)
	require.Equal(t, e.CurrentPeriodEnd.Add(72*hour), e.AccessUntil)
	require.EqualValues(t, 1030, x.may(t, "acme").Hard, "1000 of the plan and 10 for each seat")

	require.NoError(t, x.Move(t.Context(), entitlements.Move{Tenant: "acme", Plan: "pro", Seats: 5}))
	require.EqualValues(t, 1050, x.may(t, "acme").Hard)
	require.NoError(t, x.Move(t.Context(), entitlements.Move{Tenant: "acme", Plan: "pro", AddOns: map[string]int64{"pack": 2}}))
	require.EqualValues(t, 1070, x.may(t, "acme").Hard, "the seats stay, the add-on comes on top")
	require.NoError(t, x.Move(t.Context(), entitlements.Move{Tenant: "acme", Plan: "pro", Seats: 1, AddOns: map[string]int64{}}))
	require.EqualValues(t, 1010, x.may(t, "acme").Hard)
	_, err := x.Start(t.Context(), entitlements.Order{Tenant: "acme", Plan: "starter"})
	require.ErrorIs(t, err, entitlements.ErrSubscribed)
}

func TestAPaymentThatFailsMakesNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := s.open(s.memory())
	customer := buyer(t, s, x, "acme")
	s.fake.SetCard(customer, false)
	_, err := x.Start(t.Context(), entitlements.Order{Tenant: "acme", Plan: "starter"})
	require.ErrorIs(t, err, entitlements.ErrPaymentFailed)
	var answer *entitlementsstripe.Error
	require.ErrorAs(t, err, &answer)
	require.Equal(t, "card_declined", answer.Code)
	require.ErrorIs(t, x.Sync(t.Context(), "acme"), nil)
	_, err = x.gate.Entitlement(t.Context(), "acme")
	require.ErrorIs(t, err, entitlements.ErrUnknownTenant)

	s.fake.SetCard(customer, true)
	starts(t, x, entitlements.Order{Tenant: "acme", Plan: "starter", Key: "second try"})
	s.fake.SetCard(customer, false)
	err = x.Move(t.Context(), entitlements.Move{Tenant: "acme", Plan: "pro", Proration: entitlements.ProrateNow})
	require.ErrorIs(t, err, entitlements.ErrPaymentFailed)
	require.NoError(t, x.Sync(t.Context(), "acme"))
	require.Equal(t, "starter", x.entitlement(t, "acme").Plan, "the upgrade was not paid")
}

func TestAnUpgradeActsAtOnceAndADowngradeWhenThePeriodEnds(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := newTrade(t, s, s.memory())
	buyer(t, s, x.till, "acme")
	starts(t, x.till, entitlements.Order{Tenant: "acme", Plan: "starter"})
	move := func(plan string) {
		require.NoError(t, x.Move(t.Context(), entitlements.Move{Tenant: "acme", Plan: plan}))
	}
	move("pro")
	require.Equal(t, "pro", x.entitlement(t, "acme").Plan)
	for range 2 { // there, back, and there again: no answer of an earlier call is taken for a later one's
		move("starter")
		e := x.entitlement(t, "acme")
		require.Equal(t, "pro", e.Plan)
		require.Equal(t, &entitlements.Next{At: e.CurrentPeriodEnd, Plan: "starter", Version: 1}, e.Next)
		move("pro")
		require.Nil(t, x.entitlement(t, "acme").Next, "taken back")
	}
	move("starter")
	until := x.entitlement(t, "acme").CurrentPeriodEnd
	x.pass(until.Sub(s.fake.Now()) + 2*hour)
	require.Equal(t, "starter", x.entitlement(t, "acme").Plan, "by itself, before any webhook")
	s.deliverAll()
	e := x.entitlement(t, "acme")
	require.Equal(t, "starter", e.Plan)
	require.Nil(t, e.Next)
	require.Equal(t, until, e.CurrentPeriodStart)
	move("pro")
	require.Equal(t, "pro", x.entitlement(t, "acme").Plan)
}

func TestMovingBackAndForthHasEveryEffect(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := s.open(s.memory())
	buyer(t, s, x, "acme")
	starts(t, x, entitlements.Order{Tenant: "acme", Plan: "starter"})
	for range 3 {
		for _, plan := range []string{"pro", "starter"} {
			require.NoError(t, x.Move(t.Context(), entitlements.Move{Tenant: "acme", Plan: plan, When: entitlements.Now, Proration: entitlements.NoProrate}))
			require.Equal(t, plan, x.entitlement(t, "acme").Plan)
		}
	}
	before := s.fake.Calls()["POST /v1/subscriptions/{id}"]
	require.NoError(t, x.Move(t.Context(), entitlements.Move{Tenant: "acme", Plan: "starter"}), "as it is")
	require.Equal(t, before, s.fake.Calls()["POST /v1/subscriptions/{id}"])
	for _, when := range []entitlements.When{entitlements.ByTier, entitlements.Now, entitlements.AtPeriodEnd} {
		err := x.Move(t.Context(), entitlements.Move{Tenant: "acme", Plan: "pro", Proration: "half", When: when})
		refused(t, err, "proration", "half")
	}
	require.Equal(t, before, s.fake.Calls()["POST /v1/subscriptions/{id}"])
}

func TestACancellationKeepsAccessToTheEnd(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := newTrade(t, s, s.memory())
	buyer(t, s, x.till, "acme")
	starts(t, x.till, entitlements.Order{Tenant: "acme", Plan: "starter"})
	cancel := entitlements.Cancellation{Tenant: "acme", Reason: "moving"}
	require.NoError(t, x.Cancel(t.Context(), cancel))
	require.NoError(t, x.Cancel(t.Context(), cancel), "twice is no error")
	e := x.entitlement(t, "acme")
	require.Equal(t, entitlements.Active, e.Status)
	require.Equal(t, e.CurrentPeriodEnd, e.AccessUntil, "no grace after an end that was wanted")

	require.NoError(t, x.Move(t.Context(), entitlements.Move{Tenant: "acme", Plan: "starter"}))
	require.Equal(t, e.CurrentPeriodEnd.Add(72*hour), x.entitlement(t, "acme").AccessUntil, "taken back")
	require.NoError(t, x.Cancel(t.Context(), cancel))
	x.pass(e.CurrentPeriodEnd.Sub(s.fake.Now()))
	require.False(t, x.may(t, "acme").Allowed, "with no webhook yet")
	s.deliverAll()
	require.Equal(t, entitlements.Canceled, x.entitlement(t, "acme").Status)
	require.NoError(t, x.Cancel(t.Context(), cancel), "it has ended")

	starts(t, x.till, entitlements.Order{Tenant: "acme", Plan: "starter"})
	require.True(t, x.may(t, "acme").Allowed, "a new one begins")
	cancel.When = entitlements.Now
	require.NoError(t, x.Cancel(t.Context(), cancel))
	require.False(t, x.may(t, "acme").Allowed)
}

func TestACheckoutGivesAccessWhenItIsPaid(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := newTrade(t, s, s.memory())
	o := entitlements.Order{Tenant: "acme", Plan: "starter", SuccessURL: "http://127.0.0.1/yes", CancelURL: "http://127.0.0.1/no"}
	first, err := x.Start(t.Context(), o)
	require.NoError(t, err)
	again, err := x.Start(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, first, again, "the same order is the same page")
	s.deliverAll()
	_, err = x.gate.Entitlement(t.Context(), "acme")
	require.ErrorIs(t, err, entitlements.ErrUnknownTenant)
	for _, e := range s.fake.Events() {
		require.NotContains(t, e.Type, "subscription")
	}
	id := s.api.call("GET", "/v1/checkout/sessions", "limit=1")["data"].([]any)[0].(map[string]any)["id"].(string)
	require.True(t, s.fake.PayCheckout(id, true))
	s.deliverAll()
	require.Equal(t, entitlements.Active, x.entitlement(t, "acme").Status)
	require.True(t, x.may(t, "acme").Allowed)
}

func TestATrialConvertsWhenItIsPaid(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	changes := &entitlementstest.Recorder{}
	store := entitlements.NewMemoryStore(&entitlements.MemoryOptions{Recorder: changes})
	_, err := store.Declare(t.Context(), testCatalog(), s.fake.Now())
	require.NoError(t, err)
	x := newTrade(t, s, store)
	buyer(t, s, x.till, "acme")
	starts(t, x.till, entitlements.Order{Tenant: "acme", Plan: "pro", Trial: 14 * day})
	e := x.entitlement(t, "acme")
	require.Equal(t, entitlements.Trialing, e.Status)
	require.Equal(t, s.fake.Now().Add(14*day).Truncate(time.Second), e.TrialEndsAt)
	s.deliverAll()
	require.Zero(t, converted(changes))

	x.pass(14*day + time.Minute)
	require.True(t, x.may(t, "acme").Allowed, "the trial goes over into the subscription before any webhook")
	s.deliverAll()
	require.Equal(t, entitlements.Active, x.entitlement(t, "acme").Status)
	require.Zero(t, converted(changes), "the invoice is a draft: nothing is paid")
	x.pass(2 * hour)
	s.deliverAll()
	require.Equal(t, 1, converted(changes))
	x.pass(31 * day)
	s.deliverAll()
	require.Equal(t, 1, converted(changes), "once")

	require.NoError(t, x.Cancel(t.Context(), entitlements.Cancellation{Tenant: "acme", When: entitlements.Now}))
	order := entitlements.Order{Tenant: "acme", Plan: "pro", Trial: 7 * day}
	_, err = x.Start(t.Context(), order)
	require.ErrorIs(t, err, entitlements.ErrTrialUsed)
	order.ForceTrial = true
	starts(t, x.till, order)
	require.Equal(t, entitlements.Trialing, x.entitlement(t, "acme").Status)
}

func converted(changes *entitlementstest.Recorder) (n int) {
	for _, c := range changes.Changes() {
		if c.Action == "entitlements.trial_converted" {
			n++
		}
	}
	return n
}

func TestATrialThatNobodyPaysForFallsBack(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	s.opts.Fallback = "free"
	x := newTrade(t, s, s.memory())
	visitor(t, x.till, "acme")
	starts(t, x.till, entitlements.Order{Tenant: "acme", Plan: "pro", Trial: 3 * day})
	x.pass(3*day + 2*hour)
	s.deliverAll()
	e := x.entitlement(t, "acme")
	require.Equal(t, "free", e.Plan)
	require.Equal(t, entitlements.Active, e.Status)
	require.True(t, e.TrialUsed)
	require.EqualValues(t, 3, x.may(t, "acme").Hard)
	_, err := x.Reconcile(t.Context(), false)
	require.NoError(t, err)
	differing, err := x.Reconcile(t.Context(), true)
	require.NoError(t, err)
	require.Empty(t, differing, "it stays so")
}

func TestAPlanOfTheHostsIsLeftAloneByWhatNeverGaveAccess(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := s.open(s.memory())
	_, err := x.gate.Subscribe(t.Context(), entitlements.Subscription{Tenant: "acme", Plan: "free"})
	require.NoError(t, err)
	customer := buyer(t, s, x, "acme")
	s.fake.SetCard(customer, false)
	s.subscribe(customer, "payment_behavior=allow_incomplete")
	require.NoError(t, x.Sync(t.Context(), "acme"))
	require.Equal(t, "free", x.entitlement(t, "acme").Plan)
	require.True(t, x.may(t, "acme").Allowed)
	s.fake.SetCard(customer, true)
	require.True(t, s.fake.PayInvoice(customer))
	require.NoError(t, x.Sync(t.Context(), "acme"))
	require.Equal(t, "starter", x.entitlement(t, "acme").Plan)
}

func TestAGrandfatheredTenantStaysOnItsVersion(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := s.open(s.memory())
	buyer(t, s, x, "acme")
	starts(t, x, entitlements.Order{Tenant: "acme", Plan: "starter"})
	next := testCatalog()
	next.Plans[1].Features[calls].Limits[0].Hard = 50
	_, err := x.gate.ApplyCatalog(t.Context(), next)
	require.NoError(t, err)
	require.NoError(t, x.Sync(t.Context(), "acme"))
	require.Equal(t, 1, x.entitlement(t, "acme").Version)
	buyer(t, s, x, "globex")
	starts(t, x, entitlements.Order{Tenant: "globex", Plan: "starter"})
	require.Equal(t, 2, x.entitlement(t, "globex").Version)
}
