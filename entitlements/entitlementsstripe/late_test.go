package entitlementsstripe_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

// overtaken is a store whose caller is held up before it first writes what it has read of Stripe.
type overtaken struct {
	keeper
	held      atomic.Bool
	meanwhile func()
}

func (o *overtaken) Conclude(ctx context.Context, c entitlements.Conclusion) (*entitlements.Rights, error) {
	if !o.held.Swap(true) {
		o.meanwhile()
	}
	return o.keeper.Conclude(ctx, c)
}

func TestWhatWasReadUnderALeaseThatIsLostIsNotWritten(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	_, pool := s.database()
	store := s.store(pool)
	o, body := s.newcomer()
	slow := s.open(&overtaken{keeper: store, meanwhile: func() {
		_, err := pool.Exec(t.Context(), "update tenon.billing_leases set held_until = '-infinity'") // its time is over
		require.NoError(t, err)
		s.api.call("DELETE", "/v1/subscriptions/"+o.subscription, "")
		all := s.events(0)
		require.Equal(t, http.StatusOK, deliver(t, s.open(store).Handler(), all[len(all)-1].body))
	}})
	require.Equal(t, http.StatusServiceUnavailable, deliver(t, slow.Handler(), body), "it had read that the subscription lives")
	x := s.open(store)
	require.Equal(t, entitlements.Canceled, x.entitlement(t, o.tenant).Status)
	require.False(t, x.may(t, o.tenant).Allowed)
	require.Equal(t, http.StatusOK, deliver(t, x.Handler(), body), "and comes again")
	require.Equal(t, entitlements.Canceled, x.entitlement(t, o.tenant).Status)
}

func TestAnEventWhoseSenderHangsUpWhileAnotherIsAtWorkIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	store := s.memory()
	o := s.owners(1)[0]
	first, second := s.events(0)[0], s.events(0)[1]
	var x till
	x = s.open(&overtaken{keeper: store, meanwhile: func() {
		gone, hangUp := context.WithCancel(t.Context())
		hangUp()
		r := httptest.NewRequestWithContext(gone, http.MethodPost, "/", bytes.NewReader(second.body))
		r.Header.Set("Stripe-Signature", entitlementstest.Sign(second.body, entitlementstest.TestSecret, time.Now()))
		w := httptest.NewRecorder()
		x.Handler().ServeHTTP(w, r)
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
	}})
	require.Equal(t, http.StatusOK, deliver(t, x.Handler(), first.body))
	state := func() entitlements.EventState {
		stored, err := store.BillingEvents(t.Context(), entitlements.EventQuery{ID: second.ID})
		require.NoError(t, err)
		require.Len(t, stored, 1)
		return stored[0].State
	}
	require.Equal(t, entitlements.EventFailed, state())
	s.fake.Advance(time.Minute)
	x = s.open(store)
	works(t, x)
	require.Equal(t, entitlements.EventDone, state())
	s.agrees(x, o.tenant, o.subscription)
}

func TestWhatIsNoneOfOursIsKeptAndAsksStripeNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	store := s.memory()
	x := s.open(store)
	before := s.fake.Calls()
	for id, body := range map[string]string{
		"evt_new":    `{"id":"evt_new","type":"quantum.entangled","livemode":false,"data":{"object":{"customer":"cus_1"}}}`,
		"evt_number": `{"id":"evt_number","type":"invoice.paid","livemode":false,"data":{"object":{"customer":5}}}`,
		"evt_none":   `{"id":"evt_none","type":"customer.subscription.updated","livemode":false,"data":{"object":{"customer":null}}}`,
		"evt_bare":   `{"id":"evt_bare","type":"customer.subscription.updated","livemode":false}`,
	} {
		require.Equal(t, http.StatusOK, deliver(t, x.Handler(), []byte(body)), id)
		stored, err := store.BillingEvents(t.Context(), entitlements.EventQuery{ID: id})
		require.NoError(t, err)
		require.Equal(t, entitlements.EventKept, stored[0].State, id)
	}
	require.NoError(t, x.Replay(t.Context(), "evt_none"), "there is nothing to be done again")
	require.Equal(t, before, s.fake.Calls())
	for _, body := range []string{
		`{"id":"evt\u0000","type":"invoice.paid","livemode":false,"data":{"object":{"customer":"cus_1"}}}`,
		`{"id":"evt_a","type":"invoice.paid","livemode":false,"data":{"object":{"customer":"cus_\u0000"}}}`,
		`{"id":7,"type":"invoice.paid","livemode":false}`,
	} {
		require.Equal(t, http.StatusBadRequest, deliver(t, x.Handler(), []byte(body)), body)
	}
}

func TestAnIDCannotLeaveItsPlaceInAnAddress(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	var asked []string
	server := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.EscapedPath())
		if r.URL.Path == "/v1/subscriptions" {
			_, _ = w.Write([]byte(`{"object":"list","data":[],"has_more":false}`))
			return
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"error":{"type":"invalid_request_error","message":"No such customer"}}`))
	}))
	s.opts.Address, s.opts.Retries = server, -1
	x := s.open(s.memory())
	body := `{"id":"evt_a","type":"invoice.paid","livemode":false,"data":{"object":{"customer":"../events?x=#"}}}`
	require.Equal(t, http.StatusServiceUnavailable, deliver(t, x.Handler(), []byte(body)))
	require.Equal(t, []string{"/v1/subscriptions", "/v1/customers/..%2Fevents%3Fx=%23"}, asked)
}

func TestAnOrderWaitsForAWebhookOfItsCustomer(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	s.opts.LeaseWait = time.Millisecond
	store := s.memory()
	x := s.open(store)
	customer := buyer(t, s, x, "acme")
	r := entitlements.LeaseRequest{Customer: customer, Holder: "0190a0c0-0000-7000-8000-000000000000", TTL: time.Hour}
	held, err := store.LeaseCustomer(t.Context(), r)
	require.NoError(t, err)
	require.True(t, held.Held)
	_, err = x.Start(t.Context(), entitlements.Order{Tenant: "acme", Plan: "pro"})
	require.Error(t, err)
	require.Empty(t, s.fake.Subscriptions(customer))
	_, err = store.Conclude(t.Context(), entitlements.Conclusion{Customer: customer, Holder: held.Holder})
	require.NoError(t, err)
	starts(t, x, entitlements.Order{Tenant: "acme", Plan: "pro"})
}

// newServer serves on loopback until the test ends, and returns where.
func newServer(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}
