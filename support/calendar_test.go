package support_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/support"
)

func span(text string) support.Span {
	s, err := support.ParseSpan(text)
	if err != nil {
		panic(err)
	}
	return s
}

// zones are calendars around odd days: an hour, half an hour, and a whole day that was not.
var zones = map[string]support.Hours{
	"berlin": {
		Zone: "Europe/Berlin", Week: support.Weekdays(span("09:00-12:00"), span("13:00-17:00")),
		Holidays: []support.Holiday{
			{Name: "Christmas", From: "2020-12-25", To: "2020-12-26", Yearly: true}, {Name: "bridge", From: "2026-05-15"},
		},
		Dates: map[support.Date][]support.Span{"2026-12-24": {span("09:00-12:00")}, "2026-03-28": {span("10:00-14:00")}},
	},
	"berlin nights": {Zone: "Europe/Berlin", Week: support.EveryDay(span("00:00-02:30"), span("22:00-24:00"))},
	"new york":      {Zone: "America/New_York", Week: support.EveryDay(span("01:30-03:30"), span("08:00-18:00"))},
	"lord howe":     {Zone: "Australia/Lord_Howe", Week: support.EveryDay(span("01:45-02:15"), span("09:00-17:00"))},
	"apia":          {Zone: "Pacific/Apia", Week: support.EveryDay(span("08:00-16:30"))},
}

func calendar(t testing.TB, name string) *support.Calendar {
	t.Helper()
	c, err := support.NewCalendar(zones[name])
	require.NoError(t, err)
	return c
}

func parse(t *testing.T, zone, local string) time.Time {
	t.Helper()
	if at, err := time.Parse("2006-01-02T15:04Z07:00", local); err == nil {
		return at
	}
	loc, err := time.LoadLocation(zone)
	require.NoError(t, err)
	at, err := time.ParseInLocation("2006-01-02 15:04", local, loc)
	require.NoError(t, err)
	return at
}

