package entitlementshttp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementshttp"
)

// exampleGate has one tenant, acme, on the plan starter.
func exampleGate() *entitlements.Gate {
	gate := entitlements.NewGate(entitlements.NewMemoryStore(nil), nil)
	_, err := gate.ApplyCatalog(context.Background(), catalog)
	if err != nil {
		panic(err)
	}
	_, err = gate.Subscribe(context.Background(), entitlements.Subscription{Tenant: "acme", Plan: "starter"})
	if err != nil {
		panic(err)
	}
	return gate
}

// signedIn stands for the host's authentication.
func signedIn(*http.Request) (string, error) { return "acme", nil }

func ExampleRequire() {
	gate := exampleGate()
	bulk := entitlementshttp.Require(gate, "bulk_rating", signedIn, nil)
	h := bulk(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fmt.Println("rating in bulk") }))

	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/api/bulk", nil))
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	fmt.Println(w.Body)
	// Output:
	// 403 application/problem+json
	// {"type":"urn:tenon:problem:not-in-plan","title":"Forbidden","status":403,"detail":"Not in your plan. The plan pro includes it.","feature":"bulk_rating","reason":"not_in_plan","plan":"starter","upgrade":"pro"}
}

func ExampleMeter() {
	gate := exampleGate()
	quota := entitlementshttp.Meter(gate, "rates", entitlementshttp.Units(1), signedIn, nil)
	fail := true
	h := quota(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if fail {
			http.Error(w, "the carrier does not answer", http.StatusBadGateway) // counts nothing
			return
		}
		w.WriteHeader(http.StatusCreated)
	}))

	for range 4 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/api/quotes", nil))
		fmt.Println(w.Code, w.Header().Get("Retry-After") != "")
		fail = false
	}
	// Output:
	// 502 false
	// 201 false
	// 201 false
	// 429 true
}

func ExampleReservation() {
	gate := exampleGate()
	quota := entitlementshttp.Meter(gate, "rates", entitlementshttp.Units(2), signedIn, nil)
	h := quota(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if held, ok := entitlementshttp.Reservation(r.Context()); ok {
			if err := held.SetActual(1); err != nil { // one of the two lanes was known already
				entitlementshttp.WriteError(w, r, err)
				return
			}
		}
		w.WriteHeader(http.StatusOK)
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/api/quotes", nil))

	d, err := gate.Check(context.Background(), "acme", "rates")
	fmt.Println(d.Used, d.Held, d.Remaining, err)
	// Output: 1 0 1 <nil>
}

func ExampleHandler() {
	gate := exampleGate()
	answers := http.StripPrefix("/api", entitlementshttp.Handler(gate, signedIn, nil))
	mux := http.NewServeMux()
	mux.Handle("/api/entitlements", answers)
	mux.Handle("/api/entitlements/", answers)
	mux.Handle("/api/limits/", answers)

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/api/limits/directory", nil))
	fmt.Println(w.Code, w.Header().Get("Cache-Control"))
	fmt.Println(w.Body)
	// Output:
	// 200 private, no-cache
	// {"feature":"directory","plan":"starter","allowed":true,"reason":"allowed","hard":1,"soft":0,"used":0,"held":0,"remaining":1,"unlimited":false,"text":"Included in your plan."}
}

func ExampleProblem() {
	gate := exampleGate()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d, err := gate.Consume(r.Context(), entitlements.Use{Tenant: "acme", Feature: "directory", Quantity: 2})
		switch {
		case err != nil:
			entitlementshttp.WriteError(w, r, err)
		case !d.Allowed:
			entitlementshttp.Problem(w, r, d)
		}
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/api/partners", nil))
	fmt.Println(w.Body)
	// Output: {"type":"urn:tenon:problem:limit-reached","title":"Payment Required","status":402,"detail":"The limit of your plan is reached. The plan pro includes more.","feature":"directory","reason":"limit_reached","plan":"starter","upgrade":"pro","hard":1,"soft":0,"used":0,"held":0,"remaining":1,"unlimited":false}
}

func ExampleWriteError() {
	w := httptest.NewRecorder()
	entitlementshttp.WriteError(w, httptest.NewRequest("GET", "/", nil), errors.New("dial 10.0.0.7: refused"))
	fmt.Println(w.Body)
	// Output: {"type":"urn:tenon:problem:internal","title":"Internal Server Error","status":500,"detail":"Something went wrong on our side."}
}
