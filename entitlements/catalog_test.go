package entitlements_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// limits returns an allowance of the feature rates.
func limits(l ...entitlements.Limit) map[string]entitlements.Allowance {
	return map[string]entitlements.Allowance{"rates": {Limits: l}}
}

func TestCatalogValidateNamesTheField(t *testing.T) {
	t.Parallel()
	type catalog = entitlements.Catalog
	month, long := entitlements.Monthly, strings.Repeat("a", 101)
	for _, c := range []struct {
		name  string
		field string
		spoil func(c *catalog)
	}{
		{"a feature without a key", "features[0].key", func(c *catalog) { c.Features[0].Key = "" }},
		{"a key in capitals", "features[0].key", func(c *catalog) { c.Features[0].Key = "Rates" }},
		{"a key that is long", "features[0].key", func(c *catalog) { c.Features[0].Key = long }},
		{"a key twice", "features[1].key", func(c *catalog) { c.Features[1].Key = "rates" }},
		{"no kind", "features[0].kind", func(c *catalog) { c.Features[0].Kind = "" }},
		{"an unknown kind", "features[0].kind", func(c *catalog) { c.Features[0].Kind = "limit" }},
		{"values of a metered feature", "features[0].values", func(c *catalog) { c.Features[0].Values = []string{"a"} }},
		{"a metered number", "features[0].values", func(c *catalog) { c.Features[0].Number = true }},
		{"an unknown policy", "features[0].fallback.policy", func(c *catalog) { c.Features[0].Fallback.Policy = "ajar" }},
		{"a last known answer without an age", "features[0].fallback.max_age", func(c *catalog) { c.Features[0].Fallback.Policy = entitlements.LastKnown }},
		{"a plan without an id", "plans[0].id", func(c *catalog) { c.Plans[0].ID = "" }},
		{"a plan with a space", "plans[0].id", func(c *catalog) { c.Plans[0].ID = "a b" }},
		{"a plan twice", "plans[1].id", func(c *catalog) { c.Plans[1].ID = "starter" }},
		{"a price below 0", "plans[0].monthly", func(c *catalog) { c.Plans[0].Monthly = -1 }},
		{"a yearly price below 0", "plans[0].yearly", func(c *catalog) { c.Plans[0].Yearly = -1 }},
		{"a tier beyond 32 bits", "plans[0].tier", func(c *catalog) { c.Plans[0].Tier = math.MaxInt32 + 1 }},
		{"a price of nine digits", "plans[0].monthly", func(c *catalog) { c.Plans[0].Monthly = 100_000_000_00 }},
		{"a yearly price of nine digits", "plans[0].yearly", func(c *catalog) { c.Plans[0].Yearly = 100_000_000_00 }},
		{"a price without a currency", "plans[0].currency", func(c *catalog) { c.Plans[0].Currency = "" }},
		{"a currency in small letters", "plans[0].currency", func(c *catalog) { c.Plans[0].Currency = "usd" }},
		{"a thousandth of a dinar", "plans[0].monthly", func(c *catalog) { c.Plans[0].Currency, c.Plans[0].Monthly = "KWD", 9901 }},
		{"a thousandth of a dinar a year", "plans[0].yearly", func(c *catalog) {
			c.Plans[0].Currency, c.Plans[0].Monthly, c.Plans[0].Yearly = "KWD", 9900, 9901
		}},
		{"a feature that nobody declared", "plans[0].features.moons", func(c *catalog) { c.Plans[0].Features["moons"] = entitlements.Allowance{} }},
		{"a metered feature without a limit", "plans[0].features.rates.limits", func(c *catalog) { c.Plans[0].Features = limits() }},
		{"a soft limit above hard", "plans[0].features.rates.limits.soft", func(c *catalog) { c.Plans[0].Features = limits(entitlements.Limit{Hard: 5, Soft: 6, Period: month}) }},
		{"an unlimited soft limit under a hard one", "plans[0].features.rates.limits.soft", func(c *catalog) { c.Plans[0].Features = limits(entitlements.Limit{Hard: 5, Soft: -1}) }},
		{"a hard limit below -1", "plans[0].features.rates.limits.hard", func(c *catalog) { c.Plans[0].Features = limits(entitlements.Limit{Hard: -2}) }},
		{"a hard limit that is too large", "plans[0].features.rates.limits.hard", func(c *catalog) { c.Plans[0].Features = limits(entitlements.Limit{Hard: entitlements.MaxQuantity + 1}) }},
		{"an overage below -1", "plans[0].features.rates.limits.overage", func(c *catalog) { c.Plans[0].Features = limits(entitlements.Limit{Hard: 5, Overage: -2}) }},
		{"an unknown unit", "plans[0].features.rates.limits.period", func(c *catalog) {
			c.Plans[0].Features = limits(entitlements.Limit{Period: entitlements.Period{Unit: 9}})
		}},
		{"a count below 0", "plans[0].features.rates.limits.period", func(c *catalog) {
			c.Plans[0].Features = limits(entitlements.Limit{Period: entitlements.Every(-1, entitlements.Day)})
		}},
		{"a count that is too large", "plans[0].features.rates.limits.period", func(c *catalog) {
			c.Plans[0].Features = limits(entitlements.Limit{Period: entitlements.Every(1001, entitlements.Day)})
		}},
		{"a period twice", "plans[0].features.rates.limits[1].period", func(c *catalog) {
			c.Plans[0].Features = limits(entitlements.Limit{Hard: 5, Period: month}, entitlements.Limit{Hard: 6, Period: entitlements.Every(0, entitlements.Month)})
		}},
		{"the second of two windows", "plans[0].features.rates.limits[1].soft", func(c *catalog) {
			c.Plans[0].Features = limits(entitlements.Limit{Hard: 5, Period: month}, entitlements.Limit{Hard: 6, Soft: 7})
		}},
		{"an alert at 0 percent", "plans[0].features.rates.limits.alerts", func(c *catalog) { c.Plans[0].Features = limits(entitlements.Limit{Hard: 5, Alerts: []int{0}}) }},
		{"an alert at 1001 percent", "plans[0].features.rates.limits.alerts", func(c *catalog) { c.Plans[0].Features = limits(entitlements.Limit{Hard: 5, Alerts: []int{1001}}) }},
		{"a fault in a trial", "plans[0].features.rates.trial.soft", func(c *catalog) {
			c.Plans[0].Features["rates"] = entitlements.Allowance{Limits: []entitlements.Limit{{Hard: 5}}, Trial: []entitlements.Limit{{Hard: 1, Soft: 2}}}
		}},
		{"a trial without a limit", "plans[0].features.rates.trial", func(c *catalog) {
			c.Plans[0].Features["rates"] = entitlements.Allowance{Limits: []entitlements.Limit{{Hard: 5}}, Trial: []entitlements.Limit{}}
		}},
		{"a value of a metered feature", "plans[0].features.rates.value", func(c *catalog) {
			c.Plans[0].Features["rates"] = entitlements.Allowance{Limits: []entitlements.Limit{{Hard: 5}}, Value: "5"}
		}},
		{"a gauge with a period", "plans[0].features.directory.limits.period", func(c *catalog) {
			c.Plans[0].Features["directory"] = entitlements.Allowance{Limits: []entitlements.Limit{{Hard: 5, Period: month}}}
		}},
		{"a gauge with two limits", "plans[0].features.directory.limits[1].period", func(c *catalog) {
			c.Plans[0].Features["directory"] = entitlements.Allowance{Limits: []entitlements.Limit{{Hard: 5}, {Hard: 6}}}
		}},
		{"a boolean with overage", "plans[0].features.white_label.limits.overage", func(c *catalog) {
			c.Plans[0].Features["white_label"] = entitlements.Allowance{Limits: []entitlements.Limit{{Hard: 1, Overage: 1}}}
		}},
		{"a config with a limit", "plans[0].features.retention.limits", func(c *catalog) {
			c.Plans[0].Features["retention"] = entitlements.Allowance{Limits: []entitlements.Limit{{Hard: 1}}}
		}},
		{"a number that is none", "plans[0].features.retention.value", func(c *catalog) { c.Plans[0].Features["retention"] = entitlements.Allowance{Value: "many"} }},
		{"a number without end", "plans[0].features.retention.value", func(c *catalog) { c.Plans[0].Features["retention"] = entitlements.Allowance{Value: "inf"} }},
		{"a value that rings", "features[5].values", func(c *catalog) { c.Features[5].Values = []string{"30", "\a"} }},
		{"a value that is not listed", "plans[0].features.retention.value", func(c *catalog) {
			c.Features[5].Values = []string{"30"}
			c.Plans[0].Features["retention"] = entitlements.Allowance{Value: "31"}
		}},
		{"an add-on without an id", "addons[0].id", func(c *catalog) { c.AddOns[0].ID = "" }},
		{"an add-on whose name rings", "addons[0].name", func(c *catalog) { c.AddOns[0].Name = "\a" }},
		{"an add-on twice", "addons[1].id", func(c *catalog) { c.AddOns = append(c.AddOns, c.AddOns[0]) }},
		{"a fault in an add-on", "addons[0].features.rates.limits.soft", func(c *catalog) { c.AddOns[0].Features = limits(entitlements.Limit{Hard: 5, Soft: 6}) }},
		{"an add-on that includes nothing known", "addons[0].includes", func(c *catalog) { c.AddOns[0].Includes = []string{"moons"} }},
		{"an add-on that includes itself", "addons[0].includes", func(c *catalog) { c.AddOns[0].Includes = []string{"lanes"} }},
		{"add-ons that include each other", "addons[0].includes", func(c *catalog) {
			c.AddOns = []entitlements.AddOn{{ID: "a", Includes: []string{"b"}}, {ID: "b", Includes: []string{"c"}}, {ID: "c", Includes: []string{"a"}}}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			catalog := freight()
			require.NoError(t, catalog.Validate())
			c.spoil(&catalog)
			err := catalog.Validate()
			require.ErrorIs(t, err, tenon.ErrInvalid)
			var field *tenon.FieldError
			require.ErrorAs(t, err, &field)
			require.Equal(t, c.field, field.Field)
			require.True(t, strings.HasPrefix(err.Error(), "entitlements: "+c.field+": "), err.Error())
		})
	}
}

