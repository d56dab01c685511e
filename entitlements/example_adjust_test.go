package entitlements_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/transbotai/tenon/entitlements"
)

// remaining prints what is left of rates.
func remaining(gate *entitlements.Gate) {
	d, err := gate.Check(context.Background(), "acme", "rates")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Remaining, "from", d.Source)
}

func ExampleGate_Override() {
	ctx, gate := context.Background(), acme()
	hard := int64(250)
	err := gate.Override(ctx, "acme", entitlements.Override{
		Feature: "rates", Period: entitlements.Monthly, Hard: &hard, Reason: "agreed for the pilot",
		ExpiresAt: time.Now().AddDate(0, 3, 0),
	})
	if err != nil {
		log.Fatal(err)
	}
	remaining(gate)
	if err := gate.RemoveOverride(ctx, "acme", "rates", entitlements.Monthly); err != nil {
		log.Fatal(err)
	}
	remaining(gate)
	// Output:
	// 250 from override
	// 100 from plan
}

func ExampleGate_Attach() {
	ctx, gate := context.Background(), acme()
	if err := gate.Attach(ctx, "acme", "lanes", 3); err != nil {
		log.Fatal(err)
	}
	remaining(gate)
	if err := gate.Detach(ctx, "acme", "lanes"); err != nil {
		log.Fatal(err)
	}
	remaining(gate)
	// Output:
	// 250 from addon
	// 100 from plan
}

func ExampleGate_Grant() {
	ctx, gate := context.Background(), acme()
	grant, err := gate.Grant(ctx, "acme", entitlements.Grant{Feature: "rates", Amount: 25, Reason: "sorry for the outage"})
	if err != nil {
		log.Fatal(err)
	}
	d, err := gate.Consume(ctx, entitlements.Use{Tenant: "acme", Feature: "rates", Quantity: 110})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Allowed, d.Source, d.Remaining)
	if err := gate.Void(ctx, "acme", grant.ID, "given by mistake"); err != nil {
		log.Fatal(err)
	}
	d, err = gate.Check(ctx, "acme", "rates")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Allowed, d.Remaining)
	// Output:
	// true grant 15
	// false 0
}
