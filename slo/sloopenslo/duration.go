package sloopenslo

import (
	"strconv"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/slo"
)

const day = 24 * time.Hour

// units are those of OpenSLO's duration-shorthand. A month and a quarter are calendars first; what they are as lengths
// is an agreement.
var units = map[byte]struct {
	length   time.Duration
	calendar slo.Calendar
	nominal  bool
}{
	'm': {length: time.Minute},
	'h': {length: time.Hour},
	'd': {length: day, calendar: slo.Daily},
	'w': {length: 7 * day, calendar: slo.Weekly},
	'M': {length: 30 * day, calendar: slo.Monthly, nominal: true},
	'Q': {length: 90 * day, calendar: slo.Quarterly, nominal: true},
	'Y': {length: 365 * day, nominal: true},
}

// maxCount bounds the number in a duration, far beyond any window that a board keeps.
const maxCount = 100_000

// duration is a number and a unit.
type duration struct {
	n    int64
	unit byte
}

func parseDuration(s string) (duration, error) {
	if len(s) < 2 {
		return duration{}, tenon.Invalid("duration", "is not a number and a unit such as 1m, 1h, 28d, 1w, 1M or 1Q")
	}
	n, err := strconv.ParseInt(s[:len(s)-1], 10, 64)
	_, known := units[s[len(s)-1]]
	if err != nil || !known || n <= 0 || n > maxCount {
		return duration{}, tenon.Invalid("duration", "is not a number and a unit such as 1m, 1h, 28d, 1w, 1M or 1Q")
	}
	return duration{n, s[len(s)-1]}, nil
}

func (d duration) length() time.Duration { return time.Duration(d.n) * units[d.unit].length }

// formatDuration writes whole minutes in the largest unit that divides them.
func formatDuration(d time.Duration) string {
	for _, unit := range []byte("dh") {
		if length := units[unit].length; d%length == 0 {
			return strconv.FormatInt(int64(d/length), 10) + string(unit)
		}
	}
	return strconv.FormatInt(int64(d/time.Minute), 10) + "m"
}

// calendars are the durations of calendar windows.
var calendars = map[slo.Calendar]string{slo.Daily: "1d", slo.Weekly: "1w", slo.Monthly: "1M", slo.Quarterly: "1Q"}
