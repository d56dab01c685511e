package entitlements_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/transbotai/tenon/entitlements"
)

// Record counts what already happened, past every limit. The key lets it be sent again.
func ExampleGate_Record() {
	ctx, gate := context.Background(), acme()
	happened := []entitlements.Use{
		{Tenant: "acme", Feature: "exports", Quantity: 8, Key: "file-1"},
		{Tenant: "acme", Feature: "exports", Quantity: 9, Key: "file-2"},
	}
	for range 2 {
		if err := gate.Record(ctx, happened...); err != nil {
			log.Fatal(err)
		}
	}
	d, err := gate.Check(ctx, "acme", "exports")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Used, d.Reason)
	// Output: 17 limit_reached
}

func ExampleGate_Correct() {
	ctx, gate := context.Background(), acme()
	use := entitlements.Use{Tenant: "acme", Feature: "exports", Quantity: 8, Key: "file-1"}
	if _, err := gate.Consume(ctx, use); err != nil {
		log.Fatal(err)
	}
	d, err := gate.Correct(ctx, entitlements.Correction{Tenant: "acme", Key: "file-1", Reason: "the file was empty"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Used, d.Remaining)
	// Output: 0 10
}

func ExampleGate_Usage() {
	ctx, gate := context.Background(), acme()
	for user, lanes := range map[string]int64{"ada": 5, "bob": 7} {
		use := entitlements.Use{Tenant: "acme", Feature: "rates", Quantity: lanes, Metadata: map[string]any{"user": user}}
		if _, err := gate.Consume(ctx, use); err != nil {
			log.Fatal(err)
		}
	}
	for _, how := range []entitlements.Aggregation{entitlements.Sum, entitlements.Count, entitlements.Max, entitlements.Unique} {
		buckets, err := gate.Usage(ctx, entitlements.UsageQuery{
			Tenant: "acme", Feature: "rates", Aggregation: how, Property: "user", To: time.Now().Add(time.Minute),
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(how, buckets[0].Value)
	}
	// Output:
	// sum 12
	// count 2
	// max 7
	// unique 2
}
