package entitlements_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// teller tells people by printing.
type teller struct{}

func (teller) Notify(_ context.Context, n tenon.Notification) error {
	fmt.Println(n.Kind, n.Tenant, "then", n.Data["then"])
	return nil
}

// A trial that ends is told of once for each lead. In Postgres, the store's Run does it.
func ExampleMemoryStore_RemindOfTrials() {
	ctx := context.Background()
	store := entitlements.NewMemoryStore(&entitlements.MemoryOptions{Notifier: teller{}})
	gate := entitlements.NewGate(store, nil)
	if _, err := gate.ApplyCatalog(ctx, freight()); err != nil {
		log.Fatal(err)
	}
	trial := entitlements.Trial{Tenant: "acme", Plan: "pro", Length: 48 * time.Hour, Fallback: "starter"}
	if _, err := gate.StartTrial(ctx, trial); err != nil {
		log.Fatal(err)
	}
	now, err := gate.Now(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		told, err := store.RemindOfTrials(ctx, now, []time.Duration{72 * time.Hour})
		fmt.Println(told, err)
	}
	// Output:
	// entitlements.trial_ending acme then starter
	// 1 <nil>
	// 0 <nil>
}
