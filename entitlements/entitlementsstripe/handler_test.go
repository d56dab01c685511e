package entitlementsstripe_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementsstripe"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

// subscribed is a shop with a tenant whose subscription no webhook has told of yet.
type subscribed struct {
	*shop
	till
	store          keeper
	tenant, custom string
	id             string
	body           []byte // of the event that tells
	event          string
}

func newSubscribed(t *testing.T) *subscribed {
	t.Helper()
	s := &subscribed{shop: newShop(t, began()), tenant: "acme"}
	store := s.memory()
	s.store, s.till = store, s.open(store)
	s.custom = s.customer(s.tenant)
	s.id = s.shop.subscribe(s.custom, "")
	told := s.shop.events(0, "customer.subscription.created")
	require.Len(t, told, 1)
	s.body, s.event = told[0].body, told[0].ID
	return s
}

func TestAnAccountThatCannotBeRightIsRefused(t *testing.T) {
	t.Parallel()
	gate, store := entitlements.NewGate(entitlements.NewMemoryStore(nil), nil), entitlements.NewMemoryStore(nil)
	secret := tenon.NewSecret
	secrets := []tenon.Secret{secret("whsec_1")}
	for name, a := range map[string]entitlementsstripe.Account{
		"no key":                {WebhookSecrets: secrets},
		"an empty key":          {Key: secret(""), WebhookSecrets: secrets},
		"a live key for tests":  {Key: secret("sk_live_1"), WebhookSecrets: secrets},
		"a test key for live":   {Key: secret("rk_test_1"), WebhookSecrets: secrets, Live: true},
		"no secret":             {Key: secret("sk_test_1")},
		"an empty secret":       {Key: secret("sk_test_1"), WebhookSecrets: []tenon.Secret{secrets[0], secret("")}},
		"a zero secret":         {Key: secret("sk_test_1"), WebhookSecrets: []tenon.Secret{{}}},
		"a secret of one blank": {Key: secret("sk_test_1"), WebhookSecrets: []tenon.Secret{secret(" ")}},
	} {
		_, err := entitlementsstripe.New(gate, store, a, nil, nil)
		require.ErrorIs(t, err, tenon.ErrInvalid, name)
	}
	good := entitlementsstripe.Account{Key: secret("sk_test_1"), WebhookSecrets: secrets}
	for name, ps := range map[string][]entitlementsstripe.Price{
		"no id": {{Plan: "pro"}}, "nothing": {{ID: "p"}}, "both": {{ID: "p", Plan: "pro", AddOn: "pack"}},
		"twice": {{ID: "p", Plan: "pro"}, {ID: "p", Plan: "free"}}, "seats of nothing": {{ID: "p", AddOn: "pack", Seats: "seat"}},
	} {
		_, err := entitlementsstripe.New(gate, store, good, ps, nil)
		require.ErrorIs(t, err, tenon.ErrInvalid, name)
	}
	for name, ms := range map[string][]entitlementsstripe.Meter{
		"no name": {{Event: "e"}}, "no event": {{Name: "m"}}, "twice": {{Name: "m", Event: "e"}, {Name: "m", Event: "f"}},
	} {
		_, err := entitlementsstripe.New(gate, store, good, nil, &entitlementsstripe.Options{Meters: ms})
		require.ErrorIs(t, err, tenon.ErrInvalid, name)
	}
}

func TestADuplicateIsAnsweredAndDoesNothing(t *testing.T) {
	t.Parallel()
	s := newSubscribed(t)
	require.Equal(t, http.StatusOK, deliver(t, s.Handler(), s.body))
	before, calls := s.Stats(), s.fake.Calls()
	require.Equal(t, http.StatusOK, deliver(t, s.Handler(), s.body))
	require.Equal(t, calls, s.fake.Calls())
	require.Equal(t, before.Events, s.Stats().Events)
	require.EqualValues(t, 1, s.Stats().Duplicates)
}

func TestACustomerOfNobodyIsKeptUntilItIsLinked(t *testing.T) {
	t.Parallel()
	s := newSubscribed(t)
	stranger := s.api.call("POST", "/v1/customers", "payment_method=pm_card_visa")["id"].(string)
	skip := len(s.fake.Events())
	s.shop.subscribe(stranger, "")
	for _, e := range s.shop.events(skip) {
		require.Equal(t, http.StatusOK, deliver(t, s.Handler(), e.body))
		stored, err := s.store.BillingEvents(t.Context(), entitlements.EventQuery{ID: e.ID})
		require.NoError(t, err)
		require.Equal(t, entitlements.EventKept, stored[0].State)
	}
	_, err := s.store.LinkCustomer(t.Context(), entitlements.BillingCustomer{Tenant: "globex", Customer: stranger, LinkedAt: s.fake.Now()})
	require.NoError(t, err)
	require.NoError(t, s.Sync(t.Context(), "globex"))
	require.Equal(t, entitlements.Active, s.entitlement(t, "globex").Status)
}

