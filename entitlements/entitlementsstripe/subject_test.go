package entitlementsstripe_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementsstripe"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

// exported returns what there is of a subject at Stripe.
func exported(t *testing.T, x till, s tenon.Subject) []string {
	t.Helper()
	var rows []string
	for row, err := range x.Export(t.Context(), s) {
		require.NoError(t, err)
		rows = append(rows, row.Table+" "+string(row.Data))
	}
	return rows
}

func TestAnErasedTenantIsNoCustomerAnyMore(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	x := s.open(s.memory())
	customers := map[string]string{}
	for _, tenant := range []string{"acme", "zenith"} {
		id, err := x.Customer(t.Context(), entitlements.Customer{Tenant: tenant, Email: tenant + "@example.test", Name: tenant})
		require.NoError(t, err)
		customers[tenant] = id
	}
	acme := tenon.Subject{Tenant: "acme"}
	require.Len(t, exported(t, x, acme), 1)
	require.Contains(t, exported(t, x, acme)[0], "acme@example.test")
	for _, want := range []int64{1, 0} { // twice does no harm
		erased, err := x.Erase(t.Context(), acme)
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"stripe.customers": want}, erased)
		require.Empty(t, exported(t, x, acme))
	}
	require.Equal(t, true, s.api.call("GET", "/v1/customers/"+customers["acme"], "")["deleted"])
	require.Contains(t, strings.Join(exported(t, x, tenon.Subject{Tenant: "zenith"}), ""), "zenith@example.test")
}

func TestErasingEndsWhatIsPaidFor(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	x := s.open(s.memory())
	customer := s.customer("acme")
	subscription := s.subscribe(customer, "")
	_, err := x.Reconcile(t.Context(), false)
	require.NoError(t, err)
	_, err = x.Erase(t.Context(), tenon.Subject{Tenant: "acme"})
	require.NoError(t, err)
	require.Equal(t, "canceled", s.fake.Subscription(subscription)["status"])
}

func TestErasingWhoIsNoCustomerIsNoError(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	x := s.open(s.memory())
	for _, who := range []tenon.Subject{{Tenant: "nobody"}, {Tenant: "acme", User: "ann"}} {
		erased, err := x.Erase(t.Context(), who)
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"stripe.customers": 0}, erased)
		require.Empty(t, exported(t, x, who))
	}
	_, err := x.Erase(t.Context(), tenon.Subject{})
	require.ErrorIs(t, err, tenon.ErrInvalid)
}

func TestErasingAtAStripeThatIsAwayIsAnError(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	store := s.memory()
	_, err := s.open(store).Customer(t.Context(), entitlements.Customer{Tenant: "acme"})
	require.NoError(t, err)
	gone := httptest.NewServer(s.fake)
	gone.Close()
	s.opts.Address, s.opts.Retries = gone.URL, -1
	x, acme := s.open(store), tenon.Subject{Tenant: "acme"}
	_, err = x.Erase(t.Context(), acme)
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	for _, err := range x.Export(t.Context(), acme) {
		require.ErrorIs(t, err, tenon.ErrUnavailable, "an empty answer would say that there is nothing")
		return
	}
	require.Fail(t, "the export ended without an error")
}

func TestAnErasureWhoseAnswerIsLostCounts(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	x := s.open(s.memory())
	id, err := x.Customer(t.Context(), entitlements.Customer{Tenant: "acme"})
	require.NoError(t, err)
	s.fake.Fail(entitlementstest.Fault{Method: http.MethodDelete, Path: "/v1/customers", Cut: entitlementstest.CutAfter})
	erased, err := x.Erase(t.Context(), tenon.Subject{Tenant: "acme"})
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"stripe.customers": 1}, erased)
	require.Equal(t, true, s.api.call("GET", "/v1/customers/"+id, "")["deleted"])
}

func TestStripesOwnMockTakesTheCallsOfAnErasure(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	store := s.memory()
	_, err := s.open(store).Customer(t.Context(), entitlements.Customer{Tenant: "acme"})
	require.NoError(t, err)
	s.opts.Address = mockURL(t)
	b, err := entitlementsstripe.New(entitlements.NewGate(store, nil), store, entitlementsstripe.Account{
		Key: tenon.NewSecret("sk_test_123"), WebhookSecrets: account().WebhookSecrets,
	}, s.prices, &s.opts)
	require.NoError(t, err)
	erased, err := b.Erase(t.Context(), tenon.Subject{Tenant: "acme"})
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"stripe.customers": 1}, erased)
}
