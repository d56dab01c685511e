package entitlements_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/transbotai/tenon/entitlements"
)

func ExampleGate_Subscribe() {
	ctx, gate := context.Background(), acme()
	e, err := gate.Subscribe(ctx, entitlements.Subscription{Tenant: "globex", Plan: "pro", Customer: "cus_1"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(e.Plan, e.Version, e.Status)
	// Output: pro 1 active
}

// An upgrade acts at once, and a downgrade when the period ends. What was used stays used.
func ExampleGate_ChangePlan() {
	ctx, gate := context.Background(), acme()
	if _, err := gate.Consume(ctx, entitlements.Use{Tenant: "acme", Feature: "rates", Quantity: 100}); err != nil {
		log.Fatal(err)
	}
	for _, plan := range []string{"pro", "starter"} {
		e, err := gate.ChangePlan(ctx, entitlements.PlanChange{Tenant: "acme", Plan: plan})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Plan, e.Next != nil)
	}
	d, err := gate.Check(ctx, "acme", "rates")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Used, d.Remaining)
	// Output:
	// pro false
	// pro true
	// 100 900
}

func ExampleGate_StartTrial() {
	ctx, gate := context.Background(), acme()
	trial := entitlements.Trial{Tenant: "globex", Plan: "pro", Length: 14 * 24 * time.Hour, Fallback: "starter"}
	e, err := gate.StartTrial(ctx, trial)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(e.Plan, e.Status, "then", e.Next.Plan)
	_, err = gate.StartTrial(ctx, trial)
	fmt.Println(errors.Is(err, entitlements.ErrTrialUsed))
	// Output:
	// pro trialing then starter
	// true
}

func ExampleGate_SetStatus() {
	ctx, gate := context.Background(), acme()
	_, err := gate.SetStatus(ctx, entitlements.StatusChange{Tenant: "acme", Status: entitlements.Unpaid})
	if err != nil {
		log.Fatal(err)
	}
	d, err := gate.Check(ctx, "acme", "rates")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Allowed, d.Text())
	// Output: false Your subscription is paused or unpaid.
}

func ExampleGate_Cancel() {
	ctx, gate := context.Background(), acme()
	e, err := gate.Cancel(ctx, "acme", entitlements.AtPeriodEnd, "moved away")
	if err != nil {
		log.Fatal(err)
	}
	d, err := gate.Check(ctx, "acme", "rates")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(e.Status, d.Allowed, e.AccessUntil.After(time.Now()))
	// Output: canceled true true
}

func ExampleGate_Entitlement() {
	ctx, gate := context.Background(), acme()
	e, err := gate.Entitlement(ctx, "acme")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(e.Plan, e.Status)
	_, err = gate.Entitlement(ctx, "nobody")
	fmt.Println(err)
	// Output:
	// starter active
	// entitlements: tenant not found
}