// The instants in doubled hours are written with their offset.
var additions = []struct {
	calendar, from, add, want string
}{
	// A plain week; 2026-03-10 is a Tuesday.
	{"berlin", "2026-03-10 09:00", "0s", "2026-03-10 09:00"},
	{"berlin", "2026-03-10 09:00", "1h", "2026-03-10 10:00"},
	{"berlin", "2026-03-10 09:00", "3h", "2026-03-10 12:00"},
	{"berlin", "2026-03-10 09:00", "3h1m", "2026-03-10 13:01"},
	{"berlin", "2026-03-10 09:00", "7h", "2026-03-10 17:00"},
	{"berlin", "2026-03-10 09:00", "7h1m", "2026-03-11 09:01"},
	{"berlin", "2026-03-10 09:00", "24h", "2026-03-13 12:00"},
	{"berlin", "2026-03-10 08:00", "1h", "2026-03-10 10:00"},
	{"berlin", "2026-03-10 12:30", "1h", "2026-03-10 14:00"},
	{"berlin", "2026-03-10 16:59", "2m", "2026-03-11 09:01"},
	{"berlin", "2026-03-10 17:00", "1m", "2026-03-11 09:01"},
	{"berlin", "2026-03-10 23:59", "1m", "2026-03-11 09:01"},
	{"berlin", "2026-03-13 16:00", "2h", "2026-03-16 10:00"},
	{"berlin", "2026-03-14 12:00", "1m", "2026-03-16 09:01"},
	{"berlin", "2026-03-15 23:00", "7h", "2026-03-16 17:00"},
	{"berlin", "2026-03-16 09:00", "35h", "2026-03-20 17:00"},
	{"berlin", "2026-03-16 09:00", "36h", "2026-03-23 10:00"},
	// A Saturday that is open, and the day on which clocks go forward after it.
	{"berlin", "2026-03-27 16:00", "2h", "2026-03-28 11:00"},
	{"berlin", "2026-03-27 17:00", "4h", "2026-03-28 14:00"},
	{"berlin", "2026-03-27 17:00", "5h", "2026-03-30 10:00"},
	{"berlin", "2026-03-28 13:59", "2m", "2026-03-30 09:01"},
	// Holidays, a bridge day, a short day.
	{"berlin", "2026-05-14 16:00", "2h", "2026-05-18 10:00"},
	{"berlin", "2026-05-15 10:00", "1m", "2026-05-18 09:01"},
	{"berlin", "2026-12-23 16:00", "2h", "2026-12-24 10:00"},
	{"berlin", "2026-12-24 11:00", "1h", "2026-12-24 12:00"},
	{"berlin", "2026-12-24 11:00", "2h", "2026-12-28 10:00"},
	{"berlin", "2025-12-24 16:00", "2h", "2025-12-29 10:00"},
	{"berlin", "2025-12-31 16:00", "2h", "2026-01-01 10:00"},
	{"berlin", "2024-02-28 16:00", "8h", "2024-02-29 17:00"},
	// Back, by negative durations.
	{"berlin", "2026-03-10 10:00", "-1h", "2026-03-10 09:00"},
	{"berlin", "2026-03-10 09:00", "-1m", "2026-03-09 16:59"},
	{"berlin", "2026-03-10 13:00", "-3h", "2026-03-10 09:00"},
	{"berlin", "2026-03-09 09:30", "-1h", "2026-03-06 16:30"},
	{"berlin", "2026-12-28 09:00", "-3h", "2026-12-24 09:00"},
	{"berlin", "2026-01-01 09:00", "-7h", "2025-12-31 09:00"},
	{"berlin", "2026-03-14 12:00", "-7h", "2026-03-13 09:00"},
	// Berlin, 2026-03-29: 02:00 becomes 03:00, so the span until 02:30 has two hours.
	{"berlin nights", "2026-03-29 00:00", "1h", "2026-03-29 01:00"},
	{"berlin nights", "2026-03-29 00:00", "2h", "2026-03-29T03:00+02:00"},
	{"berlin nights", "2026-03-29 00:00", "2h1m", "2026-03-29 22:01"},
	{"berlin nights", "2026-03-28 22:00", "4h", "2026-03-29T03:00+02:00"},
	{"berlin nights", "2026-03-28 22:00", "4h30m", "2026-03-29 22:30"},
	{"berlin nights", "2026-03-29T01:59+01:00", "1m", "2026-03-29T03:00+02:00"},
	{"berlin nights", "2026-03-29T01:59+01:00", "2m", "2026-03-29 22:01"},
	{"berlin nights", "2026-03-29 22:00", "-1m", "2026-03-29T01:59+01:00"},
	{"berlin nights", "2026-03-29 22:00", "-2h", "2026-03-29 00:00"},
	// Berlin, 2026-10-25: 03:00 becomes 02:00, so 02:00 to 02:30 comes twice.
	{"berlin nights", "2026-10-25 00:00", "2h", "2026-10-25T02:00+02:00"},
	{"berlin nights", "2026-10-25 00:00", "2h30m", "2026-10-25T02:30+02:00"},
	{"berlin nights", "2026-10-25 00:00", "2h31m", "2026-10-25T02:01+01:00"},
	{"berlin nights", "2026-10-25 00:00", "3h", "2026-10-25T02:30+01:00"},
	{"berlin nights", "2026-10-25 00:00", "3h1m", "2026-10-25 22:01"},
	{"berlin nights", "2026-10-25T02:45+02:00", "1m", "2026-10-25T02:01+01:00"},
	{"berlin nights", "2026-10-25T02:45+01:00", "1m", "2026-10-25 22:01"},
	{"berlin nights", "2026-10-24 22:00", "5h", "2026-10-25T02:30+01:00"},
	{"berlin nights", "2026-10-25 22:00", "-30m", "2026-10-25T02:00+01:00"},
	{"berlin nights", "2026-10-25 22:00", "-31m", "2026-10-25T02:29+02:00"},
	{"berlin nights", "2026-10-25 22:00", "-3h", "2026-10-25 00:00"},
	{"berlin nights", "2026-06-01 23:00", "2h", "2026-06-02 01:00"},
	{"berlin nights", "2026-06-01 23:00", "1h", "2026-06-02 00:00"},
	{"berlin nights", "2026-12-31 23:00", "2h", "2027-01-01 01:00"},
	// New York, 2026-03-08: 02:00 becomes 03:00; the span from 01:30 to 03:30 has one hour.
	{"new york", "2026-03-08 00:00", "30m", "2026-03-08T03:00-04:00"},
	{"new york", "2026-03-08 00:00", "31m", "2026-03-08T03:01-04:00"},
	{"new york", "2026-03-08 00:00", "1h", "2026-03-08T03:30-04:00"},
	{"new york", "2026-03-08 00:00", "1h1m", "2026-03-08 08:01"},
	{"new york", "2026-03-08 00:00", "11h", "2026-03-08 18:00"},
	{"new york", "2026-03-07 18:00", "11h1m", "2026-03-09 01:31"},
	{"new york", "2026-03-08 08:00", "-1h", "2026-03-08 01:30"},
	{"new york", "2026-03-08 08:00", "-40m", "2026-03-08 01:50"},
	{"new york", "2026-03-07 00:00", "12h", "2026-03-07 18:00"},
	{"new york", "2026-03-07 00:00", "24h", "2026-03-09 02:30"},
	// New York, 2026-11-01: 02:00 becomes 01:00; 01:30 to 02:00 comes twice.
	{"new york", "2026-11-01 00:00", "30m", "2026-11-01T01:00-05:00"},
	{"new york", "2026-11-01 00:00", "29m", "2026-11-01T01:59-04:00"},
	{"new york", "2026-11-01 00:00", "31m", "2026-11-01T01:31-05:00"},
	{"new york", "2026-11-01 00:00", "1h", "2026-11-01T02:00-05:00"},
	{"new york", "2026-11-01 00:00", "2h30m", "2026-11-01T03:30-05:00"},
	{"new york", "2026-11-01 00:00", "2h31m", "2026-11-01 08:01"},
	{"new york", "2026-11-01 00:00", "12h30m", "2026-11-01 18:00"},
	{"new york", "2026-11-01T01:45-04:00", "15m", "2026-11-01T02:00-04:00"},
	{"new york", "2026-11-01T01:45-04:00", "16m", "2026-11-01T01:31-05:00"},
	{"new york", "2026-11-01T01:15-05:00", "1m", "2026-11-01T01:31-05:00"},
	{"new york", "2026-11-01 08:00", "-2h", "2026-11-01T01:30-05:00"},
	{"new york", "2026-11-01 08:00", "-2h10m", "2026-11-01T01:50-04:00"},
	{"new york", "2026-07-04 17:00", "2h", "2026-07-05 02:30"},
	{"new york", "2026-07-05 09:00", "9h", "2026-07-05 18:00"},
	// Lord Howe, 2026-10-04: 02:00 becomes 02:30; the span from 01:45 to 02:15 has a quarter of an hour.
	{"lord howe", "2026-10-04 00:00", "14m", "2026-10-04T01:59+10:30"},
	{"lord howe", "2026-10-04 00:00", "15m", "2026-10-04T02:00+10:30"},
	{"lord howe", "2026-10-04 00:00", "16m", "2026-10-04 09:01"},
	{"lord howe", "2026-10-04 00:00", "8h15m", "2026-10-04 17:00"},
	{"lord howe", "2026-10-03 17:00", "16m", "2026-10-04 09:01"},
	{"lord howe", "2026-10-04 09:00", "-1m", "2026-10-04T01:59+10:30"},
	// Lord Howe, 2026-04-05: 02:00 becomes 01:30; 01:45 to 02:00 comes twice.
	{"lord howe", "2026-04-05 00:00", "14m", "2026-04-05T01:59+11:00"},
	{"lord howe", "2026-04-05 00:00", "15m", "2026-04-05T01:30+10:30"},
	{"lord howe", "2026-04-05 00:00", "16m", "2026-04-05T01:46+10:30"},
	{"lord howe", "2026-04-05 00:00", "30m", "2026-04-05T02:00+10:30"},
	{"lord howe", "2026-04-05 00:00", "45m", "2026-04-05T02:15+10:30"},
	{"lord howe", "2026-04-05 00:00", "46m", "2026-04-05 09:01"},
	{"lord howe", "2026-04-05 00:00", "8h45m", "2026-04-05 17:00"},
	{"lord howe", "2026-04-05 09:00", "-30m", "2026-04-05T01:45+10:30"},
	{"lord howe", "2026-04-05 09:00", "-31m", "2026-04-05T01:59+11:00"},
	{"lord howe", "2026-07-01 00:00", "30m", "2026-07-01 02:15"},
	{"lord howe", "2026-07-01 00:00", "31m", "2026-07-01 09:01"},
	// Apia had no 2011-12-30: after the 29th came the 31st.
	{"apia", "2011-12-29 08:00", "8h30m", "2011-12-29 16:30"},
	{"apia", "2011-12-29 08:00", "8h31m", "2011-12-31 08:01"},
	{"apia", "2011-12-29 16:30", "8h30m", "2011-12-31 16:30"},
	{"apia", "2011-12-28 08:00", "34h", "2012-01-01 16:30"},
	{"apia", "2011-12-31 08:00", "-1m", "2011-12-29 16:29"},
	{"apia", "2011-12-31 16:30", "-17h", "2011-12-29 08:00"},
	{"apia", "2011-12-31 00:00", "30m", "2011-12-31 08:30"},
	{"apia", "2011-12-29 23:59", "1h", "2011-12-31 09:00"},
	{"apia", "2026-06-01 16:00", "1h", "2026-06-02 08:30"},
}

