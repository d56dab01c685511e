package entitlements_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/transbotai/tenon/entitlements"
)

// Explain lays side by side what a Decision comes from.
func ExampleGate_Explain() {
	ctx, gate := context.Background(), acme()
	if _, err := gate.Grant(ctx, "acme", entitlements.Grant{Feature: "rates", Amount: 25}); err != nil {
		log.Fatal(err)
	}
	if _, err := gate.Consume(ctx, entitlements.Use{Tenant: "acme", Feature: "rates", Quantity: 110}); err != nil {
		log.Fatal(err)
	}
	x, err := gate.Explain(ctx, "acme", "rates")
	if err != nil {
		log.Fatal(err)
	}
	text, _, _ := strings.Cut(x.String(), ", in the month from")
	fmt.Println(text)
	// Output:
	// acme, rates: Included in your plan. You have reached its soft limit. (over_soft)
	//   plan       starter version 1, active
	//              grants hard 100, soft 50 by month
	//   grant      25, 10 used, 0 held, priority 0
	//   effective  hard 100, soft 50 by month, from plan
	//   used       110, 0 held, 10 of both from grants
}

func ExampleGate_History() {
	ctx, gate := context.Background(), acme()
	if _, err := gate.ChangePlan(ctx, entitlements.PlanChange{Tenant: "acme", Plan: "pro"}); err != nil {
		log.Fatal(err)
	}
	spells, err := gate.History(ctx, "acme")
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range spells {
		fmt.Println(s.Plan, s.Version, s.Status)
	}
	// Output:
	// starter 1 active
	// pro 1 active
}

func ExampleGate_Reconcile() {
	ctx, gate := context.Background(), acme()
	if _, err := gate.Consume(ctx, entitlements.Use{Tenant: "acme", Feature: "rates", Quantity: 5}); err != nil {
		log.Fatal(err)
	}
	drifts, err := gate.Reconcile(ctx, "")
	fmt.Println(len(drifts), err)
	// Output: 0 <nil>
}