func TestADiamondOfAddOnsIsNoCycle(t *testing.T) {
	t.Parallel()
	c := freight()
	c.AddOns = []entitlements.AddOn{{ID: "a", Includes: []string{"b", "c"}}, {ID: "b", Includes: []string{"d"}}, {ID: "c", Includes: []string{"d"}}, {ID: "d"}}
	require.NoError(t, c.Validate())
}

// diamonds returns a catalogue of add-ons in which 2 to the power of n ways lead to the last.
func diamonds(n int) entitlements.Catalog {
	c := entitlements.Catalog{AddOns: []entitlements.AddOn{{ID: "a"}}}
	for below, i := "a", 0; i < n; i++ {
		id := strings.Repeat("x", i+1)
		c.AddOns = append(c.AddOns,
			entitlements.AddOn{ID: "l" + id, Includes: []string{below}}, entitlements.AddOn{ID: "r" + id, Includes: []string{below}},
			entitlements.AddOn{ID: "a" + id, Includes: []string{"l" + id, "r" + id}})
		below = "a" + id
	}
	return c
}

func TestWhatAnAddOnIncludesIsBounded(t *testing.T) {
	t.Parallel()
	few := diamonds(5)
	require.NoError(t, few.Validate())
	_, diff := applied(t, few)
	require.Len(t, diff, len(few.AddOns))
	chain := entitlements.Catalog{AddOns: []entitlements.AddOn{{ID: "a"}}}
	for i := range 33 {
		chain.AddOns = append(chain.AddOns, entitlements.AddOn{ID: strings.Repeat("b", i+1), Includes: []string{chain.AddOns[i].ID}})
	}
	for _, c := range []entitlements.Catalog{diamonds(30), chain} {
		var field *tenon.FieldError
		require.ErrorAs(t, c.Validate(), &field)
		require.Contains(t, field.Field, ".includes")
		require.Contains(t, field.Reason, "includes more than")
	}
}

