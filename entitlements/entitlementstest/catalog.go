package entitlementstest

import "github.com/transbotai/tenon/entitlements"

// The features of [Catalog] in which one rule shows best.
const (
	sso       = "sso"       // boolean
	preview   = "preview"   // boolean, taken away by the plan that names it
	retention = "retention" // config, a number
	region    = "region"    // config, one of eu and us
	calls     = "calls"     // metered by month, denied past hard
	exports   = "exports"   // metered by month, 10 and 5 of overage
	messages  = "messages"  // metered by month, 10 and overage without a cap
	tasks     = "tasks"     // metered by 5 hours and by week
	minutes   = "minutes"   // metered for a lifetime
	storage   = "storage"   // metered by month, unlimited, with a soft limit
	credits   = "credits"   // metered, in no plan
	alarms    = "alarms"    // metered by month, with a soft limit and alerts
	bulk      = "bulk"      // metered by month, 1000
	mixed     = "mixed"     // metered by month, 200 and 30 of overage
	seats     = "seats"     // gauge
)

// The plans of [Catalog], lowest tier first, and its add-ons.
const (
	free  = "free"
	basic = "basic"
	team  = "team"
	big   = "big"

	pack   = "pack"
	bundle = "bundle"
)

// Catalog returns the catalogue that the suites declare.
func Catalog() entitlements.Catalog {
	return entitlements.Catalog{
		Features: []entitlements.Feature{
			{Key: sso, Kind: entitlements.Boolean},
			{Key: preview, Kind: entitlements.Boolean},
			{Key: retention, Kind: entitlements.Config, Number: true},
			{Key: region, Kind: entitlements.Config, Values: []string{"eu", "us"}},
			{Key: calls, Kind: entitlements.Metered, Category: "core", Description: "Calls"},
			{Key: exports, Kind: entitlements.Metered},
			{Key: messages, Kind: entitlements.Metered},
			{Key: tasks, Kind: entitlements.Metered},
			{Key: minutes, Kind: entitlements.Metered},
			{Key: storage, Kind: entitlements.Metered},
			{Key: credits, Kind: entitlements.Metered},
			{Key: alarms, Kind: entitlements.Metered},
			{Key: bulk, Kind: entitlements.Metered},
			{Key: mixed, Kind: entitlements.Metered},
			{Key: seats, Kind: entitlements.Gauge},
		},
		Plans: []entitlements.Plan{
			{ID: free, Features: map[string]entitlements.Allowance{calls: monthly(3, 0)}},
			basicPlan(),
			teamPlan(),
			bigPlan(),
		},
		AddOns: []entitlements.AddOn{
			{ID: pack, Features: map[string]entitlements.Allowance{calls: monthly(10, 0)}},
			{ID: bundle, Includes: []string{pack}, Features: map[string]entitlements.Allowance{
				sso: counted(entitlements.Limit{Hard: 1}), seats: counted(entitlements.Limit{Hard: 2}),
			}},
		},
	}
}

func basicPlan() entitlements.Plan {
	return entitlements.Plan{ID: basic, Name: "Basic", Tier: 1, Currency: "EUR", Monthly: 9900, Features: map[string]entitlements.Allowance{
		retention: {Value: "30"},
		region:    {Value: "eu"},
		preview:   counted(entitlements.Limit{Hard: 0}),
		calls:     monthly(10, 6),
		exports:   counted(entitlements.Limit{Hard: 10, Overage: 5, Period: entitlements.Monthly}),
		messages:  counted(entitlements.Limit{Hard: 10, Overage: entitlements.Unlimited, Period: entitlements.Monthly}),
		tasks: counted(
			entitlements.Limit{Hard: 5, Period: entitlements.Every(5, entitlements.Hour)},
			entitlements.Limit{Hard: 12, Period: entitlements.Weekly},
		),
		minutes: counted(entitlements.Limit{Hard: 4}),
		storage: monthly(entitlements.Unlimited, 5),
		alarms:  counted(entitlements.Limit{Hard: 10, Soft: 5, Period: entitlements.Monthly, Alerts: []int{80, 100}}),
		bulk:    monthly(1000, 0),
		mixed:   counted(entitlements.Limit{Hard: 200, Overage: 30, Period: entitlements.Monthly}),
		seats:   counted(entitlements.Limit{Hard: 5, Soft: 3}),
	}}
}

func teamPlan() entitlements.Plan {
	trialled := monthly(100, 60)
	trialled.Trial = []entitlements.Limit{{Hard: 5, Period: entitlements.Monthly}}
	return entitlements.Plan{ID: team, Name: "Team", Tier: 2, Currency: "EUR", Monthly: 29900, Features: map[string]entitlements.Allowance{
		sso:       counted(entitlements.Limit{Hard: 1}),
		retention: {Value: "90"},
		region:    {Value: "eu"},
		calls:     trialled,
		exports:   monthly(50, 0),
		tasks:     counted(entitlements.Limit{Hard: 40, Period: entitlements.Weekly}),
		alarms:    counted(entitlements.Limit{Hard: 20, Soft: 10, Period: entitlements.Monthly, Alerts: []int{80, 100}}),
		seats:     counted(entitlements.Limit{Hard: 20}),
	}}
}

func bigPlan() entitlements.Plan {
	return entitlements.Plan{ID: big, Name: "Big", Tier: 3, Currency: "EUR", Monthly: 99900, Features: map[string]entitlements.Allowance{
		sso:     counted(entitlements.Limit{Hard: entitlements.Unlimited}),
		calls:   monthly(entitlements.Unlimited, 0),
		tasks:   monthly(entitlements.Unlimited, 0),
		exports: monthly(entitlements.Unlimited, 0),
		seats:   counted(entitlements.Limit{Hard: entitlements.Unlimited}),
	}}
}

func monthly(hard, soft int64) entitlements.Allowance {
	return counted(entitlements.Limit{Hard: hard, Soft: soft, Period: entitlements.Monthly})
}

func counted(limits ...entitlements.Limit) entitlements.Allowance {
	return entitlements.Allowance{Limits: limits}
}
