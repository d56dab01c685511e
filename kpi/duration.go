package kpi

import (
	"strconv"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// Duration is a length of time. Its text is "90m", "12h", "30d": a whole number of the largest unit that fits.
type Duration time.Duration

// The units. A day is 24 hours here, whatever a clock on the wall does meanwhile.
const (
	Second = Duration(time.Second)
	Minute = 60 * Second
	Hour   = 60 * Minute
	Day    = 24 * Hour
)

var durationUnits = []struct {
	name string
	unit Duration
}{{"d", Day}, {"h", Hour}, {"m", Minute}, {"s", Second}}

// String returns d as text.
func (d Duration) String() string {
	if d == 0 {
		return "0s"
	}
	for _, u := range durationUnits {
		if d%u.unit == 0 {
			return strconv.FormatInt(int64(d/u.unit), 10) + u.name
		}
	}
	return time.Duration(d).String()
}

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads "30d", or what [time.ParseDuration] reads.
func (d *Duration) UnmarshalText(b []byte) error {
	s := string(b)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseInt(days, 10, 64)
		if err != nil || n < -maxWindow/int64(Day) || n > maxWindow/int64(Day) {
			return tenon.Invalid("duration", "%q is not a number of days", s)
		}
		*d = Duration(n) * Day
		return nil
	}
	parsed, err := time.ParseDuration(s)
	if err != nil {
		return tenon.Invalid("duration", "%q is neither days nor a duration", s)
	}
	*d = Duration(parsed)
	return nil
}

// maxWindow bounds windows: ten years.
const maxWindow = int64(3660 * Day)

// checkWindow refuses what is negative, too long, or finer than stores keep time.
func checkWindow(field string, d Duration) error {
	if d < 0 || int64(d) > maxWindow {
		return tenon.Invalid(field, "%s is not within 0 and 3660d", d)
	}
	if d%Duration(time.Microsecond) != 0 {
		return tenon.Invalid(field, "%s is finer than a microsecond", d)
	}
	return nil
}
