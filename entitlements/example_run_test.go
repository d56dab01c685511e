package entitlements_test

import (
	"context"
	"fmt"
	"log"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// Run belongs to the host's group of goroutines and ends with its context.
func ExampleGate_Run() {
	ctx, cancel := context.WithCancel(context.Background())
	gate := acme()
	done := make(chan error)
	go func() { done <- gate.Run(ctx) }()
	d, err := gate.Check(ctx, "acme", "rates")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Allowed)
	cancel()
	fmt.Println(<-done)
	// Output:
	// true
	// <nil>
}

// A Gate over the store of a transaction decides in that transaction. Here both stores are memory.
func ExampleGate_WithStore() {
	ctx, gate := context.Background(), acme()
	transaction := entitlements.NewMemoryStore(nil) // with Postgres: entitlementspg.New(tx, nil)
	within := gate.WithStore(transaction)
	if _, err := within.ApplyCatalog(ctx, freight()); err != nil {
		log.Fatal(err)
	}
	if _, err := within.Subscribe(ctx, entitlements.Subscription{Tenant: "acme", Plan: "pro"}); err != nil {
		log.Fatal(err)
	}
	d, err := within.Consume(ctx, entitlements.Use{Tenant: "acme", Feature: "rates", Quantity: 1})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Plan, d.Remaining)
	// Output: pro 999
}

func ExampleGate_Stats() {
	ctx, gate := context.Background(), acme()
	for _, quantity := range []int64{90, 90} {
		if _, err := gate.Consume(ctx, entitlements.Use{Tenant: "acme", Feature: "rates", Quantity: quantity}); err != nil {
			log.Fatal(err)
		}
	}
	stats := gate.Stats()
	fmt.Println(stats.Allowed, stats.Refused)
	// Output: 1 1
}

// printer tells people by printing.
type printer struct{}

func (printer) Notify(_ context.Context, n tenon.Notification) error {
	fmt.Println(n.Tenant, n.Data["feature"], n.Data["threshold"], n.Data["used"])
	return nil
}

func ExampleNewMemoryStore() {
	ctx := context.Background()
	gate := entitlements.NewGate(entitlements.NewMemoryStore(&entitlements.MemoryOptions{Notifier: printer{}}), nil)
	if _, err := gate.ApplyCatalog(ctx, freight()); err != nil {
		log.Fatal(err)
	}
	if _, err := gate.Subscribe(ctx, entitlements.Subscription{Tenant: "acme", Plan: "starter"}); err != nil {
		log.Fatal(err)
	}
	for range 3 {
		if _, err := gate.Consume(ctx, entitlements.Use{Tenant: "acme", Feature: "rates", Quantity: 30}); err != nil {
			log.Fatal(err)
		}
	}
	// Output: acme rates soft 60
}
