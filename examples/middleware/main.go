// Command middleware serves one route behind the questions that every route of a B2B service asks, in this order: who is
// it, are there too many requests, is it switched on, does the plan include it. Each refusal says which of them refused.
//
//	go run ./examples/middleware &
//	curl -i -H 'Authorization: Bearer acme' localhost:8080/quotes
package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementshttp"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagshttp"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimithttp"
)

var rates = flags.Bool("rates", true)

var catalog = entitlements.Catalog{
	Features: []entitlements.Feature{{Key: "rates", Kind: entitlements.Metered}},
	Plans: []entitlements.Plan{{ID: "starter", Features: map[string]entitlements.Allowance{
		"rates": {Limits: []entitlements.Limit{{Hard: 3, Period: entitlements.Monthly}}},
	}}},
}

func main() {
	handler, err := newHandler(context.Background())
	if err == nil {
		err = (&http.Server{Addr: "localhost:8080", Handler: handler, ReadHeaderTimeout: 5 * time.Second}).ListenAndServe()
	}
	panic(err) // it ends no other way
}

func newHandler(ctx context.Context) (http.Handler, error) {
	gate := entitlements.NewGate(entitlements.NewMemoryStore(nil), nil) // entitlementspg.New(pool, nil) in a service
	if _, err := gate.ApplyCatalog(ctx, catalog); err != nil {
		return nil, err
	}
	if _, err := gate.Subscribe(ctx, entitlements.Subscription{Tenant: "acme", Plan: "starter"}); err != nil {
		return nil, err
	}
	set := flags.NewSet(flags.NewMemoryStore(nil), nil) // flagspg.New(pool, nil)
	limiter, err := ratelimit.NewLimiter(nil, ratelimit.PerMinute(5))
	if err != nil {
		return nil, err
	}
	var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "450.00 EUR") })
	h = entitlementshttp.Meter(gate, "rates", nil, tenant, nil)(h)
	h = flagshttp.Require(set, rates, who, nil)(h)
	h = ratelimithttp.Middleware(limiter, key, nil)(h)
	return authenticate(h), nil
}

// authenticate believes the name in the header; a service looks an API key up.
func authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || name == "" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(tenon.WithCaller(r.Context(), tenon.Caller{Tenant: name, Actor: name})))
	})
}

// The three questions about the caller, whom authenticate has put into the context.
func tenant(r *http.Request) (string, error) { return flags.From(r.Context()).Tenant, nil }
func who(r *http.Request) (flags.Who, error) { return flags.From(r.Context()), nil }
func key(r *http.Request) (ratelimit.Key, error) {
	return ratelimit.Key{Tenant: flags.From(r.Context()).Tenant}, nil
}
