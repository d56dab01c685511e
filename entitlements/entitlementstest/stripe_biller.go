package entitlementstest

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Biller is a fake Stripe that keeps state: customers, catalogue, checkouts, subscriptions, invoices, schedules, meters and
// events, served over HTTP in the shapes of [StripeVersion], or of [StripeNewer] when a call asks for it. Nothing happens in
// it by itself: its clock stands until [Biller.Advance], which renews, ends trials and collects as it passes, and events
// wait until [Biller.Deliver]. It is an [http.Handler]; its methods may be called concurrently.
//
//	stripe := entitlementstest.NewBiller(nil)
//	api := httptest.NewServer(stripe)
//	stripe.SetWebhook(entitlementstest.Webhook{URL: service.URL + "/api/stripe/webhook"})
//	…
//	stripe.Advance(31 * 24 * time.Hour)
//	stripe.Deliver(ctx)
//
// What Stripe does in the background of a call (drafts that wait an hour, retries of payments by a model of the card) is
// done by the clock. It knows no taxes, discounts, connected accounts or currencies that have rules of their own.
type Biller struct {
	opts  BillerOptions
	token string // in every id, so that those of two Billers differ
	mux   *http.ServeMux

	mu      sync.Mutex
	now     time.Time
	since   time.Time // when now was so, where the clock ticks
	serial  int
	things  map[string]thing
	kinds   map[string][]thing // in the order in which they were made
	cards   map[string]card    // by customer
	answers map[string]answered
	faults  []Fault
	calls   map[string]int
	webhook Webhook
	queue   []*delivery
	wake    chan struct{}
}

// BillerOptions are the settings of a Biller. Nil and zero fields mean the defaults.
type BillerOptions struct {
	Key     string    // the secret key that calls must bear; default [TestKey]
	Account string    // the account's id; default "acct_tenon"
	Live    bool      // live mode, not test mode
	Start   time.Time // when the clock begins; default the time of the call
	Ticking bool      // the clock also runs by itself
	Base    string    // where the pages of checkout and portal are; default the host that was asked

	// Retries are the waits before an invoice is tried again; default 3, 5 and 7 days. An empty slice means none.
	Retries []time.Duration
	// AfterRetries is what a subscription becomes when all retries failed: "canceled", "unpaid" or "past_due"; default
	// "canceled".
	AfterRetries string
}

// TestKey is the secret key that a Biller accepts by default.
const TestKey = "sk_test_tenon"

// NewBiller returns a Biller with nothing in it.
func NewBiller(opts *BillerOptions) *Biller {
	b := &Biller{
		token: randomToken(), things: map[string]thing{}, kinds: map[string][]thing{}, cards: map[string]card{},
		answers: map[string]answered{}, calls: map[string]int{}, wake: make(chan struct{}, 1),
	}
	if opts != nil {
		b.opts = *opts
	}
	b.opts.fill()
	b.now, b.since = b.opts.Start.UTC().Truncate(time.Second), time.Now()
	b.mux = b.newMux()
	return b
}

func (o *BillerOptions) fill() {
	if o.Key == "" {
		o.Key = TestKey
	}
	if o.Account == "" {
		o.Account = "acct_tenon"
	}
	if o.Start.IsZero() {
		o.Start = time.Now()
	}
	if o.Retries == nil {
		o.Retries = []time.Duration{3 * day, 5 * day, 7 * day}
	}
	if o.AfterRetries == "" {
		o.AfterRetries = statusCanceled
	}
}

const day = 24 * time.Hour

func randomToken() string {
	var raw [5]byte
	rand.Read(raw[:])
	return hex.EncodeToString(raw[:])
}

// thing is an object of Stripe's that has an id.
type thing interface {
	ref() string
	render(v version) object
}

// object is what becomes a JSON object.
type object = map[string]any

// version is the shape of an answer.
type version string

// The API versions that a Biller knows. From StripeNewer on, a subscription's period stands on its items, and an invoice
// names its subscription under parent.
const (
	StripeVersion = "2023-10-16"
	StripeNewer   = "2025-03-31.basil"
)

func (v version) newer() bool { return v >= "2025-03-31" }

// newID returns an id that no other object has.
func (b *Biller) newID(prefix string) string {
	b.serial++
	return fmt.Sprintf("%s_%s%06d", prefix, b.token, b.serial)
}

// add keeps a new object.
func (b *Biller) add(kind string, t thing) {
	b.things[t.ref()] = t
	b.kinds[kind] = append(b.kinds[kind], t)
}

// lookup returns the object under an id; one that is missing or of another kind refuses the call.
func lookup[T thing](b *Biller, what, param, id string) T {
	t, ok := b.things[id].(T)
	if !ok {
		refuse(missing(what, param, id))
	}
	return t
}

// each returns all objects of a kind, oldest first.
func each[T thing](b *Biller, kind string) []T {
	found := make([]T, 0, len(b.kinds[kind]))
	for _, t := range b.kinds[kind] {
		found = append(found, t.(T))
	}
	return found
}

// enter locks b and brings it up to its clock.
func (b *Biller) enter() (leave func()) {
	b.mu.Lock()
	if b.opts.Ticking {
		if elapsed := time.Since(b.since).Truncate(time.Second); elapsed > 0 {
			b.since = b.since.Add(elapsed)
			b.runTo(b.now.Add(elapsed))
		}
	}
	return b.mu.Unlock
}

// Calls returns how many calls came for each endpoint, such as "POST /v1/billing/meter_events", refused ones included.
func (b *Biller) Calls() map[string]int {
	defer b.enter()()
	counted := make(map[string]int, len(b.calls))
	for endpoint, n := range b.calls {
		counted[endpoint] = n
	}
	return counted
}
