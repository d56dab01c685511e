package entitlements_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// applied lays catalogues over each other, and returns the result with the last difference.
func applied(t *testing.T, catalogs ...entitlements.Catalog) (*entitlements.Versions, entitlements.CatalogDiff) {
	t.Helper()
	v, diff := &entitlements.Versions{}, entitlements.CatalogDiff(nil)
	for _, c := range catalogs {
		var err error
		v, diff, err = v.Apply(c)
		require.NoError(t, err)
	}
	return v, diff
}

func TestApplyAddsEverythingAtFirst(t *testing.T) {
	t.Parallel()
	v, diff := applied(t, freight())
	require.Equal(t, int64(1), v.Revision)
	require.Equal(t, `feature/rates: added
feature/events: added
feature/exports: added
feature/directory: added
feature/white_label: added
feature/retention: added
plan/starter: added
plan/pro: added
addon/lanes: added
`, diff.String())
}

func TestApplyingTheSameChangesNothing(t *testing.T) {
	t.Parallel()
	v, diff := applied(t, freight(), freight())
	require.Empty(t, diff)
	require.Equal(t, int64(1), v.Revision)
}

func TestApplyTellsWhatChanged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(c *entitlements.Catalog)
		want   entitlements.CatalogDiff
	}{
		{"a description", func(c *entitlements.Catalog) { c.Features[0].Description = "Rates" }, entitlements.CatalogDiff{{What: "feature/rates", How: "changed"}}},
		{"a limit", func(c *entitlements.Catalog) { c.Plans[0].Features = limits(entitlements.Limit{Hard: 1}) }, entitlements.CatalogDiff{{What: "plan/starter", How: "new version 2"}}},
		{"a price", func(c *entitlements.Catalog) { c.Plans[1].Yearly = 5 }, entitlements.CatalogDiff{{What: "plan/pro", How: "new version 2"}}},
		{"a plan set inactive", func(c *entitlements.Catalog) { c.Plans[0].Inactive = true }, entitlements.CatalogDiff{{What: "plan/starter", How: "retired"}}},
		{"a plan left out", func(c *entitlements.Catalog) { c.Plans = c.Plans[1:] }, entitlements.CatalogDiff{{What: "plan/starter", How: "retired"}}},
		{"an add-on left out", func(c *entitlements.Catalog) { c.AddOns = nil }, entitlements.CatalogDiff{{What: "addon/lanes", How: "retired"}}},
		{"the order of plans", func(c *entitlements.Catalog) { c.Plans[0], c.Plans[1] = c.Plans[1], c.Plans[0] }, nil},
		{"a version that the host writes", func(c *entitlements.Catalog) { c.Plans[0].Version = 7 }, nil},
		{"a feature left out with its uses", func(c *entitlements.Catalog) {
			c.Features = c.Features[:5]
			delete(c.Plans[0].Features, "retention")
			delete(c.Plans[1].Features, "retention")
		}, entitlements.CatalogDiff{{What: "plan/starter", How: "new version 2"}, {What: "plan/pro", How: "new version 2"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			next := freight()
			c.change(&next)
			_, diff := applied(t, freight(), next)
			require.Equal(t, c.want, diff)
		})
	}
}

func TestApplyLeavesWhatItIsGiven(t *testing.T) {
	t.Parallel()
	v, _ := applied(t, freight())
	next := freight()
	next.Plans = next.Plans[1:]
	next.Plans[0].Monthly = 1
	_, _, err := v.Apply(next)
	require.NoError(t, err)
	require.Equal(t, int64(1), v.Revision)
	require.Len(t, v.Plans["pro"], 1)
	require.Equal(t, int64(29900), v.Plans["pro"][0].Monthly)
	require.False(t, v.Plans["starter"][0].Inactive)
}

func TestAPlanThatIsTakenUpAgainKeepsItsVersion(t *testing.T) {
	t.Parallel()
	without := freight()
	without.Plans = without.Plans[1:]
	v, diff := applied(t, freight(), without, freight())
	require.Equal(t, entitlements.CatalogDiff{{What: "plan/starter", How: "taken up again"}}, diff)
	require.Len(t, v.Plans["starter"], 1)
}

func TestAnAddOnBringsTheVersionsThatItWasDeclaredWith(t *testing.T) {
	t.Parallel()
	first := freight()
	first.AddOns = append(first.AddOns, entitlements.AddOn{ID: "all", Includes: []string{"lanes"}})
	second := freight()
	second.AddOns = append(second.AddOns, entitlements.AddOn{ID: "all", Includes: []string{"lanes"}})
	second.AddOns[0].Features = limits(entitlements.Limit{Hard: 500, Period: entitlements.Monthly})
	v, diff := applied(t, first, second)
	require.Contains(t, diff, entitlements.CatalogChange{What: "addon/lanes", How: "new version 2"})
	rights := &entitlements.Rights{
		Tenant:      "acme",
		Entitlement: &entitlements.Entitlement{Plan: "starter", Version: 1, Status: entitlements.Active, StartedAt: day("2026-01-01")},
		AddOns:      []entitlements.Attachment{{AddOn: "all", Version: 1, Quantity: 1}},
	}
	require.Equal(t, int64(150), v.Terms(rights, "rates", day("2026-01-02")).Limits[0].Hard)
}

func TestAKindCannotChange(t *testing.T) {
	t.Parallel()
	v, _ := applied(t, freight())
	next := freight()
	next.Features[0].Kind = entitlements.Gauge
	for i := range next.Plans {
		delete(next.Plans[i].Features, "rates")
	}
	next.AddOns = nil
	_, _, err := v.Apply(next)
	require.ErrorIs(t, err, entitlements.ErrKindChanged)
	require.ErrorIs(t, err, tenon.ErrConflict)
}

func TestACatalogueChangeIsRecorded(t *testing.T) {
	t.Parallel()
	_, diff := applied(t, freight())
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	changes := diff.Changes(at)
	require.Len(t, changes, len(diff))
	for i, c := range changes {
		require.Equal(t, diff[i].What, c.Target)
		require.Equal(t, at, c.At)
		require.Empty(t, c.Tenant)
		require.NotEmpty(t, c.Action)
	}
}