func TestBusinessHours(t *testing.T) {
	t.Parallel()
	require.GreaterOrEqual(t, len(additions), 100)
	for _, c := range additions {
		t.Run(fmt.Sprintf("%s %s %s", c.calendar, c.from, c.add), func(t *testing.T) {
			t.Parallel()
			cal, zone := calendar(t, c.calendar), zones[c.calendar].Zone
			d, err := time.ParseDuration(c.add)
			require.NoError(t, err)
			from, want := parse(t, zone, c.from), parse(t, zone, c.want)
			got := cal.Add(from, d)
			open := recount(t, cal.Hours(), from, got)
			require.Equal(t, d, open, "by the minute")
			require.Equal(t, d, cal.Between(from, got))
			require.Equal(t, want.UTC(), got)
		})
	}
}

// recount asks minute by minute what the local clock shows.
func recount(t *testing.T, h support.Hours, from, to time.Time) time.Duration {
	t.Helper()
	if to.Before(from) {
		return -recount(t, h, to, from)
	}
	loc, err := time.LoadLocation(h.Zone)
	require.NoError(t, err)
	open := time.Duration(0)
	for at := from; at.Before(to); at = at.Add(time.Minute) {
		if isOpen(h, at.In(loc)) {
			open += time.Minute
		}
	}
	return open
}

