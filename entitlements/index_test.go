package entitlements_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
)

// TestCheckTellsFeaturesApartByAllOfTheirKeys has keys that are alike in front, in the middle and at the end, of every
// length around that of a word.
func TestCheckTellsFeaturesApartByAllOfTheirKeys(t *testing.T) {
	t.Parallel()
	var c entitlements.Catalog
	plan := entitlements.Plan{ID: "all", Name: "All", Currency: "USD", Features: map[string]entitlements.Allowance{}}
	add := func(key string) {
		c.Features = append(c.Features, entitlements.Feature{Key: key, Kind: entitlements.Config})
		plan.Features[key] = entitlements.Allowance{Value: "of " + key}
	}
	for n := range 40 {
		add(strings.Repeat("x", n+1))
		add(fmt.Sprintf("agent.%02d.executions", n))
		add(fmt.Sprintf("reports.daily.%02d", n))
		add(fmt.Sprintf("%02d.reports", n))
	}
	c.Plans = []entitlements.Plan{plan}
	g := entitlements.NewGate(entitlements.NewMemoryStore(nil), nil)
	_, err := g.ApplyCatalog(t.Context(), c)
	require.NoError(t, err)
	_, err = g.Subscribe(t.Context(), entitlements.Subscription{Tenant: "acme", Plan: "all"})
	require.NoError(t, err)
	for _, f := range c.Features {
		require.Equal(t, "of "+f.Key, check(t, g, "acme", f.Key).Value)
	}
	for _, key := range []string{strings.Repeat("x", 41), "agent.40.executions", "agent.0", "y", "reports.daily.1"} {
		d, err := g.Check(t.Context(), "acme", key)
		require.ErrorIs(t, err, entitlements.ErrUnknownFeature)
		require.Equal(t, entitlements.ReasonUnknownFeature, d.Reason)
	}
}
