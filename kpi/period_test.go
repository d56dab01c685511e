package kpi_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/kpi"
)

var counted = kpi.KPI{Name: "n", Count: &kpi.Count{Of: kpi.On("e")}}

// points asks for periods alone.
func points(t *testing.T, now time.Time, q kpi.Query) []kpi.Point {
	t.Helper()
	r, err := board(kpi.NewMemoryStore(nil), now).Preview(t.Context(), counted, q)
	require.NoError(t, err)
	return r.Points
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestDaysAreAsLongAsTheZoneSays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone, from string
		hours      []float64
	}{
		{"Europe/Berlin", "2026-03-28T12:00:00Z", []float64{24, 23, 24}},
		{"Europe/Berlin", "2026-10-24T12:00:00Z", []float64{24, 25, 24}},
		{"America/St_Johns", "2026-03-07T12:00:00Z", []float64{24, 23, 24}},
		{"Australia/Lord_Howe", "2026-04-04T12:00:00Z", []float64{24, 24.5, 24}},
		{"Australia/Lord_Howe", "2026-10-03T06:00:00Z", []float64{24, 23.5, 24}},
		{"Asia/Kolkata", "2026-03-28T12:00:00Z", []float64{24, 24, 24}},
		{"Asia/Kathmandu", "2026-03-28T12:00:00Z", []float64{24, 24, 24}},
		{"America/Havana", "2026-10-31T12:00:00Z", []float64{24, 25, 24}},   // midnight comes twice
		{"America/Santiago", "2026-09-05T12:00:00Z", []float64{24, 23, 24}}, // midnight is missing
		{"Pacific/Apia", "2011-12-28T20:00:00Z", []float64{24, 24, 24}},     // the 30th was left out
	} {
		from := at(c.from)
		days := points(t, noon, kpi.Query{Zone: c.zone, From: from, To: from.Add(48 * time.Hour)})
		require.Len(t, days, 3, c.zone)
		for i, p := range days {
			require.Equal(t, c.hours[i], p.End.Sub(p.Start).Hours(), "%s %s", c.zone, p.Date)
			require.Zero(t, p.Start.Sub(p.Start.Truncate(kpi.Quarter)))
		}
	}
}

func TestPeriodsThatDoNotBeginWithAQuarterOfAnHourAreRefused(t *testing.T) {
	t.Parallel()
	q := kpi.Query{Zone: "America/St_Johns", Grain: kpi.Hourly, From: at("2010-03-14T02:40:00Z"), To: at("2010-03-14T05:00:00Z")}
	_, err := board(kpi.NewMemoryStore(nil), noon).Preview(t.Context(), counted, q)
	var wrong *tenon.FieldError
	require.ErrorAs(t, err, &wrong, "clocks changed at a minute past midnight")
	require.Equal(t, "zone", wrong.Field)
	q.Grain = kpi.Daily
	_, err = board(kpi.NewMemoryStore(nil), noon).Preview(t.Context(), counted, q)
	require.NoError(t, err)
}

var many = map[kpi.Grain]int{kpi.Hourly: 3000, kpi.Daily: 3000, kpi.Weekly: 700, kpi.Monthly: 300, kpi.Yearly: 30}

func TestPeriodsFollowEachOther(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "America/Havana", "Africa/Cairo", "Pacific/Apia", "UTC"} {
		loc, err := time.LoadLocation(zone)
		require.NoError(t, err)
		for grain := range many {
			all := points(t, at("2026-12-01T00:00:00Z"), kpi.Query{Zone: zone, Grain: grain, Last: many[grain]})
			dates := map[string]bool{}
			for i, p := range all {
				require.True(t, p.Start.Before(p.End))
				require.False(t, dates[p.Date], "%s %s comes twice", zone, p.Date)
				dates[p.Date] = true
				if i > 0 {
					require.Equal(t, all[i-1].End, p.Start)
				}
				last := p.End.Add(-1).In(loc)
				if grain == kpi.Daily {
					require.Equal(t, p.Date, last.Format(time.DateOnly))
				}
				if grain == kpi.Weekly {
					require.Equal(t, time.Sunday, last.Weekday())
				}
			}
		}
	}
}