func isOpen(h support.Hours, local time.Time) bool {
	days := map[time.Weekday]support.Day{
		time.Monday: "mon", time.Tuesday: "tue", time.Wednesday: "wed", time.Thursday: "thu", time.Friday: "fri",
		time.Saturday: "sat", time.Sunday: "sun",
	}
	date := local.Format("2006-01-02")
	spans := h.Week[days[local.Weekday()]]
	for _, holiday := range h.Holidays {
		last := string(holiday.To)
		if last == "" {
			last = string(holiday.From)
		}
		on := date >= string(holiday.From) && date <= last
		if holiday.Yearly {
			on = date >= string(holiday.From) && date[5:] >= string(holiday.From)[5:] && date[5:] <= last[5:]
		}
		if on {
			spans = nil
		}
	}
	if own, ok := h.Dates[support.Date(date)]; ok {
		spans = own
	}
	minute := support.At(local.Hour(), local.Minute())
	for _, s := range spans {
		if minute >= s.From && minute < s.To {
			return true
		}
	}
	return false
}

func TestACalendarAgreesWithARecountByTheMinute(t *testing.T) {
	t.Parallel()
	starts := map[string]time.Time{
		"berlin": time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), "berlin nights": time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC),
		"new york": time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC), "lord howe": time.Date(2026, 3, 25, 0, 0, 0, 0, time.UTC),
		"apia": time.Date(2011, 12, 15, 0, 0, 0, 0, time.UTC),
	}
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cal, random := calendar(t, name), rand.New(rand.NewPCG(1, 2))
			for range 15 {
				from := start.Add(time.Duration(random.IntN(20*24*60)) * time.Minute)
				to := from.Add(time.Duration(random.IntN(15*24*60)) * time.Minute)
				require.Equal(t, recount(t, cal.Hours(), from, to), cal.Between(from, to), "%s to %s", from, to)
			}
		})
	}
}

