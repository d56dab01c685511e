package entitlements_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/transbotai/tenon/entitlements"
)

func ExampleParseCatalog() {
	c, err := entitlements.ParseCatalog(strings.NewReader(`{
		"features": [{"key": "rates", "kind": "metered"}],
		"plans": [{
			"id": "starter", "tier": 1, "currency": "USD", "monthly": 9900,
			"features": {"rates": {"hard": 100, "soft": 50, "period": "month"}}
		}]
	}`))
	if err != nil {
		log.Fatal(err)
	}
	plan := c.Plans[0]
	fmt.Println(plan.ID, entitlements.Price(plan.Monthly, plan.Currency), plan.Features["rates"].Limits[0].Hard)
	_, err = entitlements.ParseCatalog(strings.NewReader(`{
		"features": [{"key": "rates", "kind": "metered"}],
		"plans": [{"id": "starter", "tier": 1, "features": {"rates": {"hard": 50, "soft": 100}}}]
	}`))
	fmt.Println(err)
	// Output:
	// starter 99.00 100
	// entitlements: plans[0].features.rates.limits.soft: the soft limit 100 is above the hard limit 50
}

// A changed plan becomes a new version; who subscribed before stays on the old one.
func ExampleGate_ApplyCatalog() {
	ctx, gate := context.Background(), acme()
	next := freight()
	next.Plans[0].Features["rates"] = entitlements.Allowance{Limits: []entitlements.Limit{{Hard: 10, Period: entitlements.Monthly}}}
	diff, err := gate.ApplyCatalog(ctx, next)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(diff)
	d, err := gate.Check(ctx, "acme", "rates")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Plan, d.PlanVersion, d.Hard)
	// Output:
	// plan/starter: new version 2
	// starter 1 100
}

func ExampleGate_DiffCatalog() {
	ctx, gate := context.Background(), acme()
	next := freight()
	next.Plans = next.Plans[1:]
	diff, err := gate.DiffCatalog(ctx, next)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(diff)
	// Output: plan/starter: retired
}

func ExamplePeriod_Bounds() {
	anchor := day("2026-01-31")
	for _, t := range []string{"2026-02-10", "2026-02-28", "2026-04-01"} {
		start, end := entitlements.Monthly.Bounds(anchor, day(t))
		fmt.Println(t, "lies within", start.Format("Jan 2"), "and", end.Format("Jan 2"))
	}
	// Output:
	// 2026-02-10 lies within Jan 31 and Feb 28
	// 2026-02-28 lies within Feb 28 and Mar 31
	// 2026-04-01 lies within Mar 31 and Apr 30
}
