package entitlements_test

import (
	"context"
	"log"

	"github.com/transbotai/tenon/entitlements"
)

// acme returns a Gate over memory in which the tenant acme is on the plan starter: 100 rates a month, of which 50 are
// the soft limit, and a directory of 50 partners.
func acme() *entitlements.Gate {
	ctx := context.Background()
	gate := entitlements.NewGate(entitlements.NewMemoryStore(nil), nil)
	if _, err := gate.ApplyCatalog(ctx, freight()); err != nil {
		log.Fatal(err)
	}
	if _, err := gate.Subscribe(ctx, entitlements.Subscription{Tenant: "acme", Plan: "starter"}); err != nil {
		log.Fatal(err)
	}
	return gate
}
