package entitlements

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/webhook"
	"golang.org/x/time/rate"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/entitlements/entitlementsstripe"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
	"github.com/transbotai/tenon/migrations"
)

const (
	webhookTenants = 1000
	webhookCallers = 64
)

func compareWebhook(ctx context.Context, l *lab.Lab, s *report.Section) error {
	h, err := newHook(ctx, l)
	if err != nil {
		return err
	}
	defer h.pool.Close()
	l.Say("entitlements: webhooks, %d rounds", l.Rounds)
	var runs [3]hookRun
	series, err := measure.Interleave(ctx, l.Rounds,
		h.contender(l, &runs[0], h.bare()), h.contender(l, &runs[1], h.tenon(false)), h.contender(l, &runs[2], h.tenon(true)))
	if err != nil {
		return err
	}
	s.Tables = append(s.Tables, webhookTable(runs))
	for i, name := range []string{"bare", "same", "changed"} {
		s.Samples = append(s.Samples, report.Sample{Name: "webhook/" + name, Unit: report.PerSecond, Series: series[i]})
	}
	return nil
}

// hook is tenants with a subscription each, and webhooks about them.
type hook struct {
	pool      *pgxpool.Pool
	customers []string
	events    [][]byte // a customer's, in pieces around its id
	stripe    *atOnce
	biller    *entitlementsstripe.Biller
	serial    atomic.Int64
}

// hookRun is what came of a handler, round by round.
type hookRun struct{ rate, p50, p99 measure.Series }

func newHook(ctx context.Context, l *lab.Lab) (*hook, error) {
	url, err := l.Postgres(ctx, "webhook", migrations.Entitlements)
	if err != nil {
		return nil, err
	}
	pool, err := openPool(ctx, url)
	if err != nil {
		return nil, err
	}
	h := &hook{pool: pool, stripe: &atOnce{answers: map[string]*held{}}}
	if err := h.fill(ctx, l.Size(webhookTenants)); err != nil {
		pool.Close()
		return nil, err
	}
	return h, nil
}

// fill subscribes the tenants at a fake, keeps what it answers, and lets a webhook of each arrive.
func (h *hook) fill(ctx context.Context, tenants int) error {
	if _, err := h.pool.Exec(ctx, "create table public.seen (id text primary key)"); err != nil {
		return err
	}
	fake := entitlementstest.NewBiller(nil)
	price := ask(fake, "POST", "/v1/prices", "currency=eur&unit_amount=9900&recurring[interval]=month&product_data[name]=Plan")
	priceID := between(price, `"id":"`, `"`)
	for i := range tenants {
		customer := between(ask(fake, "POST", "/v1/customers", "payment_method=pm_card_visa"), `"id":"`, `"`)
		seen := len(fake.Events())
		ask(fake, "POST", "/v1/subscriptions", fmt.Sprintf("customer=%s&items[0][price]=%s&metadata[tenant_id]=tenant-%d", customer, priceID, i))
		event := fake.Events()[seen]
		h.customers = append(h.customers, customer)
		h.events = append(h.events, bytes.Replace(fake.Payload(event.ID, entitlementstest.StripeVersion), []byte(event.ID), []byte("%"), 1))
		query := url.Values{"customer": {customer}, "status": {"all"}, "expand[]": {"data.latest_invoice", "data.schedule"}}
		h.stripe.keep(customer, ask(fake, "GET", "/v1/subscriptions?"+query.Encode(), ""))
	}
	return h.open(ctx, priceID)
}

// open makes the Biller and lets every tenant's subscription become known.
func (h *hook) open(ctx context.Context, priceID string) error {
	store := entitlementspg.New(h.pool, nil)
	gate := entitlements.NewGate(store, patient)
	if _, err := gate.ApplyCatalog(ctx, entitlements.Catalog{
		Features: []entitlements.Feature{{Key: "feature-0", Kind: entitlements.Boolean}},
		Plans: []entitlements.Plan{{ID: plan, Features: map[string]entitlements.Allowance{
			"feature-0": {Limits: []entitlements.Limit{{Hard: 1}}},
		}}},
	}); err != nil {
		return err
	}
	account := entitlementsstripe.Account{
		Key: tenon.NewSecret(entitlementstest.TestKey), WebhookSecrets: []tenon.Secret{tenon.NewSecret(entitlementstest.TestSecret)},
	}
	prices := []entitlementsstripe.Price{{ID: priceID, Plan: plan}}
	var err error
	h.biller, err = entitlementsstripe.New(gate, store, account, prices, &entitlementsstripe.Options{
		Rate: rate.Inf, Backend: stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
			HTTPClient: &http.Client{Transport: h.stripe}, MaxNetworkRetries: stripe.Int64(0), EnableTelemetry: stripe.Bool(false),
			LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
		}),
	})
	if err != nil {
		return err
	}
	first := h.tenon(false)
	for i := range h.customers {
		if err := first(ctx, i, 0); err != nil {
			return err
		}
	}
	return nil
}

// atOnce is a Stripe that answers without a network and without thinking: what the fake once said of each customer.
type atOnce struct {
	answers map[string]*held // by customer
	moving  atomic.Bool      // each answer has another end of the period
}

// held is an answer around the end of the period.
type held struct {
	before, after []byte
	end           atomic.Int64
}

const periodEnd = `"current_period_end":`

func (a *atOnce) keep(customer, answer string) {
	before, rest, _ := strings.Cut(answer, periodEnd)
	digits := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	h := &held{before: []byte(before + periodEnd), after: []byte(rest[digits:])}
	h.end.Store(firstEnd)
	a.answers[customer] = h
}

