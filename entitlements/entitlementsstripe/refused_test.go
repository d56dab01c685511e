package entitlementsstripe_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

func TestAnOrderThatCannotBeRightIsRefused(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := s.open(s.memory())
	for _, c := range []struct {
		name, field string
		order       entitlements.Order
	}{
		{"no tenant", "tenant", entitlements.Order{Plan: "pro"}},
		{"an unknown plan", "plan", entitlements.Order{Tenant: "acme", Plan: "none"}},
		{"an interval without a price", "plan", entitlements.Order{Tenant: "acme", Plan: "pro", Yearly: true}},
		{"an unknown add-on", "addons", entitlements.Order{Tenant: "acme", Plan: "pro", AddOns: map[string]int64{"none": 1}}},
		{"an add-on less than never", "addons", entitlements.Order{Tenant: "acme", Plan: "pro", AddOns: map[string]int64{"pack": -1}}},
		{"an add-on too often", "addons", entitlements.Order{Tenant: "acme", Plan: "pro", AddOns: map[string]int64{"pack": 1_000_001}}},
		{"fewer seats than none", "seats", entitlements.Order{Tenant: "acme", Plan: "pro", Seats: -1}},
		{"too many seats", "seats", entitlements.Order{Tenant: "acme", Plan: "pro", Seats: 1_000_001}},
		{"a trial of an hour", "trial", entitlements.Order{Tenant: "acme", Plan: "pro", Trial: hour}},
		{"a trial before now", "trial", entitlements.Order{Tenant: "acme", Plan: "pro", Trial: -day}},
		{"a trial of more than a year", "trial", entitlements.Order{Tenant: "acme", Plan: "pro", Trial: 367 * day}},
		{"a page that is a program", "cancel_url", entitlements.Order{Tenant: "acme", Plan: "pro", SuccessURL: "https://a", CancelURL: "javascript:alert(1)"}},
		{"one page of two", "cancel_url", entitlements.Order{Tenant: "acme", Plan: "pro", SuccessURL: "https://a"}},
		{"the other of two", "success_url", entitlements.Order{Tenant: "acme", Plan: "pro", CancelURL: "https://a"}},
	} {
		_, err := x.Start(t.Context(), c.order)
		refused(t, err, c.field, c.name)
	}
	require.Empty(t, s.fake.Calls()["POST /v1/customers"], "Stripe was asked nothing")
	require.ErrorIs(t, x.Move(t.Context(), entitlements.Move{Tenant: "acme", Plan: "pro"}), entitlements.ErrUnknownCustomer)
	require.ErrorIs(t, x.Sync(t.Context(), "acme"), entitlements.ErrUnknownCustomer)
	buyer(t, s, x, "acme")
	require.ErrorIs(t, x.Move(t.Context(), entitlements.Move{Tenant: "acme", Plan: "pro"}), entitlements.ErrNotSubscribed)
	require.ErrorIs(t, x.Cancel(t.Context(), entitlements.Cancellation{Tenant: "acme"}), entitlements.ErrNotSubscribed)
	_, err := x.PortalURL(t.Context(), "acme", "ftp://a")
	refused(t, err, "return_url", "a page that is none")
}

// refused fails unless err names the field, and the package once.
func refused(t *testing.T, err error, field, name string) {
	t.Helper()
	require.ErrorIs(t, err, tenon.ErrInvalid, name)
	var fault *tenon.FieldError
	require.ErrorAs(t, err, &fault, name)
	require.Equal(t, field, fault.Field, name)
	require.True(t, strings.HasPrefix(err.Error(), "entitlementsstripe: "+field+": "), "%s: %v", name, err)
}

func TestNobodyIsNoTenant(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := s.open(s.memory())
	buyer(t, s, x, "acme") // who is not to be taken for nobody
	before := s.fake.Calls()
	_, portal := x.PortalURL(t.Context(), "", "https://a")
	_, customer := x.Customer(t.Context(), entitlements.Customer{})
	for name, err := range map[string]error{
		"PortalURL": portal, "Customer": customer, "Sync": x.Sync(t.Context(), ""),
		"Move":        x.Move(t.Context(), entitlements.Move{Plan: "pro"}),
		"Cancel":      x.Cancel(t.Context(), entitlements.Cancellation{}),
		"ReportUsage": x.ReportUsage(t.Context(), entitlements.UsageReport{Meter: calls, Start: s.fake.Now()}),
	} {
		refused(t, err, "tenant", name)
	}
	require.Equal(t, before, s.fake.Calls(), "Stripe was asked nothing")
}
