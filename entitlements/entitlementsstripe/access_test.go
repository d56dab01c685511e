package entitlementsstripe_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

// statuses are Stripe's.
var statuses = []entitlements.Status{
	entitlements.Trialing, entitlements.Active, entitlements.PastDue, entitlements.Canceled, entitlements.Paused,
	entitlements.Unpaid, entitlements.Incomplete, entitlements.IncompleteExpired,
}

// in makes a tenant whose subscription has a status at Stripe.
func in(t *testing.T, x *trade, status entitlements.Status) string {
	t.Helper()
	tenant := "tenant-" + string(status)
	customer := visitor(t, x.till, tenant)
	if status != entitlements.Paused {
		x.fake.SetCard(customer, true)
	}
	pays := func(yes bool) { x.fake.SetCard(customer, yes) }
	switch status {
	case entitlements.Trialing:
		x.subscribe(customer, "trial_period_days=5")
	case entitlements.Active:
		x.subscribe(customer, "")
	case entitlements.PastDue, entitlements.Unpaid:
		x.subscribe(customer, "")
		pays(false)
		x.pass(31*day + 2*hour)
		if status == entitlements.Unpaid {
			x.pass(20 * day)
		}
	case entitlements.Canceled:
		id := x.subscribe(customer, "")
		x.api.call("DELETE", "/v1/subscriptions/"+id, "")
	case entitlements.Paused:
		x.subscribe(customer, "trial_period_days=1&trial_settings[end_behavior][missing_payment_method]=pause")
		x.pass(day + 2*hour)
	case entitlements.Incomplete, entitlements.IncompleteExpired:
		pays(false)
		x.subscribe(customer, "payment_behavior=allow_incomplete")
		if status == entitlements.IncompleteExpired {
			x.pass(24 * hour)
		}
	}
	require.NoError(t, x.Sync(t.Context(), tenant))
	return tenant
}

func TestAccessFollowsTheStatus(t *testing.T) {
	t.Parallel()
	allowing := map[entitlements.Status]bool{entitlements.Trialing: true, entitlements.Active: true, entitlements.PastDue: true}
	for _, status := range statuses {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			s := newShop(t, &entitlementstest.BillerOptions{Start: began().Start, AfterRetries: "unpaid"})
			x := newTrade(t, s, s.memory())
			tenant := in(t, x, status)
			e := x.entitlement(t, tenant)
			require.Equal(t, status, e.Status)
			require.Equal(t, allowing[status], x.may(t, tenant).Allowed)
			if status == entitlements.PastDue {
				require.WithinDuration(t, e.CurrentPeriodStart.Add(72*hour), e.GraceUntil, time.Minute)
			}
			x.pass(40 * day) // and no webhook ever comes
			require.False(t, x.may(t, tenant).Allowed)
		})
	}
}

func TestAHostOverridesTheTable(t *testing.T) {
	t.Parallel()
	s := newShop(t, &entitlementstest.BillerOptions{Start: began().Start, AfterRetries: "unpaid"})
	s.opts.Statuses = map[entitlements.Status]entitlements.Status{
		entitlements.Unpaid: entitlements.PastDue, entitlements.PastDue: entitlements.Unpaid,
	}
	s.opts.Grace = 40 * day
	x := newTrade(t, s, s.memory())
	unpaid := in(t, x, entitlements.Unpaid)
	require.True(t, x.may(t, unpaid).Allowed)
	due := in(t, x, entitlements.PastDue)
	require.False(t, x.may(t, due).Allowed)
}

func TestPausedCollectionIsAFieldAndNoStatus(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := s.open(s.memory())
	customer := buyer(t, s, x, "acme")
	id := s.subscribe(customer, "")
	s.api.call("POST", "/v1/subscriptions/"+id, "pause_collection[behavior]=void")
	require.NoError(t, x.Sync(t.Context(), "acme"))
	require.True(t, x.may(t, "acme").Allowed)
	s.opts.PausedCollection = entitlements.Paused
	strict := s.open(s.memory())
	_, err := strict.Customer(t.Context(), entitlements.Customer{Tenant: "acme", Email: "acme@example.com"})
	require.NoError(t, err)
	require.NoError(t, strict.Sync(t.Context(), "acme"))
	require.False(t, strict.may(t, "acme").Allowed)
}

func TestWithoutGraceAccessEndsWithThePeriod(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	s.opts.Grace = -1
	x := newTrade(t, s, s.memory())
	tenant := in(t, x, entitlements.Active)
	e := x.entitlement(t, tenant)
	require.Equal(t, e.CurrentPeriodEnd, e.AccessUntil)
	due := in(t, x, entitlements.PastDue)
	require.False(t, x.may(t, due).Allowed)
}

func TestOfSeveralSubscriptionsTheOneThatGivesMostCounts(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := s.open(s.memory())
	customer := buyer(t, s, x, "acme")
	first := s.subscribe(customer, "")
	s.fake.Advance(hour)
	second := s.subscribe(customer, "")
	require.NoError(t, x.Sync(t.Context(), "acme"))
	require.Equal(t, second, x.entitlement(t, "acme").Subscription, "of two alike the newer")
	s.api.call("DELETE", "/v1/subscriptions/"+second, "")
	require.NoError(t, x.Sync(t.Context(), "acme"))
	require.Equal(t, first, x.entitlement(t, "acme").Subscription)
}
