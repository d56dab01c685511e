package entitlements_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/transbotai/tenon/entitlements"
)

// A key makes a retry safe: it is answered as the first call was, and counts nothing.
func ExampleGate_Consume() {
	ctx, gate := context.Background(), acme()
	use := entitlements.Use{Tenant: "acme", Feature: "rates", Quantity: 60, Key: "quote-17"}
	for range 2 {
		d, err := gate.Consume(ctx, use)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(d.Allowed, d.Reason, d.Used, d.Replayed)
	}
	use.Quantity = 61
	_, err := gate.Consume(ctx, use)
	fmt.Println(errors.Is(err, entitlements.ErrKeyReused))
	use.Key = "quote-18"
	d, err := gate.Consume(ctx, use)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Allowed, d.Text())
	// Output:
	// true over_soft 60 false
	// true over_soft 60 true
	// true
	// false The limit of your plan is reached. The plan pro includes more.
}

// A gauge counts what is there now: Consume adds, Return takes away.
func ExampleGate_Return() {
	ctx, gate := context.Background(), acme()
	partners := entitlements.Use{Tenant: "acme", Feature: "directory", Quantity: 3}
	if _, err := gate.Consume(ctx, partners); err != nil {
		log.Fatal(err)
	}
	partners.Quantity = 1
	d, err := gate.Return(ctx, partners)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Used, d.Remaining)
	// Output: 2 48
}

// What counts in several ways is one call of the store, and each use has its answer.
func ExampleGate_ConsumeEach() {
	ctx, gate := context.Background(), acme()
	decisions, err := gate.ConsumeEach(ctx,
		entitlements.Use{Tenant: "acme", Feature: "rates", Quantity: 60},
		entitlements.Use{Tenant: "acme", Feature: "exports", Quantity: 11},
	)
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range decisions {
		fmt.Println(d.Feature, d.Allowed, d.Reason, d.Used)
	}
	// Output:
	// rates true over_soft 60
	// exports false limit_reached 0
}
