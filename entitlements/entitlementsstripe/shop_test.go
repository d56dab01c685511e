package entitlementsstripe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementsstripe"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

const (
	hour = time.Hour
	day  = 24 * hour

	calls = "calls" // metered by month: 100 in starter, 1000 in pro
)

// soak says whether the long versions of the loops were asked for.
func soak() bool { return os.Getenv("TENON_SOAK") != "" }

// keeper is a store that a Gate and a Biller share.
type keeper interface {
	entitlements.Store
	entitlements.Reporter
	entitlementsstripe.Store
}

// clocked is a store whose clock is a Biller's, so that rights and Stripe agree on the time.
type clocked struct {
	keeper
	fake *entitlementstest.Biller
}

// Clock implements [tenon.Clock].
func (c clocked) Clock(context.Context) (time.Time, error) { return c.fake.Now(), nil }

func testCatalog() entitlements.Catalog {
	limit := func(n int64) map[string]entitlements.Allowance {
		return map[string]entitlements.Allowance{calls: {Limits: []entitlements.Limit{{Hard: n, Period: entitlements.Monthly}}}}
	}
	return entitlements.Catalog{
		Features: []entitlements.Feature{{Key: calls, Kind: entitlements.Metered}},
		Plans: []entitlements.Plan{
			{ID: "free", Features: limit(3)},
			{ID: "starter", Tier: 1, Features: limit(100)},
			{ID: "pro", Tier: 2, Features: limit(1000)},
		},
		AddOns: []entitlements.AddOn{{ID: "pack", Features: limit(10)}},
	}
}

// shop is a fake Stripe with a catalogue, and what a service needs to sell by it.
type shop struct {
	t      *testing.T
	fake   *entitlementstest.Biller
	api    peer
	prices []entitlementsstripe.Price
	opts   entitlementsstripe.Options
	made   int // owners
}

func newShop(t *testing.T, opts *entitlementstest.BillerOptions) *shop {
	t.Helper()
	fake := entitlementstest.NewBiller(opts)
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	s := &shop{t: t, fake: fake, api: peer{t, server.URL, entitlementstest.TestKey}}
	price := func(amount int) string {
		form := "currency=eur&recurring[interval]=month&product_data[name]=Plan&unit_amount="
		return s.api.call("POST", "/v1/prices", form+fmt.Sprint(amount))["id"].(string)
	}
	s.prices = []entitlementsstripe.Price{
		{ID: price(9900), Plan: "starter"}, {ID: price(29900), Plan: "pro"}, {ID: price(500), AddOn: "pack"},
	}
	s.api.call("POST", "/v1/billing/meters", "display_name=Calls&event_name=calls&default_aggregation[formula]=sum")
	s.opts = entitlementsstripe.Options{
		Address: server.URL, Timeout: time.Minute, Rate: rate.Inf, LeaseTTL: time.Minute, LeaseWait: time.Minute,
		Attempts: 1000, Every: 10 * time.Millisecond, Meters: []entitlementsstripe.Meter{{Name: calls, Event: "calls"}},
	}
	return s
}

// account is the account that the fake takes calls for.
func account() entitlementsstripe.Account {
	return entitlementsstripe.Account{
		Key:            tenon.NewSecret(entitlementstest.TestKey),
		WebhookSecrets: []tenon.Secret{tenon.NewSecret(entitlementstest.TestSecret)},
	}
}

// till is a Gate and a Biller over a store.
type till struct {
	*entitlementsstripe.Biller
	gate *entitlements.Gate
}

// open returns a Gate and a Biller over the store, whose clock is the fake's as it is now.
func (s *shop) open(store keeper) till {
	s.t.Helper()
	seen := clocked{store, s.fake}
	gate := entitlements.NewGate(seen, &entitlements.Options{Timeout: time.Minute})
	b, err := entitlementsstripe.New(gate, seen, account(), s.prices, &s.opts)
	require.NoError(s.t, err)
	return till{b, gate}
}

// memory returns a memory store with the catalogue.
func (s *shop) memory() *entitlements.MemoryStore {
	s.t.Helper()
	store := entitlements.NewMemoryStore(nil)
	_, err := store.Declare(s.t.Context(), testCatalog(), s.fake.Now())
	require.NoError(s.t, err)
	return store
}

// customer makes a customer of the tenant at Stripe, with a card that pays.
func (s *shop) customer(tenant string) string {
	s.t.Helper()
	c := s.api.call("POST", "/v1/customers", "payment_method=pm_card_visa&metadata[tenant_id]="+url.QueryEscape(tenant))
	return c["id"].(string)
}

