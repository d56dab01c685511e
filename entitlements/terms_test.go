package entitlements_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
)

// termsOf resolves what a tenant of the plan starter has of a feature with add-ons of freight's and c's.
func termsOf(t *testing.T, c entitlements.Catalog, feature string, has ...entitlements.Attachment) entitlements.Terms {
	t.Helper()
	v, _ := applied(t, c)
	now := time.Now()
	return v.Terms(&entitlements.Rights{
		Tenant: "acme", AddOns: has,
		Entitlement: &entitlements.Entitlement{Plan: "starter", Version: 1, Status: entitlements.Active, StartedAt: now},
	}, feature, now)
}

func TestAnAddOnBringsAValue(t *testing.T) {
	t.Parallel()
	c := freight()
	c.AddOns = append(c.AddOns, entitlements.AddOn{ID: "archive", Features: map[string]entitlements.Allowance{"retention": {Value: "365"}}})
	require.Equal(t, "30", termsOf(t, c, "retention").Value)
	terms := termsOf(t, c, "retention", entitlements.Attachment{AddOn: "archive", Version: 1, Quantity: 1})
	require.Equal(t, "365", terms.Value)
	require.Equal(t, entitlements.FromAddOn, terms.Source)
}

func TestAddOnsAddUpToTheLargestQuantityAndNoFurther(t *testing.T) {
	t.Parallel()
	c := freight()
	c.AddOns[0].Features = limits(entitlements.Limit{Hard: entitlements.MaxQuantity / 2, Overage: 3, Period: entitlements.Monthly})
	for quantity, hard := range map[int64]int64{1: entitlements.MaxQuantity/2 + 100, 2: entitlements.MaxQuantity, 1_000_000: entitlements.MaxQuantity} {
		terms := termsOf(t, c, "rates", entitlements.Attachment{AddOn: "lanes", Version: 1, Quantity: quantity})
		require.Equal(t, hard, terms.Limits[0].Hard, "%d times", quantity)
		require.Equal(t, 3*quantity, terms.Limits[0].Overage)
	}
}
