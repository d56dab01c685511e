package entitlementsstripe_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

// mirror answers as the fake does, and shows every call to stripe-mock first.
type mirror struct {
	t    *testing.T
	fake http.Handler
	mock string

	mu      sync.Mutex
	refused []string // by stripe-mock, with its reasons
}

func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if why := m.show(r, body); why != "" {
		m.mu.Lock()
		m.refused = append(m.refused, why)
		m.mu.Unlock()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	m.fake.ServeHTTP(w, r)
}

// show makes the call at stripe-mock, which checks its shape, and returns why it was refused.
func (m *mirror) show(r *http.Request, body []byte) string {
	shown, err := http.NewRequestWithContext(r.Context(), r.Method, m.mock+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	shown.Header = r.Header.Clone()
	shown.Header.Set("Authorization", "Bearer sk_test_123")
	answer, err := http.DefaultClient.Do(shown)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return r.Method + " " + r.URL.RequestURI() + " " + string(body) + ": " + string(said)
	}
	return ""
}

// every is the calls that the adapter makes, all of which the walk below makes it make.
var every = []string{
	"DELETE /v1/subscriptions/{id}",
	"GET /v1/checkout/sessions",
	"GET /v1/customers/{id}",
	"GET /v1/events",
	"GET /v1/invoices",
	"GET /v1/subscriptions",
	"POST /v1/billing/meter_event_adjustments",
	"POST /v1/billing/meter_events",
	"POST /v1/billing_portal/sessions",
	"POST /v1/checkout/sessions",
	"POST /v1/checkout/sessions/{id}/expire",
	"POST /v1/customers",
	"POST /v1/subscription_schedules",
	"POST /v1/subscription_schedules/{id}",
	"POST /v1/subscription_schedules/{id}/release",
	"POST /v1/subscriptions",
	"POST /v1/subscriptions/{id}",
}

func TestStripesOwnMockTakesTheShapeOfEveryCall(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	before := s.fake.Calls()
	m := &mirror{t: t, fake: s.fake, mock: mockURL(t)}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	s.opts.Address, s.opts.Timeout = server.URL, time.Minute
	store := s.memory()
	x := s.open(store)

	s.walk(x, store)
	require.Empty(t, m.refused)
	var made []string
	for call, n := range s.fake.Calls() {
		if n > before[call] && call != "POST /v1/payment_methods/{id}/attach" {
			made = append(made, call)
		}
	}
	slices.Sort(made)
	require.Equal(t, every, made, "calls that this test does not know, or does not cause")
}

// walk makes every call that there is.
func (s *shop) walk(x till, store keeper) {
	t, ctx := s.t, s.t.Context()
	customer, err := x.Customer(ctx, entitlements.Customer{Tenant: "acme", Email: "a@example.com", Name: "Acme"})
	require.NoError(t, err)
	made := s.fake.Payload(s.fake.Events()[len(s.fake.Events())-1].ID, entitlementstest.StripeVersion)
	require.Equal(t, http.StatusOK, deliver(t, s.open(s.memory()).Handler(), made), "at a service that has not heard of it")
	order := entitlements.Order{
		Tenant: "acme", Plan: "pro", Trial: 14 * day, AddOns: map[string]int64{"pack": 2},
		SuccessURL: "https://example.com/ok", CancelURL: "https://example.com/no",
	}
	_, err = x.Start(ctx, order)
	require.NoError(t, err)
	order.Plan = "starter"
	began, err := x.Start(ctx, order)
	require.NoError(t, err)
	require.True(t, s.fake.PayCheckout(began.URL[strings.LastIndexByte(began.URL, '/')+1:], true))
	require.NoError(t, x.Sync(ctx, "acme"))
	_, err = x.PortalURL(ctx, "acme", "https://example.com/")
	require.NoError(t, err)
	for _, m := range []entitlements.Move{
		{Tenant: "acme", Plan: "pro", Seats: 2, Proration: entitlements.ProrateNow},
		{Tenant: "acme", Plan: "starter"},
		{Tenant: "acme", Plan: "pro", AddOns: map[string]int64{}},
	} {
		require.NoError(t, x.Move(ctx, m))
	}
	s.report(x, store)
	require.NoError(t, x.Cancel(ctx, entitlements.Cancellation{Tenant: "acme", Reason: "too dear"}))
	require.NoError(t, x.Cancel(ctx, entitlements.Cancellation{Tenant: "acme", When: entitlements.Now}))
	s.fake.SetCard(customer, true)
	_, err = x.Start(ctx, entitlements.Order{Tenant: "acme", Plan: "pro", Trial: 7 * day, ForceTrial: true})
	require.NoError(t, err)
	_, err = x.Reconcile(ctx, false)
	require.NoError(t, err)
	s.fake.SetCard(customer, false)
	s.fake.Advance(8 * day)
	require.NoError(t, x.Sync(ctx, "acme"), "with a payment that is due")
}

// report tells Stripe of usage, and takes some of it back.
func (s *shop) report(x till, store keeper) {
	start := s.fake.Now().Add(-2 * hour)
	for _, quantity := range []int64{70, 30} {
		require.NoError(s.t, x.ReportUsage(s.t.Context(), entitlements.UsageReport{Tenant: "acme", Meter: calls, Start: start, Quantity: quantity}))
		s.round(store)
	}
}
