package flagsopenfeature_test

import (
	"context"
	"fmt"
	"log"

	"github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/isolated"

	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagsopenfeature"
)

func ExampleNew() {
	ctx := context.Background()
	set := flags.NewSet(flags.NewMemoryStore(nil), nil)
	err := set.Declare(ctx, flags.Definition{
		Key: "bulk_rating", Type: flags.TypeBool, Tenants: map[string]string{"transbotai-demo": "on"},
	})
	if err != nil {
		log.Fatal(err)
	}

	api := isolated.NewAPI() // a program has one of its own: package openfeature
	if err := api.SetProviderAndWait(ctx, flagsopenfeature.New(set, nil)); err != nil {
		log.Fatal(err)
	}
	client := api.NewClient()
	for _, tenant := range []string{"transbotai-demo", "acme", ""} {
		d, err := client.BooleanValueDetails(ctx, "bulk_rating", false, openfeature.NewEvaluationContext(tenant, nil))
		fmt.Println(d.Value, d.Variant, d.Reason, err)
	}
	fmt.Println(api.Shutdown(ctx))
	// Output:
	// true on TARGETING_MATCH <nil>
	// false off DEFAULT <nil>
	// false  ERROR error code: TARGETING_KEY_MISSING: the flag needs a targeting key or the attribute it is bucketed by
	// <nil>
}