func TestAddAndBetweenAreInverseAndMonotone(t *testing.T) {
	t.Parallel()
	for name := range zones {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cal, random := calendar(t, name), rand.New(rand.NewPCG(3, 4))
			for range 1000 {
				a := time.Date(1990+random.IntN(60), 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(random.Int64N(int64(366 * 24 * time.Hour))))
				d := time.Duration(random.Int64N(int64(4000*time.Hour))) - 2000*time.Hour
				more := time.Duration(random.Int64N(int64(time.Hour)))
				b := cal.Add(a, d)
				require.Equal(t, d, cal.Between(a, b), "%s + %s", a, d)
				require.False(t, cal.Add(a, d+more).Before(b), "a longer time does not end earlier")
				require.False(t, cal.Add(a.Add(more), d).Before(b), "a later start does not end earlier")
				require.Equal(t, cal.Between(a, b), -cal.Between(b, a))
				require.Equal(t, cal.Between(a, b.Add(more))-d, cal.Between(b, b.Add(more)), "spans add up")
			}
		})
	}
}

func FuzzCalendarAdd(f *testing.F) {
	f.Add(int64(1_774_747_800), int64(time.Hour))
	f.Add(int64(-62_135_596_800), int64(-time.Hour))
	f.Fuzz(func(t *testing.T, seconds, d int64) {
		d %= int64(20_000 * time.Hour)
		a := time.Unix(seconds%4_000_000_000, 0)
		cal := calendar(t, "berlin nights")
		require.Equal(t, time.Duration(d), cal.Between(a, cal.Add(a, time.Duration(d))))
	})
}

