package civil_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/civil"
)

// searched finds the first minute that lies in a day, by looking at all around it.
func searched(year int, month time.Month, day int, zone *time.Location) time.Time {
	want := time.Date(year, month, day, 12, 0, 0, 0, time.UTC)
	for t := want.Add(-48 * time.Hour); ; t = t.Add(time.Minute) {
		if y, m, d := t.In(zone).Date(); y == want.Year() && m == want.Month() && d == want.Day() {
			return t
		}
	}
}

func TestADayStartsWhereALookAtEveryMinuteFindsIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone  string
		year  int
		month time.Month // in which clocks change
	}{
		{"UTC", 2026, time.March},
		{"Europe/Berlin", 2026, time.March},
		{"Europe/Berlin", 2026, time.October},
		{"America/Santiago", 2026, time.September}, // forward at midnight
		{"America/Havana", 2026, time.March},
		{"Asia/Beirut", 2026, time.March},
		{"Africa/Cairo", 2026, time.April},
		{"America/Asuncion", 2023, time.March}, // back at midnight
		{"Asia/Amman", 2021, time.October},
		{"America/Scoresbysund", 2024, time.March},
		{"Australia/Lord_Howe", 2026, time.April}, // by half an hour
		{"Asia/Pyongyang", 2018, time.May},
		{"Asia/Kolkata", 2026, time.January},
		{"Africa/Casablanca", 2026, time.February},
	} {
		zone, err := time.LoadLocation(c.zone)
		require.NoError(t, err)
		for day := range 33 { // into the months beside it
			want := searched(c.year, c.month, day, zone)
			require.Equal(t, want, civil.DayStart(c.year, c.month, day, zone).UTC(), "%s %d-%d-%d", c.zone, c.year, c.month, day)
		}
	}
}
