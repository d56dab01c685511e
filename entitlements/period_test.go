package entitlements_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

func day(text string) time.Time {
	for _, layout := range []string{time.DateOnly, time.DateTime, time.RFC3339Nano} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	panic("not a time: " + text)
}

func TestBoundsFollowTheCalendar(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                   string
		period                 entitlements.Period
		anchor, at, start, end string
	}{
		{"a month from the 1st", entitlements.Monthly, "2026-01-01", "2026-03-15", "2026-03-01", "2026-04-01"},
		{"the anchor itself", entitlements.Monthly, "2026-01-31", "2026-01-31", "2026-01-31", "2026-02-28"},
		{"the 31st in February", entitlements.Monthly, "2026-01-31", "2026-02-28", "2026-02-28", "2026-03-31"},
		{"the day before", entitlements.Monthly, "2026-01-31", "2026-02-27 23:59:59", "2026-01-31", "2026-02-28"},
		{"the 31st returns", entitlements.Monthly, "2026-01-31", "2026-04-15", "2026-03-31", "2026-04-30"},
		{"the 31st in a leap year", entitlements.Monthly, "2024-01-31", "2024-02-29", "2024-02-29", "2024-03-31"},
		{"the 30th in a leap year", entitlements.Monthly, "2023-11-30", "2024-02-29", "2024-02-29", "2024-03-30"},
		{"the 29th in a common year", entitlements.Monthly, "2024-02-29", "2025-02-28", "2025-02-28", "2025-03-29"},
		{"the 29th on a day that is later", entitlements.Monthly, "2024-02-29", "2024-03-28", "2024-02-29", "2024-03-29"},
		{"over the year", entitlements.Monthly, "2025-12-31", "2026-01-30", "2025-12-31", "2026-01-31"},
		{"before the anchor", entitlements.Monthly, "2026-03-31", "2026-02-10", "2026-01-31", "2026-02-28"},
		{"right before the anchor", entitlements.Monthly, "2026-03-31", "2026-03-30 23:59:59", "2026-02-28", "2026-03-31"},
		{"years before the anchor", entitlements.Monthly, "2026-03-31", "2019-02-28", "2019-02-28", "2019-03-31"},
		{"the time of day counts", entitlements.Monthly, "2026-01-31 10:00:00", "2026-02-28 09:59:59", "2026-01-31 10:00:00", "2026-02-28 10:00:00"},
		{"the boundary begins", entitlements.Monthly, "2026-01-31 10:00:00", "2026-02-28 10:00:00", "2026-02-28 10:00:00", "2026-03-31 10:00:00"},
		{"a quarter", entitlements.Every(3, entitlements.Month), "2025-11-30", "2026-02-28", "2026-02-28", "2026-05-30"},
		{"a quarter back", entitlements.Every(3, entitlements.Month), "2026-05-31", "2026-02-27", "2025-11-30", "2026-02-28"},
		{"a year from a leap day", entitlements.Yearly, "2024-02-29", "2025-03-01", "2025-02-28", "2026-02-28"},
		{"a leap day returns", entitlements.Yearly, "2024-02-29", "2028-02-29", "2028-02-29", "2029-02-28"},
		{"two years", entitlements.Every(2, entitlements.Year), "2024-02-29", "2027-01-01", "2026-02-28", "2028-02-29"},
		{"a week", entitlements.Weekly, "2026-01-01", "2026-01-15", "2026-01-15", "2026-01-22"},
		{"a week back", entitlements.Weekly, "2026-01-15", "2026-01-07", "2026-01-01", "2026-01-08"},
		{"5 hours", entitlements.Every(5, entitlements.Hour), "2026-01-01", "2026-01-01 23:00:00", "2026-01-01 20:00:00", "2026-01-02 01:00:00"},
		{"5 hours back", entitlements.Every(5, entitlements.Hour), "2026-01-01", "2025-12-31 23:59:59", "2025-12-31 19:00:00", "2026-01-01"},
		{"a day", entitlements.Daily, "2026-01-01 06:00:00", "2026-03-29 05:59:59", "2026-03-28 06:00:00", "2026-03-29 06:00:00"},
		{"a lifetime", entitlements.Period{}, "2026-01-01", "2026-03-29", "1970-01-01", "9999-01-01"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			start, end := c.period.Bounds(day(c.anchor), day(c.at))
			require.Equal(t, day(c.start), start)
			require.Equal(t, day(c.end), end)
		})
	}
}

func TestBoundsAreOfUTC(t *testing.T) {
	t.Parallel()
	kiritimati := time.FixedZone("", 14*3600)
	start, end := entitlements.Monthly.Bounds(day("2026-01-01").In(kiritimati), day("2026-01-31 23:00:00").In(kiritimati))
	require.Equal(t, day("2026-01-01"), start)
	require.Equal(t, day("2026-02-01"), end)
}

