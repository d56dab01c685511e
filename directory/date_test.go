package directory_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
)

func date(t *testing.T, text string) directory.Date {
	t.Helper()
	d, err := directory.ParseDate(text)
	require.NoError(t, err)
	return d
}

func TestADayEndsWithItsLastInstantThere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ day, zone, end string }{
		{"2026-03-10", "UTC", "2026-03-11T00:00:00Z"},
		{"2026-03-10", "Pacific/Auckland", "2026-03-10T11:00:00Z"},
		{"2026-04-04", "Pacific/Auckland", "2026-04-04T11:00:00Z"},    // the night before the clocks go back
		{"2026-04-05", "Pacific/Auckland", "2026-04-05T12:00:00Z"},    // a day of 25 hours
		{"2026-09-27", "Pacific/Auckland", "2026-09-27T11:00:00Z"},    // a day of 23
		{"2026-03-07", "America/Los_Angeles", "2026-03-08T08:00:00Z"}, // the clocks go forward at two
		{"2026-03-08", "America/Los_Angeles", "2026-03-09T07:00:00Z"},
		{"2026-11-01", "America/Los_Angeles", "2026-11-02T08:00:00Z"},
		{"2028-02-29", "America/Los_Angeles", "2028-03-01T08:00:00Z"},
		{"2028-02-29", "Pacific/Auckland", "2028-02-29T11:00:00Z"},
		{"2018-11-03", "America/Sao_Paulo", "2018-11-04T03:00:00Z"},  // clocks jumped over that midnight
		{"2011-12-29", "Pacific/Apia", "2011-12-30T10:00:00Z"},       // and over the whole next day
		{"2011-12-30", "Pacific/Apia", "2011-12-30T10:00:00Z"},       // which never was
		{"2026-03-10", "Asia/Kathmandu", "2026-03-10T18:15:00Z"},     // 5 hours 45 ahead
		{"2026-12-31", "Pacific/Kiritimati", "2026-12-31T10:00:00Z"}, // the first to see the year
		{"2026-12-31", "Pacific/Pago_Pago", "2027-01-01T11:00:00Z"},  // the last
	} {
		zone, err := time.LoadLocation(c.zone)
		require.NoError(t, err)
		end := date(t, c.day).End(zone)
		require.Equal(t, c.end, end.Format(time.RFC3339Nano), "%s in %s", c.day, c.zone)
		require.Equal(t, end, date(t, c.day).Add(1).Start(zone))
		require.Positive(t, directory.DateOf(end.In(zone)).Compare(date(t, c.day)))
		require.LessOrEqual(t, directory.DateOf(end.Add(-1).In(zone)).Compare(date(t, c.day)), 0)
	}
}

func TestDatesAreDaysOfTheCalendar(t *testing.T) {
	t.Parallel()
	require.Equal(t, date(t, "2028-03-01"), date(t, "2028-02-29").Add(1))
	require.Equal(t, date(t, "2028-02-29"), date(t, "2028-03-07").Add(-7))
	require.Equal(t, 366, date(t, "2028-01-01").Until(date(t, "2029-01-01")))
	for _, text := range []string{"", "2027-02-29", "2026-13-01", "2026-1-1", "26-01-01", "2026-01-01T00:00:00Z", "tomorrow"} {
		_, err := directory.ParseDate(text)
		require.ErrorIs(t, err, tenon.ErrInvalid, text)
	}
	for _, d := range []directory.Date{{}, date(t, "2028-02-29")} {
		b, err := json.Marshal(d)
		require.NoError(t, err)
		var again directory.Date
		require.NoError(t, json.Unmarshal(b, &again))
		require.Equal(t, d, again)
	}
	var d directory.Date
	require.Error(t, json.Unmarshal([]byte(`"2027-02-29"`), &d))
}
