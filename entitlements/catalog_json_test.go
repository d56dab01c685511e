package entitlements_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

const catalogJSON = `{
  "features": [
    {"key": "rates", "kind": "metered", "category": "core"},
    {"key": "retention", "kind": "config", "number": true},
    {"key": "events", "kind": "metered", "fallback": {"policy": "last_known", "max_age": 60000000000}}
  ],
  "plans": [{
    "id": "starter", "name": "Starter", "tier": 1, "currency": "USD", "monthly": 9900, "yearly": 99000,
    "features": {
      "rates": {"hard": 100, "soft": 50, "period": "month", "alerts": [80]},
      "retention": {"value": "30"},
      "events": {"limits": [{"hard": 5, "period": "5 hours"}, {"hard": 12, "period": "week"}], "trial": [{"hard": -1}]}
    }
  }],
  "addons": [{"id": "lanes", "features": {"rates": {"hard": 50, "period": "month"}}}]
}`

func TestParseCatalogReadsTheShortForm(t *testing.T) {
	t.Parallel()
	c, err := entitlements.ParseCatalog(strings.NewReader(catalogJSON))
	require.NoError(t, err)
	plan := c.Plans[0]
	require.Equal(t, []entitlements.Limit{{Hard: 100, Soft: 50, Period: entitlements.Monthly, Alerts: []int{80}}}, plan.Features["rates"].Limits)
	require.Equal(t, "30", plan.Features["retention"].Value)
	require.Len(t, plan.Features["events"].Limits, 2)
	require.Equal(t, entitlements.Unlimited, plan.Features["events"].Trial[0].Hard)
	require.Equal(t, int64(99000), plan.Yearly)
}

func TestACatalogueSurvivesJSON(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(freight())
	require.NoError(t, err)
	c, err := entitlements.ParseCatalog(strings.NewReader(string(b)))
	require.NoError(t, err)
	_, diff := applied(t, freight(), c)
	require.Empty(t, diff)
}

func TestParseCatalogRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, new, field string }{
		"an unknown name":                  {`"tier": 1`, `"teir": 1`, "catalog"},
		"an unknown name in a limit":       {`"alerts": [80]`, `"alert": 80`, "catalog"},
		"an unknown name in an allowance":  {`{"value": "30"}`, `{"values": "30"}`, "catalog"},
		"both forms at once":               {`"limits": [{"hard": 5, "period": "5 hours"}`, `"hard": 5, "limits": [{"hard": 5, "period": "5 hours"}`, "catalog"},
		"a period that is none":            {`"5 hours"`, `"5 moons"`, "catalog"},
		"a limit that is no whole number":  {`"hard": 100`, `"hard": 100.5`, "catalog"},
		"something after it":               {`"addons"`, `"addons": []} {"addons"`, "catalog"},
		"a soft limit above the hard one":  {`"soft": 50`, `"soft": 500`, "plans[0].features.rates.limits.soft"},
		"a limit past what JSON can carry": {`"hard": 100`, `"hard": 9223372036854775807`, "plans[0].features.rates.limits.hard"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, catalogJSON, c.old)
			_, err := entitlements.ParseCatalog(strings.NewReader(strings.Replace(catalogJSON, c.old, c.new, 1)))
			require.ErrorIs(t, err, tenon.ErrInvalid)
			var field *tenon.FieldError
			require.ErrorAs(t, err, &field)
			require.Equal(t, c.field, field.Field)
		})
	}
}

func FuzzParseCatalog(f *testing.F) {
	f.Add(catalogJSON)
	f.Add(`{"features":[],"plans":[]}`)
	f.Add(`{"features":[{"key":"a","kind":"gauge"}],"plans":[{"id":"p","tier":0,"features":{"a":{"hard":-1}}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := entitlements.ParseCatalog(strings.NewReader(text))
		if err != nil {
			require.ErrorIs(t, err, tenon.ErrInvalid)
			return
		}
		b, err := json.Marshal(c)
		require.NoError(t, err)
		again, err := entitlements.ParseCatalog(strings.NewReader(string(b)))
		require.NoError(t, err)
		v, diff := applied(t, c, again)
		require.Empty(t, diff)
		rights := &entitlements.Rights{Entitlement: &entitlements.Entitlement{Status: entitlements.Active, StartedAt: day("2026-01-01")}}
		for _, p := range v.PlansByTier() {
			rights.Entitlement.Plan, rights.Entitlement.Version = p.ID, p.Version
			for key := range v.Features {
				v.Terms(rights, key, day("2026-02-01")).Windows(day("2026-02-01"))
			}
		}
	})
}