func TestHoursBeginOnTheClock(t *testing.T) {
	t.Parallel()
	hours := points(t, noon, kpi.Query{
		Zone: "Australia/Lord_Howe", Grain: kpi.Hourly, From: at("2026-04-04T14:00:00Z"), To: at("2026-04-04T16:30:00Z"),
	})
	var got []string
	for _, p := range hours {
		got = append(got, p.Date)
	}
	require.Equal(t, []string{"2026-04-05T01:00+11:00", "2026-04-05T01:30+10:30", "2026-04-05T02:00+10:30"}, got)
	require.Equal(t, 30*time.Minute, hours[1].End.Sub(hours[1].Start))
	kolkata := points(t, noon, kpi.Query{Zone: "Asia/Kolkata", Grain: kpi.Hourly, Last: 1})
	require.Equal(t, at("2026-03-30T11:30:00Z"), kolkata[0].Start)
}

func TestTheLastPeriodsIncludeThePresentOne(t *testing.T) {
	t.Parallel()
	days := points(t, noon, kpi.Query{Last: 3})
	require.Equal(t, []string{"2026-03-28", "2026-03-29", "2026-03-30"}, []string{days[0].Date, days[1].Date, days[2].Date})
	require.Equal(t, []bool{false, false, true}, []bool{days[0].Immature, days[1].Immature, days[2].Immature})
	require.Len(t, points(t, noon, kpi.Query{}), 30)
	weeks := points(t, noon, kpi.Query{Grain: kpi.Weekly, Last: 2})
	require.Equal(t, "2026-03-23", weeks[0].Date)
	whole := points(t, noon, kpi.Query{Grain: kpi.Whole, From: noon.Add(-50 * time.Hour), To: noon})
	require.Len(t, whole, 1)
	require.Equal(t, "2026-03-28", whole[0].Date)
	require.Len(t, points(t, noon, kpi.Query{Grain: kpi.Whole, Last: 5}), 1)
}

func TestBadQueriesAreRefused(t *testing.T) {
	t.Parallel()
	b := board(kpi.NewMemoryStore(nil), noon)
	for what, q := range map[string]kpi.Query{
		"an unknown zone":      {Zone: "Europe/Atlantis"},
		"the machine's zone":   {Zone: "Local"},
		"a path for a zone":    {Zone: "../../etc/passwd"},
		"a zone of no UTF-8":   {Zone: "\xff"},
		"an unknown grain":     {Grain: "fortnight"},
		"half a range":         {From: noon},
		"a range and last":     {From: noon.Add(-time.Hour), To: noon, Last: 3},
		"a range backwards":    {From: noon, To: noon.Add(-time.Hour)},
		"an empty range":       {From: noon, To: noon},
		"before 1970":          {From: noon.AddDate(-100, 0, 0), To: noon},
		"after 9000":           {From: noon, To: noon.AddDate(7000, 0, 0)},
		"too many periods":     {Grain: kpi.Hourly, From: noon.AddDate(-1, 0, 0), To: noon},
		"too many last ones":   {Last: 4001},
		"a negative number":    {Last: -1},
		"last before 1970":     {Grain: kpi.Yearly, Last: 100},
		"a tenant of no UTF-8": {Tenant: "\xff"},
		"edges in a quarter":   {Zone: "Africa/Monrovia", From: at("1970-02-01T00:00:00Z"), To: at("1970-02-03T00:00:00Z")},
	} {
		_, err := b.Preview(t.Context(), counted, q)
		require.ErrorIs(t, err, tenon.ErrInvalid, what)
		require.ErrorContains(t, err, "kpi: ", what)
	}
}

func FuzzPeriods(f *testing.F) {
	f.Add("Europe/Berlin", int64(1774828800), uint8(1))
	f.Add("America/St_Johns", int64(1300000000), uint8(0))
	f.Add("Pacific/Apia", int64(1325200000), uint8(2))
	grains := []kpi.Grain{kpi.Hourly, kpi.Daily, kpi.Weekly, kpi.Monthly, kpi.Yearly, kpi.Whole}
	store := kpi.NewMemoryStore(nil)
	f.Fuzz(func(t *testing.T, zone string, unix int64, grain uint8) {
		from := time.Unix(unix%4e9, 0)
		q := kpi.Query{Zone: zone, Grain: grains[int(grain)%len(grains)], From: from, To: from.Add(30 * time.Hour)}
		r, err := board(store, noon).Preview(t.Context(), counted, q)
		if err != nil {
			require.ErrorIs(t, err, tenon.ErrInvalid)
			return
		}
		first, last := r.Points[0], r.Points[len(r.Points)-1]
		require.False(t, from.Before(first.Start), fmt.Sprint(first))
		require.False(t, q.To.After(last.End), fmt.Sprint(last))
	})
}
