package slo_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/slo"
)

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return at.UTC()
}

func TestWindows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		window        slo.Window
		now, from, to string
	}{
		"rolling":            {slo.Window{Length: time.Hour}, "2026-03-10T12:00:30Z", "2026-03-10T11:00:00Z", "2026-03-10T12:00:30Z"},
		"day":                {slo.Window{Calendar: slo.Daily}, "2026-03-10T12:00:30Z", "2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z"},
		"short_day":          {slo.Window{Calendar: slo.Daily, Zone: "Europe/Berlin"}, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		"long_day":           {slo.Window{Calendar: slo.Daily, Zone: "Europe/Berlin"}, "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		"no_midnight":        {slo.Window{Calendar: slo.Daily, Zone: "America/Sao_Paulo"}, "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"},
		"two_midnights":      {slo.Window{Calendar: slo.Daily, Zone: "America/Havana"}, "2026-11-01T12:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"},
		"no_midnight_east":   {slo.Window{Calendar: slo.Daily, Zone: "Asia/Beirut"}, "2022-03-27T12:00:00Z", "2022-03-26T22:00:00Z", "2022-03-27T21:00:00Z"},
		"two_midnights_east": {slo.Window{Calendar: slo.Daily, Zone: "Asia/Amman"}, "2021-10-29T12:00:00Z", "2021-10-28T21:00:00Z", "2021-10-29T22:00:00Z"},
		"midnights_apart":    {slo.Window{Calendar: slo.Daily, Zone: "Antarctica/Casey"}, "2020-03-07T13:03:00Z", "2020-03-07T13:00:00Z", "2020-03-08T16:00:00Z"},
		"half_hour":          {slo.Window{Calendar: slo.Daily, Zone: "Asia/Kolkata"}, "2026-03-10T18:29:59Z", "2026-03-09T18:30:00Z", "2026-03-10T18:30:00Z"},
		"week_on_sunday":     {slo.Window{Calendar: slo.Weekly}, "2026-03-15T23:59:59Z", "2026-03-09T00:00:00Z", "2026-03-16T00:00:00Z"},
		"week_on_monday":     {slo.Window{Calendar: slo.Weekly}, "2026-03-09T00:00:00Z", "2026-03-09T00:00:00Z", "2026-03-16T00:00:00Z"},
		"month":              {slo.Window{Calendar: slo.Monthly, Zone: "Europe/Berlin"}, "2026-03-31T22:00:00Z", "2026-03-31T22:00:00Z", "2026-04-30T22:00:00Z"},
		"quarter":            {slo.Window{Calendar: slo.Quarterly}, "2026-12-31T23:00:00Z", "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		"month_with_jump":    {slo.Window{Calendar: slo.Monthly, Zone: "Europe/Berlin"}, "2026-03-30T00:00:00Z", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, c.window.Check())
			from, to := c.window.Bounds(instant(t, c.now))
			require.Equal(t, instant(t, c.from), from)
			require.Equal(t, instant(t, c.to), to)
			require.Equal(t, from, c.window.From(instant(t, c.now)))
		})
	}
}

func TestBadWindowsAreRefusedByField(t *testing.T) {
	t.Parallel()
	for field, windows := range map[string][]slo.Window{
		"window.length": {
			{}, {Length: -time.Hour}, {Length: 90 * time.Second}, {Length: 93 * day}, {Calendar: slo.Daily, Length: time.Hour},
		},
		"window.calendar": {{Calendar: "year"}},
		"window.zone": {
			{Length: time.Hour, Zone: "UTC"}, {Calendar: slo.Daily, Zone: "Atlantis"}, {Calendar: slo.Daily, Zone: "Local"},
		},
	} {
		for _, w := range windows {
			var wrong *tenon.FieldError
			require.ErrorAs(t, w.Check(), &wrong, "%+v", w)
			require.Equal(t, field, wrong.Field, "%+v", w)
		}
	}
}

func TestAnObjectiveStatesItsPromise(t *testing.T) {
	t.Parallel()
	slices := uptime()
	slices.Kind, slices.Slice, slices.Threshold = slo.TimeSlice, 950_000, 1500*time.Microsecond
	slices.Window = slo.Window{Calendar: slo.Monthly, Zone: "Europe/Berlin"}
	weekly := uptime()
	weekly.Window = slo.Window{Calendar: slo.Weekly}
	for want, o := range map[string]slo.Objective{
		"99.9% good over 24h0m0s":                                       uptime(),
		"95% within 500ms over 1h0m0s":                                  quoteLatency(),
		"99% within 1m0s over 1h0m0s":                                   queueWait(),
		"99.9% good over week":                                          weekly,
		"99.9% of minutes 95% within 1.5ms over month in Europe/Berlin": slices,
	} {
		require.Equal(t, want, o.String())
	}
}

func FuzzWindow(f *testing.F) {
	f.Add(int64(1774785600), "Europe/Berlin")
	f.Add(int64(1541332800), "America/Sao_Paulo")
	f.Fuzz(func(t *testing.T, unix int64, zone string) {
		now := time.Unix(unix%4_000_000_000, 0).UTC()
		for _, c := range []slo.Calendar{slo.Daily, slo.Weekly, slo.Monthly, slo.Quarterly} {
			w := slo.Window{Calendar: c, Zone: zone}
			if w.Check() != nil {
				return
			}
			from, to := w.Bounds(now)
			require.False(t, now.Before(from), "%s of %s", w, now)
			require.True(t, now.Before(to), "%s of %s", w, now)
			again, end := w.Bounds(from)
			require.Equal(t, from, again)
			require.Equal(t, to, end)
			next, _ := w.Bounds(to)
			require.Equal(t, to, next, "periods follow each other")
		}
	})
}

