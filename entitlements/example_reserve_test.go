package entitlements_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/transbotai/tenon/entitlements"
)

// A hold sets aside what an agent's task may need at most; the commit counts what it did need.
func ExampleGate_Reserve() {
	ctx, gate := context.Background(), acme()
	r, err := gate.Reserve(ctx, entitlements.Use{Tenant: "acme", Feature: "rates", Quantity: 40}, time.Hour)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Decision.Allowed, r.Decision.Used, r.Decision.Held, r.Decision.Remaining)
	s, err := gate.Commit(ctx, r.Hold, 25)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Decision.Used, s.Decision.Held, s.Decision.Remaining, s.Ungated)
	// Output:
	// true 0 40 60
	// 25 0 75 0
}

// What exceeds a hold must fit, or is reported: the work is done.
func ExampleGate_Commit() {
	ctx, gate := context.Background(), acme()
	r, err := gate.Reserve(ctx, entitlements.Use{Tenant: "acme", Feature: "rates", Quantity: 90}, time.Hour)
	if err != nil {
		log.Fatal(err)
	}
	s, err := gate.Commit(ctx, r.Hold, 120)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Decision.Used, s.Ungated)
	// Output: 120 20
}

func ExampleGate_Release() {
	ctx, gate := context.Background(), acme()
	r, err := gate.Reserve(ctx, entitlements.Use{Tenant: "acme", Feature: "rates", Quantity: 90}, time.Hour)
	if err != nil {
		log.Fatal(err)
	}
	if err := gate.Release(ctx, r.Hold); err != nil {
		log.Fatal(err)
	}
	d, err := gate.Check(ctx, "acme", "rates")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Used, d.Held, d.Remaining)
	// Output: 0 0 100
}
