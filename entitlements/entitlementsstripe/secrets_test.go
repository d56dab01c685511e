package entitlementsstripe_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/form"
	"golang.org/x/time/rate"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementsstripe"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

const (
	theKey    = "sk_test_Very9Secret9Key"
	theSecret = "whsec_Very9Secret9Hook"
	tell      = "Very9Secret9"
)

func secretAccount() entitlementsstripe.Account {
	return entitlementsstripe.Account{
		Key: tenon.NewSecret(theKey), WebhookSecrets: []tenon.Secret{tenon.NewSecret(theSecret)},
	}
}

// shown is v in every way in which Go shows a value.
func shown(v any) string {
	var text strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&text, verb+"\n", v)
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&text, nil)} {
		slog.New(h).Info("shown", "v", v, "in", []any{v})
	}
	if b, err := json.Marshal(v); err == nil {
		text.Write(b)
	}
	var err error
	if e, ok := v.(error); ok {
		err = e
	}
	for ; err != nil; err = errors.Unwrap(err) {
		fmt.Fprintf(&text, "%v %+v %#v\n", err, err, err)
	}
	return text.String()
}

// holder has a secret where package fmt asks no methods.
type holder struct {
	secret  tenon.Secret
	pointer *tenon.Secret
	account entitlementsstripe.Account
	list    []tenon.Secret
	Options map[string]tenon.Secret
}

func TestASecretIsNeverShown(t *testing.T) {
	t.Parallel()
	secret := tenon.NewSecret(theKey)
	h := holder{secret, &secret, secretAccount(), []tenon.Secret{secret}, map[string]tenon.Secret{"a": secret}}
	b, err := entitlementsstripe.New(entitlements.NewGate(entitlements.NewMemoryStore(nil), nil), entitlements.NewMemoryStore(nil), h.account, nil, nil)
	require.NoError(t, err)
	for _, v := range []any{secret, &secret, h, &h, h.account, &h.account, b, []any{h}, map[string]any{"a": h}} {
		text := shown(v)
		require.NotContains(t, text, tell)
		require.NotContains(t, text, fmt.Sprintf("%x", tell))
	}
	require.Equal(t, "[hidden]", secret.String())
	require.Equal(t, "[hidden]", fmt.Sprintf("%#v", secret))
	panicked := func() (said any) {
		defer func() { said = recover() }()
		panic(h)
	}()
	require.NotContains(t, shown(panicked), tell)
}

// loud is a server that answers with the secrets that it is sent, as a proxy's error page might.
func loud(status int, kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Request-Id", r.Header.Get("Authorization"))
		w.Header().Set("Stripe-Should-Retry", "false")
		said := r.Header.Get("Authorization") + " " + theSecret
		if kind == "" {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<h1>"+said+"</h1>")
			return
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{
			"type": kind, "code": said, "param": said, "message": "Invalid API Key provided: " + said, "doc_url": said,
		}})
	}
}

func TestNoSecretIsInAnErrorOrALog(t *testing.T) {
	t.Parallel()
	backends := map[string]func(t *testing.T) entitlementsstripe.Options{
		"nobody there": func(*testing.T) entitlementsstripe.Options {
			return entitlementsstripe.Options{Address: "http://" + theKey + ":" + theSecret + "@127.0.0.1:1/" + theKey}
		},
		"an odd address": func(*testing.T) entitlementsstripe.Options {
			return entitlementsstripe.Options{Address: "http://127.0.0.1:1/%zz" + theKey}
		},
		"redirects": func(t *testing.T) entitlementsstripe.Options {
			return served(t, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://127.0.0.1:1/"+r.Header.Get("Authorization"), http.StatusFound)
			})
		},
		"cut": func(t *testing.T) entitlementsstripe.Options {
			return served(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		},
		"a backend of the host's": func(*testing.T) entitlementsstripe.Options {
			return entitlementsstripe.Options{Backend: chatty{}}
		},
	}
	for _, status := range []int{http.StatusOK, http.StatusBadRequest, http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusNotFound, http.StatusInternalServerError} {
		for _, kind := range []string{"", "invalid_request_error", "card_error", "api_error", "idempotency_error", "none"} {
			backends[fmt.Sprint(status, kind)] = func(t *testing.T) entitlementsstripe.Options { return served(t, loud(status, kind)) }
		}
	}
	for name, options := range backends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			opts := options(t)
			opts.Retries, opts.Timeout, opts.Rate, opts.Every = -1, 5*time.Second, rate.Inf, time.Hour
			opts.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			opts.Meters = []entitlementsstripe.Meter{{Name: calls, Event: "calls"}}
			for _, text := range everythingFails(t, &opts) {
				require.NotContains(t, text, tell)
			}
			require.NotContains(t, log.String(), tell)
		})
	}
}

