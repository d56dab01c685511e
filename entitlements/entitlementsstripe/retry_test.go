package entitlementsstripe_test

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementsstripe"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

func TestRunTriesEventsAgainAndOneThatFailsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	s.opts.Retries = -1
	store := s.memory()
	all := map[string]owner{}
	for _, name := range []string{"bad", "good", "bad again"} {
		o, body := s.newcomer()
		all[name] = o
		if name != "good" {
			s.reprice(o, s.prices[1].ID)
		}
		s.fake.Fail(entitlementstest.Fault{Method: http.MethodGet, Path: "/v1/subscriptions", Status: http.StatusInternalServerError})
		require.Equal(t, http.StatusServiceUnavailable, deliver(t, s.open(store).Handler(), body))
	}
	events := func(state entitlements.EventState) []entitlements.BillingEvent {
		found, err := store.BillingEvents(t.Context(), entitlements.EventQuery{State: state})
		require.NoError(t, err)
		return found
	}
	require.Len(t, events(entitlements.EventFailed), 3)
	s.prices = s.prices[:1] // the others' price stands for nothing
	s.fake.Advance(time.Minute)
	x := s.open(store)
	works(t, x)
	s.agrees(x, all["good"].tenant, all["good"].subscription)
	require.Len(t, events(entitlements.EventDone), 1)
	failed := events(entitlements.EventFailed)
	require.Len(t, failed, 2)
	for _, e := range failed {
		require.Equal(t, 2, e.Attempts)
		require.True(t, e.NextAt.After(s.fake.Now()), "later and later")
	}
}

// reprice gives a subscription another price at Stripe.
func (s *shop) reprice(o owner, price string) {
	s.t.Helper()
	item := s.api.call("GET", "/v1/subscription_items", "subscription="+o.subscription)["data"].([]any)[0].(map[string]any)["id"].(string)
	s.api.call("POST", "/v1/subscriptions/"+o.subscription, "items[0][id]="+item+"&items[0][price]="+price)
}

func TestStripeSaysItselfWhetherACallMayDoBetter(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		says   string
		calls  int64
	}{
		"a_refusal_is_final":      {http.StatusBadRequest, "", 1},
		"a_refusal_that_may_pass": {http.StatusBadRequest, "true", 3},
		"a_failure_may_pass":      {http.StatusInternalServerError, "", 3},
		"a_failure_that_will_not": {http.StatusInternalServerError, "false", 1},
		"a_conflict_may_pass":     {http.StatusConflict, "maybe", 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, began())
			var asked atomic.Int64
			s.opts.Address = newServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				w.Header().Set("Stripe-Should-Retry", c.says)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, `{"error":{"type":"api_error","message":"no"}}`)
			}))
			_, err := s.open(s.memory()).Customer(t.Context(), entitlements.Customer{Tenant: "acme"})
			var answer *entitlementsstripe.Error
			require.ErrorAs(t, err, &answer)
			require.Equal(t, c.status, answer.Status)
			require.Equal(t, c.calls, asked.Load())
		})
	}
}

func TestAConnectedAccountsCallsAreMadeForIt(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	var mu sync.Mutex
	asked := map[string]int{} // calls by account
	s.opts.Address = newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.Header.Get("Stripe-Account")]++
		mu.Unlock()
		s.fake.ServeHTTP(w, r)
	}))
	store, connected := s.memory(), account()
	connected.ID = "acct_1"
	b, err := entitlementsstripe.New(s.open(store).gate, store, connected, s.prices, &s.opts)
	require.NoError(t, err)
	_, err = b.Customer(t.Context(), entitlements.Customer{Tenant: "acme"})
	require.NoError(t, err)
	require.NoError(t, b.Sync(t.Context(), "acme"))
	require.Equal(t, map[string]int{"acct_1": 2}, asked, "what makes something, and what lists")
	for body, status := range map[string]int{
		`{"id":"evt_1","type":"x","livemode":false,"account":"acct_1"}`: http.StatusOK,
		`{"id":"evt_2","type":"x","livemode":false,"account":"acct_2"}`: http.StatusBadRequest,
		`{"id":"evt_3","type":"x","livemode":false}`:                    http.StatusBadRequest,
	} {
		require.Equal(t, status, deliver(t, b.Handler(), []byte(body)), body)
	}
}

func TestACancellationWhoseAnswerIsLostIsDone(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	x := s.open(s.memory())
	buyer(t, s, x, "acme")
	id := starts(t, x, entitlements.Order{Tenant: "acme", Plan: "starter"})
	s.fake.Fail(entitlementstest.Fault{Method: http.MethodDelete, Path: "/v1/subscriptions", Cut: entitlementstest.CutAfter})
	require.NoError(t, x.Cancel(t.Context(), entitlements.Cancellation{Tenant: "acme", When: entitlements.Now}))
	require.Equal(t, "canceled", s.fake.Subscription(id)["status"])
	require.Equal(t, entitlements.Canceled, x.entitlement(t, "acme").Status)
}
