package entitlements_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
)

func TestAUseThatCountsAlreadyIsAllowedThoughTheNextIsNot(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		used, soft int64
		want       entitlements.Reason
	}{
		"within_the_limit":  {9, 0, entitlements.ReasonAllowed},
		"at_the_limit":      {10, 0, entitlements.ReasonAllowed},
		"past_a_soft_limit": {10, 5, entitlements.ReasonOverSoft},
		"past_the_limit":    {11, 5, entitlements.ReasonOverage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			counter := entitlements.Counter{Used: c.used, Seal: entitlements.Seal{Hard: 10, Soft: c.soft, Plan: "starter", PlanVersion: 2}}
			d := counter.Counted("rates")
			require.True(t, d.Allowed)
			require.Equal(t, entitlements.Yes, d.Answer)
			require.Equal(t, c.want, d.Reason)
			require.Equal(t, c.used, d.Used)
			require.Equal(t, c.used < 10, counter.Decide("rates", 0).Allowed, "the next one")
		})
	}
}