// holds says whether start ≤ t < end.
func holds(t *testing.T, p entitlements.Period, anchor, at time.Time) (start, end time.Time) {
	t.Helper()
	start, end = p.Bounds(anchor, at)
	at = tenon.Instant(at)
	require.Falsef(t, at.Before(start) || !at.Before(end), "%s from %s: %s is not within %s and %s", p, anchor, at, start, end)
	return start, end
}

func TestPeriodsFollowEachOtherWithoutGaps(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		p := entitlements.Every(1+r.IntN(40), entitlements.Unit(1+r.IntN(5)))
		anchor := time.Unix(r.Int64N(4e9), r.Int64N(1e9))
		at := anchor.Add(time.Duration(r.Int64N(int64(40*365*24*time.Hour))) - 20*365*24*time.Hour)
		start, end := holds(t, p, anchor, at)
		again, _ := holds(t, p, anchor, end)
		require.Equal(t, end, again, "the next period of %s from %s begins where %s ends", p, anchor, at)
		_, before := holds(t, p, anchor, start.Add(-time.Microsecond))
		require.Equal(t, start, before, "the period before %s of %s from %s ends where it begins", at, p, anchor)
		first, _ := p.Bounds(anchor, anchor)
		require.Equal(t, tenon.Instant(anchor), first, "a period begins at its anchor")
	}
}

func TestPeriodText(t *testing.T) {
	t.Parallel()
	for text, p := range map[string]entitlements.Period{
		"lifetime": {}, "hour": entitlements.Hourly, "day": entitlements.Daily, "week": entitlements.Weekly,
		"month": entitlements.Monthly, "year": entitlements.Yearly, "5 hours": entitlements.Every(5, entitlements.Hour),
		"1000 years": entitlements.Every(1000, entitlements.Year),
	} {
		require.Equal(t, text, p.String())
		read, err := entitlements.ParsePeriod(text)
		require.NoError(t, err)
		require.Equal(t, p, read)
	}
	same, err := entitlements.ParsePeriod("1 month")
	require.NoError(t, err)
	require.Equal(t, entitlements.Monthly, same)
}

func TestParsePeriodRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", "fortnight", "0 days", "-1 days", "1001 days", "+5 hours", "05 hours", "5  hours", "5hours", "5 hours ",
		"5.5 hours", "Month", "9999999999999999999 days", "5 lifetimes",
	} {
		p, err := entitlements.ParsePeriod(text)
		require.ErrorIs(t, err, tenon.ErrInvalid, "%q gave %v", text, p)
		var field *tenon.FieldError
		require.ErrorAs(t, err, &field)
		require.Equal(t, "period", field.Field)
	}
}

func TestPeriodInJSONIsItsText(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(entitlements.Limit{Hard: 5, Period: entitlements.Every(5, entitlements.Hour)})
	require.NoError(t, err)
	require.JSONEq(t, `{"hard":5,"period":"5 hours"}`, string(b))
	var l entitlements.Limit
	require.NoError(t, json.Unmarshal(b, &l))
	require.Equal(t, entitlements.Every(5, entitlements.Hour), l.Period)
	require.Error(t, json.Unmarshal([]byte(`{"period":"5 moons"}`), &l))
}

func FuzzParsePeriod(f *testing.F) {
	for _, seed := range []string{"lifetime", "month", "5 hours", "1000 years", "0 days", "x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := entitlements.ParsePeriod(text)
		if err != nil {
			require.ErrorIs(t, err, tenon.ErrInvalid)
			return
		}
		again, err := entitlements.ParsePeriod(p.String())
		require.NoError(t, err)
		require.Equal(t, p, again)
	})
}

func FuzzBounds(f *testing.F) {
	f.Add(uint8(4), 1, int64(1_769_810_400_000_000), int64(1_772_229_600_000_000))
	f.Add(uint8(5), 1, int64(1_709_164_800_000_000), int64(4_000_000_000_000_000))
	f.Add(uint8(1), 5, int64(0), int64(-1))
	f.Fuzz(func(t *testing.T, unit uint8, count int, anchor, at int64) {
		const first, last = int64(31_536_000_000_000), int64(221_845_392_000_000_000) // of 1971, and of 9000
		p := entitlements.Every(1+abs(count)%1000, entitlements.Unit(unit%6))
		a := time.UnixMicro(first + abs(anchor)%(last-first))
		b := time.UnixMicro(first + abs(at)%(last-first))
		_, end := holds(t, p, a, b)
		if p.Unit != entitlements.Lifetime {
			next, _ := holds(t, p, a, end)
			require.Equal(t, end, next)
		}
	})
}

// abs returns the magnitude of n without the sign that the least number would keep.
func abs[T int | int64](n T) T {
	if n < 0 {
		return -(n + 1)
	}
	return n
}
