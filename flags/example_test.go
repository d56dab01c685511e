package flags_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
)

// BulkRating is how a package declares the flag that it asks for.
var BulkRating = flags.Bool("bulk_rating", false)

func Example() {
	ctx := context.Background()
	set := flags.NewSet(flags.NewMemoryStore(nil), nil) // flagspg.New(pool, nil) in a service
	err := set.Declare(ctx, flags.Definition{
		Key: "bulk_rating", Type: flags.TypeBool, Tenants: map[string]string{"transbotai-demo": "on"},
	})
	if err != nil {
		panic(err)
	}
	demo := tenon.WithCaller(ctx, tenon.Caller{Tenant: "transbotai-demo"})
	fmt.Println(BulkRating.On(demo, set))
	fmt.Println(BulkRating.OnFor(set, &flags.Who{Tenant: "acme"}))
	fmt.Println(BulkRating.Detail(ctx, set).Code) // nobody said which tenant
	// Output:
	// true
	// false
	// TARGETING_KEY_MISSING
}

func ExampleParseDefinition() {
	_, err := flags.ParseDefinition(strings.NewReader(`{
		"key": "rates_v2", "type": "bool",
		"rules": [{"if": {"attr": "plan", "op": "like", "value": "pro%"}, "serve": "on"}]}`))
	fmt.Println(err)
	// Output: flags: rules[0].if.op: unknown operator "like"
}

func ExampleString() {
	ctx := context.Background()
	set := flags.NewSet(flags.NewMemoryStore(nil), nil)
	definition, err := flags.ParseDefinition(strings.NewReader(`{
		"key": "carrier_api", "type": "string", "default": "stable",
		"variants": [{"name": "stable", "value": "v1"}, {"name": "next", "value": "v2"}],
		"rules": [{"id": "beta", "if": {"attr": "version", "op": "semver_ge", "value": "2.1"}, "serve": "next"}]}`))
	if err != nil {
		panic(err)
	}
	if err := set.Declare(ctx, definition); err != nil {
		panic(err)
	}
	api := flags.String("carrier_api", "v1")
	d := api.DetailFor(set, &flags.Who{Tenant: "acme", Attrs: []flags.Attr{flags.Text("version", "2.10.0")}})
	fmt.Println(d.Value, d.Variant, d.Reason, d.RuleID)
	// Output: v2 next TARGETING_MATCH beta
}

func ExampleRamp() {
	day0 := time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)
	schedule := flags.Ramp(5, 50, 100).At(day0, day0.AddDate(0, 0, 1), day0.AddDate(0, 0, 7)).AtLeast(2).Guard("slo")
	for _, stage := range schedule.Stages {
		fmt.Println(stage.At.Format(time.DateOnly), stage.Percent, "%, at least", stage.AtLeast)
	}
	// Output:
	// 2026-03-10 5 %, at least 2
	// 2026-03-11 50 %, at least 2
	// 2026-03-17 100 %, at least 2
}

func ExampleSet_Ramp() {
	ctx := tenon.WithCaller(context.Background(), tenon.Caller{Actor: "ann@transbot.test"})
	set := flags.NewSet(flags.NewMemoryStore(nil), nil)
	if err := set.Declare(ctx, flags.Definition{Key: "bulk_rating", Type: flags.TypeBool}); err != nil {
		panic(err)
	}
	if _, err := set.Ramp(ctx, "bulk_rating", flags.Ramp(5, 50, 100).Every(24*time.Hour), "ready for customers"); err != nil {
		panic(err)
	}
	d, err := set.Advance(ctx, "bulk_rating", "no need to wait") // set.Run does it when the time has come
	if err != nil {
		panic(err)
	}
	stage, _ := d.Rollout.Ramp.Present()
	fmt.Println(stage.Percent, "%")
	d, err = set.Rollback(ctx, "bulk_rating", "quotes are slow")
	if err != nil {
		panic(err)
	}
	fmt.Println(d.Rollout.Ramp.State, "version", d.Version)
	// Output:
	// 5 %
	// rolled_back version 4
}

func ExampleSet_Explain() {
	ctx := context.Background()
	set := flags.NewSet(flags.NewMemoryStore(nil), nil)
	err := set.Declare(ctx, flags.Definition{
		Key: "bulk_rating", Type: flags.TypeBool, Tenants: map[string]string{"transbotai-demo": "on"},
		Rules: []flags.Rule{{ID: "large", If: flags.Condition{Attr: "seats", Op: flags.OpAtLeast, Value: 50}, Serve: flags.Only("on")}},
	})
	if err != nil {
		panic(err)
	}
	explained, err := set.Explain("bulk_rating", &flags.Who{Tenant: "acme", Attrs: []flags.Attr{flags.Number("seats", 12)}})
	if err != nil {
		panic(err)
	}
	fmt.Print(explained.Text())
	// Output:
	// bulk_rating for acme (version 1)
	// - the flag is not disabled
	// - the tenant is not among the 1 that are named
	// - rule 0 (large) does not match
	//   - seats ge 50: false, it is 12
	// → the flag's default: off
}

func ExampleSet_Diff() {
	ctx := context.Background()
	set := flags.NewSet(flags.NewMemoryStore(nil), &flags.Options{
		Population: func(context.Context) ([]flags.Who, error) {
			return []flags.Who{{Tenant: "acme"}, {Tenant: "globex"}, {Tenant: "initech"}}, nil
		},
	})
	before := flags.Definition{Key: "rates", Type: flags.TypeBool, Default: "on"}
	after := before
	after.Tenants = map[string]string{"globex": "off"}
	flips, err := set.Diff(ctx, before, after)
	if err != nil {
		panic(err)
	}
	fmt.Println(flips)
	// Output: [{globex on off}]
}

func ExampleSet_Revert() {
	ctx := context.Background()
	set := flags.NewSet(flags.NewMemoryStore(nil), nil)
	d, err := set.Put(ctx, flags.Definition{Key: "rates", Type: flags.TypeBool, Default: "on"}, "new")
	if err != nil {
		panic(err)
	}
	if _, err := set.SetDisabled(ctx, "rates", true, "an incident"); err != nil {
		panic(err)
	}
	_, err = set.Put(ctx, d, "from an old page")
	fmt.Println(err)
	if d, err = set.Revert(ctx, "rates", 1, "the incident is over"); err != nil {
		panic(err)
	}
	fmt.Println("version", d.Version, "disabled", d.Disabled)
	// Output:
	// flags: a newer version is stored: conflict
	// version 3 disabled false
}

func ExampleCohorts() {
	guard := flags.Cohorts{
		Floor: 0.95, Margin: 0.01,
		Count: func(_ context.Context, _ time.Time, _ func(tenant string) bool) (with, without flags.Sample, err error) {
			return flags.Sample{Good: 970, Valid: 1000}, flags.Sample{Good: 9950, Valid: 10_000}, nil
		},
	}
	verdict, err := guard.GuardCohort(context.Background(), time.Now(), func(string) bool { return true })
	fmt.Println(verdict.Outcome, verdict.Reasons, err)
	// Output: fail [97.00 % went well with the flag, and 99.50 % without it] <nil>
}
