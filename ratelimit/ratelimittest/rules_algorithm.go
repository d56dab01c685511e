package ratelimittest

import (
	"time"

	"github.com/transbotai/tenon/ratelimit"
)

var strictRules = group{"strict", []rule{
	{
		"frees_a_cell_when_a_window_has_passed_since_its_end", "RetryAfter is exact, and no window is exceeded.",
		func(r *rig) {
			r.took(10, perMinute)
			o := r.refused(1, perMinute)
			if o.RetryAfter < time.Minute || o.RetryAfter > time.Minute+2*perMinute.Step() {
				r.t.Fatalf("RetryAfter %v", o.RetryAfter)
			}
			equal(r, "reset after", o.RetryAfter, o.ResetAfter)
			r.exactly(o, 10, perMinute)
		},
	},
	{
		"frees_cell_by_cell", "Units come back in the order in which they were taken.",
		func(r *rig) {
			r.took(3, perMinute)
			r.pass(20 * time.Second)
			r.took(7, perMinute)
			o := r.refused(3, perMinute)
			later := r.refused(4, perMinute)
			if later.RetryAfter <= o.RetryAfter {
				r.t.Fatalf("%v is not after %v", later.RetryAfter, o.RetryAfter)
			}
			r.exactly(o, 3, perMinute)
			r.refused(1, perMinute)
		},
	},
	{
		"raises_at_once", "A higher Max takes effect at once, with what was taken counted; so does a lower one.",
		func(r *rig) {
			r.took(10, perMinute)
			r.refused(1, perMinute)
			equal(r, "remaining", 5, r.took(5, ratelimit.PerMinute(20)).Remaining)
			equal(r, "remaining", 0, r.refused(1, perMinute).Remaining)
		},
	},
	{
		"counts_limits_of_other_names_apart", "Limits of other IDs share nothing.",
		func(r *rig) {
			named := perMinute
			named.Name = "login"
			r.took(10, perMinute)
			r.took(10, named)
			r.took(10, ratelimit.PerHour(10))
			r.took(10, ratelimit.Bucket(1, 10))
			r.took(10, ratelimit.PerDay(10, nil))
		},
	},
}}

var bucketRules = group{"bucket", []rule{
	{
		"gains_at_its_rate", "A bucket gives its burst, then a unit for each interval; RetryAfter is exact.",
		func(r *rig) {
			l := ratelimit.Bucket(4, 10)
			r.took(10, l)
			o := r.refused(1, l)
			equal(r, "retry after", 250*time.Millisecond, o.RetryAfter)
			equal(r, "reset after", 2500*time.Millisecond, o.ResetAfter)
			r.exactly(o, 1, l)
			equal(r, "retry after", 500*time.Millisecond, r.refused(2, l).RetryAfter)
			r.pass(time.Hour)
			equal(r, "remaining", 0, r.took(10, l).Remaining)
		},
	},
	{
		"rounds_intervals_up", "A rate that does not divide a second gives no more than it says.",
		func(r *rig) {
			l := ratelimit.Bucket(3, 1)
			r.took(1, l)
			equal(r, "retry after", 333_334*time.Microsecond, r.refused(1, l).RetryAfter)
		},
	},
	{
		"raises_at_once", "A bucket is never emptier than empty: what a lower rate owed is forgotten.",
		func(r *rig) {
			r.took(1, ratelimit.Bucket(1.0/86400, 1))
			r.refused(1, ratelimit.Bucket(10, 10))
			r.pass(100 * time.Millisecond)
			r.took(1, ratelimit.Bucket(10, 10))
		},
	},
}}

