package entitlementsstripe_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementsstripe"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

// market is a fake Stripe, a Gate with the plans starter and pro, and a Biller that sells them.
type market struct {
	*entitlementsstripe.Biller
	gate   *entitlements.Gate
	stripe *entitlementstest.Biller
	close  func()
}

// openMarket starts a market. A service would take a pool, the real Stripe and its own catalogue.
func openMarket() market {
	ctx := context.Background()
	stripe := entitlementstest.NewBiller(nil)
	api := httptest.NewServer(stripe)
	store := entitlements.NewMemoryStore(nil)
	gate := entitlements.NewGate(store, nil)
	if _, err := gate.ApplyCatalog(ctx, testCatalog()); err != nil {
		log.Fatal(err)
	}
	var prices []entitlementsstripe.Price
	for _, plan := range []string{"starter", "pro"} {
		id := newAtStripe(api.URL, "/v1/prices", "currency=eur&unit_amount=9900&recurring[interval]=month&product_data[name]=Plan")
		prices = append(prices, entitlementsstripe.Price{ID: id, Plan: plan})
	}
	newAtStripe(api.URL, "/v1/billing/meters", "display_name=Calls&event_name=calls&default_aggregation[formula]=sum")
	biller, err := entitlementsstripe.New(gate, store, entitlementsstripe.Account{
		Key:            tenon.NewSecret(entitlementstest.TestKey),
		WebhookSecrets: []tenon.Secret{tenon.NewSecret(entitlementstest.TestSecret)},
	}, prices, &entitlementsstripe.Options{
		Address: api.URL, Rate: rate.Inf, Every: time.Hour, Meters: []entitlementsstripe.Meter{{Name: "calls", Event: "calls"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	hook := httptest.NewServer(biller.Handler())
	stripe.SetWebhook(entitlementstest.Webhook{URL: hook.URL})
	return market{biller, gate, stripe, func() { hook.Close(); api.Close() }}
}

// plan prints what the tenant is on.
func (m market) plan(tenant string) {
	e, err := m.gate.Entitlement(context.Background(), tenant)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(e.Plan, e.Status)
}

// pro puts acme, which has a card, on the plan pro.
func (m market) pro(ctx context.Context) {
	id, err := m.Customer(ctx, entitlements.Customer{Tenant: "acme", Email: "billing@acme.example"})
	if err != nil {
		log.Fatal(err)
	}
	m.stripe.SetCard(id, true)
	if _, err := m.Start(ctx, entitlements.Order{Tenant: "acme", Plan: "pro"}); err != nil {
		log.Fatal(err)
	}
}

// A tenant subscribes at once, with the card that it has.
func ExampleNew() {
	ctx, m := context.Background(), openMarket()
	defer m.close()
	m.pro(ctx)
	m.plan("acme")
	// Output: pro active
}

func ExampleBiller_Customer() {
	ctx, m := context.Background(), openMarket()
	defer m.close()
	acme := entitlements.Customer{Tenant: "acme", Email: "billing@acme.example"}
	first, err := m.Customer(ctx, acme)
	if err != nil {
		log.Fatal(err)
	}
	second, err := m.Customer(ctx, acme)
	fmt.Println(first == second, err)
	// Output: true <nil>
}

// Where the order says where Stripe's page leads back to, the customer pays there.
func ExampleBiller_Start() {
	ctx, m := context.Background(), openMarket()
	defer m.close()
	started, err := m.Start(ctx, entitlements.Order{
		Tenant: "acme", Plan: "pro", Trial: 14 * 24 * time.Hour,
		SuccessURL: "https://freight.example/welcome", CancelURL: "https://freight.example/plans",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(started.URL != "", started.Subscription == "")
	m.plan("acme")
	// Output:
	// true true
	// entitlements: tenant not found
}

// The webhook, and not the answer to a call, says what a tenant has.
func ExampleBiller_Handler() {
	ctx, m := context.Background(), openMarket()
	defer m.close()
	m.pro(ctx)
	m.stripe.SetCard(customerOf(ctx, m), false)
	m.stripe.Advance(31*24*time.Hour + 2*time.Hour) // the renewal fails
	if _, err := m.stripe.Deliver(ctx); err != nil {
		log.Fatal(err)
	}
	m.plan("acme")
	// Output: pro past_due
}

func customerOf(ctx context.Context, m market) string {
	id, err := m.Customer(ctx, entitlements.Customer{Tenant: "acme"})
	if err != nil {
		log.Fatal(err)
	}
	return id
}

// A downgrade acts when the period ends.
func ExampleBiller_Move() {
	ctx, m := context.Background(), openMarket()
	defer m.close()
	m.pro(ctx)
	if err := m.Move(ctx, entitlements.Move{Tenant: "acme", Plan: "starter"}); err != nil {
		log.Fatal(err)
	}
	e, err := m.gate.Entitlement(ctx, "acme")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(e.Plan, "then", e.Next.Plan)
	// Output: pro then starter
}

func ExampleBiller_Cancel() {
	ctx, m := context.Background(), openMarket()
	defer m.close()
	m.pro(ctx)
	if err := m.Cancel(ctx, entitlements.Cancellation{Tenant: "acme", Reason: "moving to another town"}); err != nil {
		log.Fatal(err)
	}
	d, err := m.gate.Check(ctx, "acme", "calls")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Allowed, "until the period ends")
	err = m.Cancel(ctx, entitlements.Cancellation{Tenant: "nobody"})
	fmt.Println(err)
	// Output:
	// true until the period ends
	// entitlements: customer not found
}

func ExampleBiller_PortalURL() {
	ctx, m := context.Background(), openMarket()
	defer m.close()
	m.pro(ctx)
	url, err := m.PortalURL(ctx, "acme", "https://freight.example/company")
	fmt.Println(url != "", err)
	// Output: true <nil>
}

// A report says the total of a window. Run tells Stripe.
func ExampleBiller_ReportUsage() {
	ctx, m := context.Background(), openMarket()
	defer m.close()
	m.pro(ctx)
	hour := time.Now().Truncate(time.Hour)
	for _, total := range []int64{120, 120, 150} {
		err := m.ReportUsage(ctx, entitlements.UsageReport{Tenant: "acme", Meter: "calls", Start: hour, Quantity: total})
		if err != nil {
			log.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(ctx)
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	for range time.Tick(time.Millisecond) {
		if m.Stats().Sent == 2 {
			break
		}
	}
	stop()
	fmt.Println(<-done, m.Stats().Sent, "lines")
	// Output: <nil> 2 lines
}

// A subscription that was changed in Stripe's dashboard while no webhook came through.
func ExampleBiller_Reconcile() {
	ctx, m := context.Background(), openMarket()
	defer m.close()
	m.pro(ctx)
	m.stripe.SetWebhook(entitlementstest.Webhook{}) // nobody listens
	m.stripe.Advance(31*24*time.Hour + 2*time.Hour)
	for _, dry := range []bool{true, false, true} {
		repairs, err := m.Reconcile(ctx, dry)
		fmt.Println(len(repairs) > 0, err)
	}
	// Output:
	// true <nil>
	// true <nil>
	// false <nil>
}

func ExampleBiller_Replay() {
	ctx, m := context.Background(), openMarket()
	defer m.close()
	err := m.Replay(ctx, "evt_unknown")
	fmt.Println(errors.Is(err, entitlements.ErrUnknownEvent))
	// Output: true
}

// newAtStripe makes something at Stripe, as its dashboard does, and returns its id.
func newAtStripe(api, path, form string) string {
	r, err := http.NewRequest(http.MethodPost, api+path, strings.NewReader(form))
	if err != nil {
		log.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+entitlementstest.TestKey)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Fatal(err)
	}
	defer w.Body.Close()
	var made struct{ ID string }
	if err := json.NewDecoder(w.Body).Decode(&made); err != nil {
		log.Fatal(err)
	}
	return made.ID
}
