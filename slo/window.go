package slo

import (
	"fmt"
	"time"

	"github.com/transbotai/tenon/internal/civil"

	"github.com/transbotai/tenon"
)

// Calendar names the period that a calendar window follows.
type Calendar string

// The calendars. A week begins on Monday.
const (
	Rolling   Calendar = ""
	Daily     Calendar = "day"
	Weekly    Calendar = "week"
	Monthly   Calendar = "month"
	Quarterly Calendar = "quarter"
)

// Window is the time over which an objective is to hold.
type Window struct {
	// Length of a rolling window: whole minutes, at most 92 days. It is 0 with a Calendar.
	Length time.Duration `json:"length,omitempty"`
	// Calendar, where the window is the present day, week, month or quarter, as far as it has come.
	Calendar Calendar `json:"calendar,omitempty"`
	// Zone is the time zone of a calendar window by its IANA name; empty is UTC. A day in which the clock changes
	// has 23 or 25 hours.
	Zone string `json:"zone,omitempty"`
}

// maxWindow is the longest quarter.
const maxWindow = 92 * 24 * time.Hour

// Check returns a [tenon.ErrInvalid] that names the field at fault.
func (w Window) Check() error {
	if w.Calendar == Rolling {
		switch {
		case w.Length <= 0:
			return tenon.Invalid("window.length", "is not positive")
		case w.Length%time.Minute != 0:
			return tenon.Invalid("window.length", "is not in whole minutes")
		case w.Length > maxWindow:
			return tenon.Invalid("window.length", "exceeds 92 days")
		case w.Zone != "":
			return tenon.Invalid("window.zone", "is for calendar windows")
		}
		return nil
	}
	if w.nominal() == 0 {
		return tenon.Invalid("window.calendar", "%q is not day, week, month or quarter", w.Calendar)
	}
	if w.Length != 0 {
		return tenon.Invalid("window.length", "is for rolling windows")
	}
	if _, err := w.location(); err != nil {
		return tenon.Invalid("window.zone", "%q is not known here", w.Zone)
	}
	return nil
}

func (w Window) location() (*time.Location, error) {
	if w.Zone == "Local" {
		return nil, fmt.Errorf("a zone that differs between machines")
	}
	return time.LoadLocation(w.Zone)
}

// Period is how long the window is: of a calendar window the nominal length (a month 30 days, a quarter 90), from
// which burn tiers are scaled.
func (w Window) Period() time.Duration {
	if w.Calendar == Rolling {
		return w.Length
	}
	return w.nominal()
}

func (w Window) nominal() time.Duration {
	const day = 24 * time.Hour
	return map[Calendar]time.Duration{Daily: day, Weekly: 7 * day, Monthly: 30 * day, Quarterly: 90 * day}[w.Calendar]
}

// From returns where the window that ends at now begins. A rolling one begins at a whole minute, so that it covers its
// length and at most a minute more: counts are kept by the minute.
func (w Window) From(now time.Time) time.Time {
	if w.Calendar == Rolling {
		return now.Add(-w.Length).UTC().Truncate(time.Minute)
	}
	from, _ := w.Bounds(now)
	return from
}

// Bounds returns the calendar period that holds now: from its first instant to that of the next. A rolling window is
// bounded by From and now.
func (w Window) Bounds(now time.Time) (from, to time.Time) {
	if w.Calendar == Rolling {
		return w.From(now), now
	}
	zone, err := w.location()
	if err != nil {
		zone = time.UTC // Check refuses it; a machine that lacks the zone must still answer
	}
	local := now.In(zone)
	year, month, day := local.Date()
	switch w.Calendar {
	case Weekly:
		day -= (int(local.Weekday()) + 6) % 7
	case Monthly:
		day = 1
	case Quarterly:
		month, day = (month-1)/3*3+1, 1
	}
	next := map[Calendar][2]int{Weekly: {0, 7}, Monthly: {1, 0}, Quarterly: {3, 0}, Daily: {0, 1}}[w.Calendar]
	from = civil.DayStart(year, month, day, zone)
	return from.UTC(), civil.DayStart(year, month+time.Month(next[0]), day+next[1], zone).UTC()
}

// String describes the window: "24h0m0s", "month in Europe/Berlin".
func (w Window) String() string {
	switch {
	case w.Calendar == Rolling:
		return w.Length.String()
	case w.Zone == "":
		return string(w.Calendar)
	}
	return string(w.Calendar) + " in " + w.Zone
}
