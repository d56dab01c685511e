package growth_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/examples/transbot/internal/growth"
)

var plans = []entitlements.Plan{plan("starter", 99_00, 100), plan("pro", 299_00, 1000), plan("enterprise", 999_00, entitlements.Unlimited)}

func plan(id string, monthly, quotes int64) entitlements.Plan {
	return entitlements.Plan{ID: id, Monthly: monthly, Features: map[string]entitlements.Allowance{
		"rates": {Limits: []entitlements.Limit{{Hard: quotes}}},
	}}
}

func TestCalculate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lanes        int
		quotes       int64
		plan         string
		time, saving int64
	}{
		{1, 4, "starter", 43_06, -55_94}, // 68 minutes
		{25, 100, "starter", 1076_66, 977_66},
		{26, 104, "pro", 1119_73, 820_73}, // one more than fits Starter
		{250, 1000, "pro", 10766_66, 10467_66},
		{251, 1004, "enterprise", 10809_73, 9810_73},
		{growth.MaxLanes, 40_000, "enterprise", 430666_66, 429667_66},
	} {
		e, err := growth.Calculate(c.lanes, plans)
		require.NoError(t, err)
		require.Equal(t, c.quotes, e.Quotes)
		require.Equal(t, c.plan, e.Plan.ID, "%d lanes", c.lanes)
		require.Equal(t, c.time, e.Time, "%d lanes", c.lanes)
		require.Equal(t, c.saving, e.Saving, "%d lanes", c.lanes)
		require.Equal(t, 12*c.saving, e.Year())
	}
	for _, lanes := range []int{-1, 0, growth.MaxLanes + 1} {
		_, err := growth.Calculate(lanes, plans)
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
}