// excluded returns the minutes of an hour before now that an exclusion takes out.
func excluded(t *testing.T, x slo.Exclusion, now time.Time) time.Duration {
	t.Helper()
	var found time.Duration
	for at := now.Add(-time.Hour); at.Before(now); at = at.Add(time.Minute) {
		if slo.Excludes(x, at) {
			found += time.Minute
		}
	}
	return found
}

func TestExclusionsRecurByTheClockOnTheWall(t *testing.T) {
	t.Parallel()
	// Sundays from 02:30 to 03:30 in Berlin.
	x := slo.Exclusion{
		From: instant(t, "2026-03-01T01:30:00Z"), To: instant(t, "2026-03-01T02:30:00Z"), Repeat: slo.EachWeek,
		Until: instant(t, "2026-05-01T00:00:00Z"), Zone: "Europe/Berlin", Reason: "backups",
	}
	require.NoError(t, x.Check())
	for end, want := range map[string]time.Duration{
		"2026-03-01T02:30:00Z": time.Hour,        // winter time
		"2026-03-01T02:00:00Z": 30 * time.Minute, // half of it
		"2026-03-02T02:30:00Z": 0,                // a Monday
		"2026-04-05T01:30:00Z": time.Hour,        // summer time
		"2026-04-05T02:30:00Z": 0,
		"2026-02-22T02:30:00Z": 0, // before the first
		"2026-05-03T01:30:00Z": 0, // after Until
	} {
		require.Equal(t, want, excluded(t, x, instant(t, end)), end)
	}
	monthly := slo.Exclusion{
		From: instant(t, "2026-01-31T12:00:00Z"), To: instant(t, "2026-01-31T12:10:00Z"), Repeat: slo.EachMonth,
		Until: instant(t, "2030-01-01T00:00:00Z"), Reason: "the end of the month",
	}
	require.NoError(t, monthly.Check())
	require.Equal(t, 10*time.Minute, excluded(t, monthly, instant(t, "2027-03-31T12:30:00Z")))
	require.Zero(t, excluded(t, monthly, instant(t, "2026-03-03T12:30:00Z")), "there is no 31 February")
}

func TestAnExclusionEndsByTheClockOnTheWall(t *testing.T) {
	t.Parallel()
	// Each night from 23:00 to 06:00 in Berlin.
	x := slo.Exclusion{
		From: instant(t, "2026-03-01T22:00:00Z"), To: instant(t, "2026-03-02T05:00:00Z"), Repeat: slo.EachDay,
		Until: instant(t, "2026-12-01T00:00:00Z"), Zone: "Europe/Berlin", Reason: "backups",
	}
	require.NoError(t, x.Check())
	for end, want := range map[string]time.Duration{
		"2026-03-28T06:00:00Z": 0, // winter time: it ended at 05:00Z
		"2026-03-28T05:00:00Z": time.Hour,
		"2026-03-29T05:00:00Z": 0, // the clock went forward at 01:00Z: it ended at 04:00Z
		"2026-03-29T04:00:00Z": time.Hour,
		"2026-10-25T05:00:00Z": time.Hour, // the clock went back at 01:00Z
		"2026-10-25T06:00:00Z": 0,
	} {
		require.Equal(t, want, excluded(t, x, instant(t, end)), end)
	}
}

func TestAnExclusionTakesWholeMinutes(t *testing.T) {
	t.Parallel()
	x := slo.Exclusion{From: instant(t, "2026-03-01T11:30:59Z"), To: instant(t, "2026-03-01T11:31:01Z"), Reason: "a blink"}
	require.NoError(t, x.Check())
	require.Equal(t, 2*time.Minute, excluded(t, x, instant(t, "2026-03-01T12:00:00Z")))
}

func FuzzExclusion(f *testing.F) {
	f.Add(int64(1772328600), int64(3600), int64(180), "Europe/Berlin", uint8(1), int64(90))
	f.Add(int64(1772328600), int64(600), int64(3000), "America/Havana", uint8(2), int64(2999))
	f.Fuzz(func(t *testing.T, from, seconds, until int64, zone string, repeat uint8, days int64) {
		x := slo.Exclusion{
			From: time.Unix(from%4_000_000_000, 0), Repeat: []slo.Repeat{slo.Once, slo.EachDay, slo.EachWeek, slo.EachMonth}[repeat%4],
			Zone: zone, Reason: "fuzz",
		}
		x.To = x.From.Add(time.Duration(seconds%4_000_000) * time.Second)
		x.Until = x.From.AddDate(0, 0, int(until%4000))
		if x.Check() != nil {
			return
		}
		at := x.From.Add(time.Duration(days%4000) * day).Truncate(time.Minute)
		for range 48 { // of two days
			require.Equal(t, slo.ExcludesPlainly(x, at), slo.Excludes(x, at), "%+v at %s", x, at)
			at = at.Add(time.Hour)
		}
	})
}