// RoundTrip implements [http.RoundTripper].
func (a *atOnce) RoundTrip(r *http.Request) (*http.Response, error) {
	h, ok := a.answers[r.URL.Query().Get("customer")]
	if !ok {
		return nil, fmt.Errorf("nobody asked %s before", r.URL.Path)
	}
	if a.moving.Load() {
		h.end.Add(1)
	}
	body := strconv.AppendInt(bytes.Clone(h.before), h.end.Load(), 10)
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(append(body, h.after...))), Request: r,
	}, nil
}

// firstEnd is the end of everybody's period, in seconds since 1970.
var firstEnd = time.Now().AddDate(0, 1, 0).Unix()

// deliver posts a webhook of a customer under an id of its own to a handler, and wants a 200.
func (h *hook) deliver(ctx context.Context, to http.Handler, customer int) error {
	id := "evt_" + strconv.FormatInt(h.serial.Add(1), 10)
	body := bytes.Replace(h.events[customer], []byte("%"), []byte(id), 1)
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", bytes.NewReader(body))
	r.Header.Set("Stripe-Signature", entitlementstest.Sign(body, entitlementstest.TestSecret, time.Now()))
	w := httptest.NewRecorder()
	if to.ServeHTTP(w, r); w.Code != http.StatusOK {
		return fmt.Errorf("a webhook was answered %d", w.Code)
	}
	return nil
}

// tenon is tenon's handler; what Stripe holds is as it was, or has changed with every webhook.
func (h *hook) tenon(changes bool) measure.Call {
	handler := h.biller.Handler()
	return func(ctx context.Context, caller, n int) error {
		h.stripe.moving.Store(changes)
		return h.deliver(ctx, handler, (caller+n*webhookCallers)%len(h.customers))
	}
}

const seenSQL = `
insert into public.seen (id)
values ($1)
on conflict do nothing`

// bare is a handler that checks the signature and writes the id down.
func (h *hook) bare() measure.Call {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 256<<10))
		if err != nil {
			http.Error(w, "body", http.StatusBadRequest)
			return
		}
		e, err := webhook.ConstructEvent(body, r.Header.Get("Stripe-Signature"), entitlementstest.TestSecret)
		if err != nil {
			http.Error(w, "signature", http.StatusBadRequest)
			return
		}
		if _, err := h.pool.Exec(r.Context(), seenSQL, e.ID); err != nil {
			http.Error(w, "store", http.StatusServiceUnavailable)
		}
	})
	return func(ctx context.Context, caller, n int) error {
		return h.deliver(ctx, handler, (caller+n*webhookCallers)%len(h.customers))
	}
}

const keptSQL = `
select (select count(*) from public.seen) + (select count(*) from tenon.billing_events where state = 'done')`

// contender runs a handler for a round. Every webhook that was answered 200 must be written down.
func (h *hook) contender(l *lab.Lab, run *hookRun, call measure.Call) measure.Contender {
	return func(ctx context.Context) (float64, error) {
		if _, err := h.pool.Exec(ctx, "checkpoint"); err != nil {
			return 0, err
		}
		load, err := measure.Run(ctx, webhookCallers, l.Length, call)
		if err != nil {
			return 0, err
		}
		var kept int64
		if err := h.pool.QueryRow(ctx, keptSQL).Scan(&kept); err != nil {
			return 0, err
		}
		if kept != h.serial.Load() {
			return 0, fmt.Errorf("%d webhooks were answered and %d written down", h.serial.Load(), kept)
		}
		run.rate = append(run.rate, load.Rate())
		run.p50, run.p99 = append(run.p50, load.Quantile(0.5)), append(run.p99, load.Quantile(0.99))
		return load.Rate(), nil
	}
}

func webhookTable(runs [3]hookRun) report.Table {
	t := report.Table{
		Title: "Webhooks of Stripe",
		Text: fmt.Sprintf("%d callers, %d connections. The bare handler checks the signature with stripe-go and inserts the event's id. "+
			"tenon's asks for the customer's subscription, which is answered at once, under a lease, and writes event and rights.",
			webhookCallers, connections),
		Columns: []string{"tenon", "bare", "p50", "p99", "bare p99"},
	}
	for i, name := range []string{"rights stay as they are", "rights change with each"} {
		run := runs[i+1]
		row := report.Row{
			Case:   name + ": tenon over the bare handler",
			Figure: report.Over(run.rate, runs[0].rate),
			Target: report.Target{Bound: report.AtLeast, Value: 0.5},
			Cells: []string{
				report.Spread(run.rate, report.PerSecond), report.Spread(runs[0].rate, report.PerSecond), report.Spread(run.p50, report.Milliseconds),
				report.Spread(run.p99, report.Milliseconds), report.Spread(runs[0].p99, report.Milliseconds),
			},
		}
		if i > 0 {
			row.Target = report.Target{} // each writes the rights, their history and their record as well
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// ask makes a call at the fake.
func ask(fake *entitlementstest.Biller, method, path, form string) string {
	r := httptest.NewRequest(method, path, strings.NewReader(form))
	r.Header.Set("Authorization", "Bearer "+entitlementstest.TestKey)
	w := httptest.NewRecorder()
	fake.ServeHTTP(w, r)
	return w.Body.String()
}

func between(text, from, to string) string {
	_, rest, _ := strings.Cut(text, from)
	found, _, _ := strings.Cut(rest, to)
	return found
}
