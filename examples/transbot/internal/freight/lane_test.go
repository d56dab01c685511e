package freight_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
)

var today = time.Date(2026, 3, 31, 15, 0, 0, 0, time.UTC)

func TestRateLane(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		lane  freight.Lane
		km    int
		cents int64
	}{
		{"by_weight", freight.Lane{Origin: "Chicago, IL", Destination: "Dallas, TX", WeightKG: 10_000, Pallets: 3}, 1554, 8500 + 1554*(60+45)},
		{"by_pallets", freight.Lane{Origin: "Chicago, IL", Destination: "Dallas, TX", WeightKG: 100, Pallets: 13}, 1554, 8500 + 1554*(60+45)},
		{"full", freight.Lane{Origin: "Chicago, IL", Destination: "Dallas, TX", WeightKG: 20_000}, 1554, 8500 + 1554*150},
		{"nearly_empty", freight.Lane{Origin: "Chicago, IL", Destination: "Dallas, TX", WeightKG: 1}, 1554, 8500 + 1554*60},
		{"no_less_than_the_minimum", freight.Lane{Origin: "Oakland, CA", Destination: "Stockton, CA", WeightKG: 1}, 105, 15000},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, err := freight.RateLane(c.lane, today)
			require.NoError(t, err)
			require.Equal(t, c.km, r.DistanceKM)
			require.Equal(t, c.cents, r.PriceCents)
		})
	}
}

func TestRateLaneBothWaysAndSpellings(t *testing.T) {
	t.Parallel()
	for _, a := range freight.Places() {
		for _, b := range freight.Places() {
			if a == b {
				continue
			}
			there, err := freight.RateLane(freight.Lane{Origin: a, Destination: b, WeightKG: 500}, today)
			require.NoError(t, err)
			back, err := freight.RateLane(freight.Lane{Origin: b, Destination: a, WeightKG: 500}, today)
			require.NoError(t, err)
			require.Equal(t, there.PriceCents, back.PriceCents)
			require.Positive(t, there.DistanceKM)
			require.Less(t, there.DistanceKM, 6500)
		}
	}
	r, err := freight.RateLane(freight.Lane{Origin: " reno, nv", Destination: "MIAMI, FL ", WeightKG: 500}, today)
	require.NoError(t, err)
	require.Equal(t, "Reno, NV", r.Lane.Origin)
	require.Equal(t, "Miami, FL", r.Lane.Destination)
}

func TestReadyOn(t *testing.T) {
	t.Parallel()
	for day, good := range map[string]bool{
		"": true, "2026-03-30": true, "2026-03-31": true, "2027-03-31": true,
		"2026-03-29": false, "2027-04-01": false, "2026-02-30": false, "31.03.2026": false, "2026-03-31T00:00:00Z": false,
	} {
		_, err := freight.RateLane(freight.Lane{Origin: "Reno, NV", Destination: "Miami, FL", WeightKG: 500, ReadyOn: day}, today)
		if good {
			require.NoError(t, err, day)
			continue
		}
		var field *tenon.FieldError
		require.ErrorAs(t, err, &field, day)
		require.Equal(t, "ready_on", field.Field)
	}
}