func TestAFailedEventIsCountedThenDeadThenReplayed(t *testing.T) {
	t.Parallel()
	s := newSubscribed(t)
	told := &entitlementstest.Notifier{}
	s.opts.Attempts, s.opts.Retries = 3, -1
	store := entitlements.NewMemoryStore(&entitlements.MemoryOptions{Notifier: told})
	_, err := store.Declare(t.Context(), testCatalog(), s.fake.Now())
	require.NoError(t, err)
	x := s.open(store)
	s.fake.Fail(entitlementstest.Fault{Method: "GET", Path: "/v1/subscriptions", Times: 4, Status: http.StatusInternalServerError})
	states := []entitlements.EventState{entitlements.EventFailed, entitlements.EventFailed, entitlements.EventDead, entitlements.EventDead}
	for i, want := range states {
		require.Equal(t, http.StatusServiceUnavailable, deliver(t, x.Handler(), s.body))
		stored, err := store.BillingEvents(t.Context(), entitlements.EventQuery{ID: s.event})
		require.NoError(t, err)
		require.Equal(t, want, stored[0].State)
		require.Equal(t, i+1, stored[0].Attempts)
		require.NotEmpty(t, stored[0].Error)
	}
	require.Len(t, told.Told(), 1, "a person is told once")
	require.Equal(t, "entitlements.billing_event_dead", told.Told()[0].Kind)
	_, err = x.gate.Entitlement(t.Context(), s.tenant)
	require.ErrorIs(t, err, entitlements.ErrUnknownTenant)

	require.NoError(t, x.Replay(t.Context(), s.event))
	s.agrees(x, s.tenant, s.id)
	require.ErrorIs(t, x.Replay(t.Context(), "evt_never"), entitlements.ErrUnknownEvent)
	require.ErrorIs(t, x.Replay(t.Context(), ""), entitlements.ErrUnknownEvent)
}

func TestWhatStripeSaysIsStoredAsText(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	_, pool := s.database()
	o, body := s.newcomer()
	answer := "\x00\xff" + strings.Repeat("é", 400)
	s.opts.Address = served(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, answer)
	}).Address
	s.opts.Retries = -1
	require.Equal(t, http.StatusServiceUnavailable, deliver(t, s.open(s.store(pool)).Handler(), body))
	stored, err := s.store(pool).BillingEvents(t.Context(), entitlements.EventQuery{State: entitlements.EventFailed})
	require.NoError(t, err)
	require.Len(t, stored, 1, o.tenant)
	require.NotEmpty(t, stored[0].Error)
}

func TestASubscriptionToNoPlanFailsAndKeepsTheRights(t *testing.T) {
	t.Parallel()
	s := newSubscribed(t)
	require.Equal(t, http.StatusOK, deliver(t, s.Handler(), s.body))
	b, err := entitlementsstripe.New(s.gate, s.store, account(), s.prices[1:], &s.opts)
	require.NoError(t, err)
	require.ErrorIs(t, b.Sync(t.Context(), s.tenant), entitlementsstripe.ErrUnknownPrice)
	require.Equal(t, "starter", s.entitlement(t, s.tenant).Plan)
}

func FuzzHandler(f *testing.F) {
	gate := entitlements.NewGate(entitlements.NewMemoryStore(nil), nil)
	store := entitlements.NewMemoryStore(nil)
	nobody := &entitlementsstripe.Options{Address: "http://127.0.0.1:1", Retries: -1} // no event may be asked of Stripe
	b, err := entitlementsstripe.New(gate, store, account(), nil, nobody)
	require.NoError(f, err)
	h := b.Handler()
	f.Add([]byte(`{"id":"evt_1","type":"x","livemode":false,"data":{"object":{"customer":{"id":1}}}}`), "t=1,v1=00", true)
	f.Add([]byte(`{"id":"evt_1","type":"x","livemode":false,"data":{"object":{"object":"customer","id":"cus"}}}`), "", true)
	f.Add([]byte(`{`), "t=1,t=2", false)
	f.Fuzz(func(t *testing.T, body []byte, signature string, signed bool) {
		if signed {
			signature = entitlementstest.Sign(body, entitlementstest.TestSecret, time.Now())
		}
		status := post(t, h, body, signature)
		if !signed {
			require.Equal(t, http.StatusBadRequest, status)
		}
		require.Contains(t, []int{http.StatusOK, http.StatusBadRequest, http.StatusServiceUnavailable}, status)
	})
}