func TestPriceIsADecimalWithTwoPlaces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		minor    int64
		currency string
		want     string
	}{
		{9900, "USD", "99.00"},
		{1, "EUR", "0.01"},
		{0, "EUR", "0.00"},
		{9900, "JPY", "9900.00"},
		{9990, "KWD", "9.99"},
		{entitlements.MaxQuantity, "EUR", "90071992547409.92"},
	} {
		require.Equal(t, c.want, entitlements.Price(c.minor, c.currency))
	}
}

func TestVersionsOfNothing(t *testing.T) {
	t.Parallel()
	var v entitlements.Versions
	_, ok := v.Plan("starter", 0)
	require.False(t, ok)
	_, ok = v.AddOn("lanes", 0)
	require.False(t, ok)
	require.Empty(t, v.PlansByTier())
}

func TestPlansByTierLeavesOutTheInactive(t *testing.T) {
	t.Parallel()
	c := freight()
	c.Plans = append(c.Plans, entitlements.Plan{ID: "old", Tier: 0, Inactive: true}, entitlements.Plan{ID: "also", Tier: 1})
	v, _, err := (&entitlements.Versions{}).Apply(c)
	require.NoError(t, err)
	var ids []string
	for _, p := range v.PlansByTier() {
		ids = append(ids, p.ID)
	}
	require.Equal(t, []string{"also", "starter", "pro"}, ids)
}