// subscribe makes a subscription of the customer at Stripe, as in its dashboard.
func (s *shop) subscribe(customer, form string) string {
	s.t.Helper()
	return s.api.call("POST", "/v1/subscriptions", "customer="+customer+"&items[0][price]="+s.prices[0].ID+"&"+form)["id"].(string)
}

// event is a webhook of the fake's, as it was sent.
type event struct {
	ID, Type string
	Customer string
	body     []byte
}

// events returns the events about customers since the first skip, of some types or of all.
func (s *shop) events(skip int, types ...string) []event {
	s.t.Helper()
	var found []event
	for _, e := range s.fake.Events()[skip:] {
		if len(types) > 0 && !slices.Contains(types, e.Type) {
			continue
		}
		body := s.fake.Payload(e.ID, entitlementstest.StripeVersion)
		var sent struct {
			Data struct{ Object struct{ Customer string } }
		}
		if json.Unmarshal(body, &sent) == nil && sent.Data.Object.Customer != "" {
			found = append(found, event{e.ID, e.Type, sent.Data.Object.Customer, body})
		}
	}
	return found
}

// deliver posts a webhook, signed now, and returns what it was answered.
func deliver(t *testing.T, h http.Handler, body []byte) int {
	t.Helper()
	return post(t, h, body, entitlementstest.Sign(body, entitlementstest.TestSecret, time.Now()))
}

func post(t *testing.T, h http.Handler, body []byte, signature string) int {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/stripe/webhook", bytes.NewReader(body))
	r.Header.Set("Stripe-Signature", signature)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

// entitlement returns the tenant's subscription as it is stored.
func (x till) entitlement(t *testing.T, tenant string) entitlements.Entitlement {
	t.Helper()
	e, err := x.gate.Entitlement(t.Context(), tenant)
	require.NoError(t, err)
	return e
}

// may says whether the tenant may use one more.
func (x till) may(t *testing.T, tenant string) entitlements.Decision {
	t.Helper()
	d, err := x.gate.Consume(t.Context(), entitlements.Use{Tenant: tenant, Feature: calls})
	require.NoError(t, err)
	return d
}

// agrees fails unless what is stored is what Stripe holds of a subscription.
func (s *shop) agrees(x till, tenant, subscription string) {
	s.t.Helper()
	held, e := s.fake.Subscription(subscription), x.entitlement(s.t, tenant)
	require.Equal(s.t, held["status"], string(e.Status), tenant)
	require.Equal(s.t, subscription, e.Subscription, tenant)
	require.Equal(s.t, held["customer"], e.Customer, tenant)
	require.Equal(s.t, held["current_period_start"], e.CurrentPeriodStart.Unix(), tenant)
	require.Equal(s.t, held["current_period_end"], e.CurrentPeriodEnd.Unix(), tenant)
}

// flaky is a store that fails once, at its n-th call: before the call takes effect, or after.
type flaky struct {
	keeper
	left  atomic.Int64
	after bool
	fired atomic.Bool
}

func newFlaky(store keeper, n int, after bool) *flaky {
	f := &flaky{keeper: store, after: after}
	f.left.Store(int64(n))
	return f
}

var errCrash = fmt.Errorf("crashed: %w", io.ErrUnexpectedEOF)

// crash does a call, or what is left of it.
func crash[T any](f *flaky, do func() (T, error)) (T, error) {
	var none T
	if f.left.Add(-1) != 0 {
		return do()
	}
	f.fired.Store(true)
	if f.after {
		if _, err := do(); err != nil {
			return none, err
		}
	}
	return none, errCrash
}

func (f *flaky) LeaseCustomer(ctx context.Context, r entitlements.LeaseRequest) (entitlements.Lease, error) {
	return crash(f, func() (entitlements.Lease, error) { return f.keeper.LeaseCustomer(ctx, r) })
}

func (f *flaky) Conclude(ctx context.Context, c entitlements.Conclusion) (*entitlements.Rights, error) {
	return crash(f, func() (*entitlements.Rights, error) { return f.keeper.Conclude(ctx, c) })
}

func (f *flaky) LinkCustomer(ctx context.Context, c entitlements.BillingCustomer) (entitlements.BillingCustomer, error) {
	return crash(f, func() (entitlements.BillingCustomer, error) { return f.keeper.LinkCustomer(ctx, c) })
}

func (f *flaky) Versions(ctx context.Context) (*entitlements.Versions, error) {
	return crash(f, func() (*entitlements.Versions, error) { return f.keeper.Versions(ctx) })
}
