package entitlements_test

import (
	"context"
	"fmt"
	"log"

	"github.com/transbotai/tenon/entitlements"
)

func ExampleNewGate() {
	ctx := context.Background()
	gate := entitlements.NewGate(entitlements.NewMemoryStore(nil), nil)
	_, err := gate.ApplyCatalog(ctx, entitlements.Catalog{
		Features: []entitlements.Feature{{Key: "rates", Kind: entitlements.Metered}},
		Plans: []entitlements.Plan{{ID: "starter", Tier: 1, Features: map[string]entitlements.Allowance{
			"rates": {Limits: []entitlements.Limit{{Hard: 2, Period: entitlements.Monthly}}},
		}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := gate.Subscribe(ctx, entitlements.Subscription{Tenant: "acme", Plan: "starter"}); err != nil {
		log.Fatal(err)
	}
	for range 3 {
		d, err := gate.Consume(ctx, entitlements.Use{Tenant: "acme", Feature: "rates", Quantity: 1})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(d.Allowed, d.Reason, d.Remaining)
	}
	// Output:
	// true allowed 1
	// true allowed 0
	// false limit_reached 0
}

func ExampleGate_Check() {
	ctx, gate := context.Background(), acme()
	for _, feature := range []string{"rates", "white_label", "retention"} {
		d, err := gate.Check(ctx, "acme", feature)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %t %s %q\n", feature, d.Allowed, d.Text(), d.Value)
	}
	// Output:
	// rates: true Included in your plan. ""
	// white_label: false Not in your plan. The plan pro includes it. ""
	// retention: true Included in your plan. "30"
}

func ExampleGate_CheckAll() {
	ctx, gate := context.Background(), acme()
	all, err := gate.CheckAll(ctx, "acme")
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range all {
		fmt.Println(d.Feature, d.Reason, d.Remaining)
	}
	// Output:
	// directory allowed 50
	// events allowed 100
	// exports allowed 10
	// rates allowed 100
	// retention allowed -1
	// white_label not_in_plan 0
}

func ExampleGate_Preload() {
	gate := acme()
	if err := gate.Preload(context.Background(), "acme"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(gate.Stats().Tenants, "tenant in memory")
	// Output: 1 tenant in memory
}

func ExampleGate_Forget() {
	gate := acme()
	gate.Forget("acme") // after the commit of a transaction in which WithStore's Gate used something
	d, err := gate.Check(context.Background(), "acme", "rates")
	fmt.Println(d.Allowed, err)
	// Output: true <nil>
}