func TestHoursThatCannotBeRightAreRefused(t *testing.T) {
	t.Parallel()
	week := support.Weekdays(span("09:00-17:00"))
	for name, c := range map[string]struct {
		hours support.Hours
		says  string
	}{
		"a zone on Mars":    {support.Hours{Zone: "Mars/Phobos", Week: week}, `zone: "Mars/Phobos" is not in the IANA database`},
		"no zone":           {support.Hours{Week: week}, `zone: "" is not the name of a zone`},
		"the machine's own": {support.Hours{Zone: "Local", Week: week}, "zone:"},
		"spans that overlap": {
			support.Hours{Zone: "UTC", Week: support.Weekdays(span("09:00-12:00"), span("11:00-17:00"))}, "09:00-12:00 and 11:00-17:00 overlap",
		},
		"a span that ends first": {
			support.Hours{Zone: "UTC", Week: support.Weekdays(support.Span{From: support.At(9, 0), To: support.At(8, 0)})}, "ends before it begins",
		},
		"an eighth day": {support.Hours{Zone: "UTC", Week: map[support.Day][]support.Span{"day": {span("09:00-17:00")}}}, `"day" is not a day`},
		"holidays that overlap": {support.Hours{Zone: "UTC", Week: week, Holidays: []support.Holiday{
			{Name: "summer", From: "2026-08-01", To: "2026-08-14"}, {Name: "fair", From: "2026-08-14"},
		}}, `"summer" and "fair" overlap`},
		"a yearly holiday that overlaps a single one": {support.Hours{Zone: "UTC", Week: week, Holidays: []support.Holiday{
			{Name: "Christmas", From: "2020-12-25", To: "2020-12-26", Yearly: true}, {Name: "leave", From: "2031-12-20", To: "2031-12-31"},
		}}, "overlap"},
		"a holiday that ends first": {
			support.Hours{Zone: "UTC", Week: week, Holidays: []support.Holiday{{Name: "x", From: "2026-08-02", To: "2026-08-01"}}}, "ends before",
		},
		"a yearly holiday over the new year": {support.Hours{Zone: "UTC", Week: week, Holidays: []support.Holiday{
			{Name: "winter", From: "2026-12-24", To: "2027-01-06", Yearly: true},
		}}, `holidays[0]: "winter" is yearly and does not end in the year in which it begins`},
		"an odd date": {support.Hours{Zone: "UTC", Week: week, Holidays: []support.Holiday{{Name: "x", From: "2026-02-30"}}}, "is not a date"},
		"a date that is a holiday": {support.Hours{
			Zone: "UTC", Week: week, Holidays: []support.Holiday{{Name: "x", From: "2026-08-01"}},
			Dates: map[support.Date][]support.Span{"2026-08-01": {span("09:00-10:00")}},
		}, "is a holiday too"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := support.NewCalendar(c.hours)
			for _, err := range []error{err, c.hours.Check()} {
				require.ErrorIs(t, err, tenon.ErrInvalid)
				require.ErrorContains(t, err, c.says)
				require.Regexp(t, "^support: ", err.Error())
			}
		})
	}
}

func TestACalendarThatIsNeverOpenIsAnErrorAndNotALoop(t *testing.T) {
	t.Parallel()
	for _, h := range []support.Hours{
		{Zone: "UTC"},
		{Zone: "UTC", Dates: map[support.Date][]support.Span{"2026-01-01": {span("09:00-17:00")}}},
		{Zone: "UTC", Week: support.EveryDay(span("09:00-17:00")), Holidays: []support.Holiday{{Name: "all", From: "2020-01-01", To: "2020-12-31", Yearly: true}}},
	} {
		_, err := support.NewCalendar(h)
		require.ErrorIs(t, err, support.ErrAlwaysClosed)
		require.EqualError(t, h.Check(), err.Error())
	}
}

func TestSpansAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"00:00-24:00", "09:00-17:30", "23:59-24:00"} {
		require.Equal(t, text, span(text).String())
	}
	for _, text := range []string{"", "9:00-17:00", "09:00-25:00", "09:60-10:00", "09:00", "09:00-09:00", "-1:00-02:00", "09:00-17:00 "} {
		_, err := support.ParseSpan(text)
		require.ErrorIs(t, err, tenon.ErrInvalid, text)
	}
}

// It is not parallel, since AllocsPerRun counts what others allocate beside it.
func TestAddAllocatesNothing(t *testing.T) {
	cal := calendar(t, "berlin")
	from := time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)
	year := cal.Between(from, from.AddDate(1, 0, 0))
	require.Zero(t, testing.AllocsPerRun(100, func() { cal.Between(from, cal.Add(from, year)) }))
}

func BenchmarkCalendarAdd(b *testing.B) {
	cal := calendar(b, "berlin")
	from := time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)
	year := cal.Between(from, from.AddDate(1, 0, 0))
	b.ReportAllocs()
	for b.Loop() {
		cal.Add(from, year)
	}
}