var calendarRules = group{"calendar", []rule{
	{
		"begins_again_with_the_period", "A day ends at midnight of its zone; RetryAfter is exact.",
		func(r *rig) {
			l := ratelimit.PerDay(10, zone(r, "Asia/Kolkata"))
			r.took(10, l)
			o := r.refused(1, l)
			equal(r, "retry after", 6*time.Hour+30*time.Minute, o.RetryAfter) // 17:30 there
			r.exactly(o, 10, l)
			r.refused(1, l)
		},
	},
	{
		"has_days_of_23_and_25_hours", "A day in which clocks change is as long as it is.",
		func(r *rig) {
			berlin := zone(r, "Europe/Berlin")
			l := ratelimit.PerDay(1, berlin)
			r.set(time.Date(2026, 3, 29, 0, 0, 0, 0, berlin))
			r.took(1, l)
			equal(r, "retry after", 23*time.Hour, r.refused(1, l).RetryAfter)
			r.set(time.Date(2026, 10, 25, 0, 0, 0, 0, berlin))
			r.took(1, l)
			equal(r, "retry after", 25*time.Hour, r.refused(1, l).RetryAfter)
		},
	},
	{
		"knows_a_day_without_midnight", "Where clocks are put forward at midnight the day begins at one.",
		func(r *rig) {
			l := ratelimit.PerDay(1, zone(r, "America/Santiago"))
			r.set(time.Date(2026, 9, 5, 12, 0, 0, 0, l.Zone)) // on the 6th clocks go from 0 to 1
			r.took(1, l)
			o := r.refused(1, l)
			equal(r, "retry after", 12*time.Hour, o.RetryAfter)
			r.exactly(o, 1, l)
			equal(r, "retry after", 23*time.Hour, r.refused(1, l).RetryAfter)
		},
	},
	{
		"counts_hours_weeks_and_months", "A week begins on Monday, a month on its first day.",
		func(r *rig) {
			for period, end := range map[ratelimit.Period]time.Time{
				ratelimit.Hourly:  noon.Add(time.Hour),
				ratelimit.Weekly:  time.Date(2026, 3, 16, 0, 0, 0, 0, time.UTC),
				ratelimit.Monthly: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC),
			} {
				l := ratelimit.Limit{Algorithm: ratelimit.Calendar, Max: 1, Period: period}
				r.took(1, l)
				equal(r, "retry after", end.Sub(noon), r.refused(1, l).RetryAfter)
			}
		},
	},
}}

func zone(r *rig, name string) *time.Location {
	r.t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		r.t.Fatal(err)
	}
	return z
}

var flightRules = group{"in_flight", []rule{
	{
		"frees_what_is_given_back", "Concurrency counts who holds, until it is given back.",
		func(r *rig) {
			l := ratelimit.InFlight(2, time.Minute)
			first := r.took(1, l)
			r.pass(10 * time.Second)
			second := r.took(1, l)
			equal(r, "retry after", 0, r.refused(1, l).RetryAfter)
			r.giveBack(first, 1, l)
			third := r.took(1, l)
			r.refused(1, l)
			r.giveBack(second, 1, l)
			r.giveBack(third, 1, l)
			r.took(2, l)
		},
	},
	{
		"forgets_who_never_gives_back", "A holder is forgotten after its lifetime, and does then not free another.",
		func(r *rig) {
			l := ratelimit.InFlight(1, time.Minute)
			leaked := r.took(1, l)
			r.pass(time.Minute)
			r.refused(1, l)
			r.pass(2 * l.Step())
			r.took(1, l)
			r.giveBack(leaked, 1, l)
			r.refused(1, l)
		},
	},
}}

var severalRules = group{"several", []rule{
	{
		"takes_from_all_or_none", "Several limits are one decision; the one that refuses for longest is named.",
		func(r *rig) {
			limits := []ratelimit.Limit{ratelimit.PerSecond(3), ratelimit.PerDay(5, nil)}
			o := r.took(3, limits...)
			equal(r, "limit", 0, o.Limit)
			equal(r, "remaining", 0, o.Remaining)
			equal(r, "limit", 0, r.refused(1, limits...).Limit)
			r.pass(2 * time.Second)
			o = r.refused(3, limits...)
			equal(r, "limit", 1, o.Limit)
			equal(r, "remaining", 2, o.Remaining)
			equal(r, "retry after", 12*time.Hour-2*time.Second, o.RetryAfter)
			r.took(2, limits...)
			equal(r, "limit", 1, r.refused(1, limits...).Limit)
		},
	},
	{
		"grants_what_the_tightest_has", "A part is the most that every limit has.",
		func(r *rig) {
			limits := []ratelimit.Limit{ratelimit.PerMinute(10), ratelimit.Bucket(1, 4)}
			o := r.settle(ratelimit.Op{Kind: ratelimit.OpTake, Limits: limits, N: 8, Least: 1})
			equal(r, "units", 4, o.Units)
			equal(r, "remaining", 6, r.peek(1, limits[0]).Remaining)
		},
	},
	{
		"names_the_one_that_never_gives", "Of several that refuse, the one that no time helps against is named.",
		func(r *rig) {
			o := r.refused(4, ratelimit.PerDay(10, nil), ratelimit.PerSecond(3))
			equal(r, "limit", 1, o.Limit)
			equal(r, "retry after", 0, o.RetryAfter)
		},
	},
}}