func served(t *testing.T, h http.HandlerFunc) entitlementsstripe.Options {
	server := httptest.NewServer(h)
	server.Config.ErrorLog = nil
	t.Cleanup(server.Close)
	return entitlementsstripe.Options{Address: server.URL}
}

// everythingFails does all that a Biller does, and returns what it says and stores.
func everythingFails(t *testing.T, opts *entitlementsstripe.Options) []string {
	t.Helper()
	ctx := t.Context()
	told := &entitlementstest.Notifier{}
	store := entitlements.NewMemoryStore(&entitlements.MemoryOptions{Notifier: told})
	_, err := store.Declare(ctx, testCatalog(), time.Now())
	require.NoError(t, err)
	gate := entitlements.NewGate(store, nil)
	_, err = gate.Subscribe(ctx, entitlements.Subscription{Tenant: "acme", Plan: "pro", Subscription: "sub_1"})
	require.NoError(t, err)
	_, err = store.LinkCustomer(ctx, entitlements.BillingCustomer{Tenant: "acme", Customer: "cus_1", LinkedAt: time.Now()})
	require.NoError(t, err)
	opts.Attempts = 1
	b, err := entitlementsstripe.New(gate, store, secretAccount(), []entitlementsstripe.Price{{ID: "price_1", Plan: "pro"}}, opts)
	require.NoError(t, err)

	_, custom := b.Customer(ctx, entitlements.Customer{Tenant: "globex"})
	_, start := b.Start(ctx, entitlements.Order{Tenant: "acme", Plan: "pro"})
	_, portal := b.PortalURL(ctx, "acme", "https://127.0.0.1/")
	_, reconcile := b.Reconcile(ctx, false)
	errs := []error{
		custom, start, portal, reconcile, b.Move(ctx, entitlements.Move{Tenant: "acme", Plan: "pro"}),
		b.Cancel(ctx, entitlements.Cancellation{Tenant: "acme"}), b.Sync(ctx, "acme"),
		b.ReportUsage(ctx, entitlements.UsageReport{Tenant: "acme", Meter: calls, Start: time.Now(), Quantity: 1}),
	}
	body := []byte(`{"id":"evt_1","type":"invoice.paid","livemode":false,"data":{"object":{"id":"in_1","object":"invoice","customer":"cus_1"}}}`)
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", bytes.NewReader(body))
	r.Header.Set("Stripe-Signature", entitlementstest.Sign(body, theSecret, time.Now()))
	w := httptest.NewRecorder()
	b.Handler().ServeHTTP(w, r)
	require.Contains(t, []int{http.StatusServiceUnavailable, http.StatusOK}, w.Code)
	works(t, till{b, gate})
	errs = append(errs, b.Replay(ctx, "evt_1"))

	events, err := store.BillingEvents(ctx, entitlements.EventQuery{})
	require.NoError(t, err)
	lines, err := store.UsageLines(ctx, entitlements.UsageLineQuery{})
	require.NoError(t, err)
	texts := []string{shown(events), shown(lines), shown(told.Told()), shown(b.Stats()), w.Body.String(), fmt.Sprint(w.Header())}
	for _, err := range errs {
		texts = append(texts, shown(err))
	}
	return texts
}

// chatty is a backend that fails with all that it knows.
type chatty struct{ stripe.Backend }

func (chatty) Call(method, path, key string, _ stripe.ParamsContainer, _ stripe.LastResponseSetter) error {
	return fmt.Errorf("%s %s with %s: %w", method, path, key, &stripe.Error{Msg: key, HTTPStatusCode: 500})
}

func (chatty) CallRaw(method, path, key string, _ *form.Values, _ *stripe.Params, _ stripe.LastResponseSetter) error {
	return fmt.Errorf("%s %s with %s", method, path, key)
}
