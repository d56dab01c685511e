package support

import (
	"fmt"
	"time"

	"github.com/transbotai/tenon"
)

// Hours says when somebody is there, in local time. The gap between two spans of a day is a break.
type Hours struct {
	// Zone is the name of the zone in the IANA database: "Europe/Berlin". Required.
	Zone string `json:"zone"`
	// Week holds the spans of each weekday, which must not overlap. At least one is required. A day that is not named
	// is closed.
	Week map[Day][]Span `json:"week"`
	// Holidays are days that are closed, and must not overlap.
	Holidays []Holiday `json:"holidays,omitempty"`
	// Dates are days whose spans differ from their weekday's; none is closed. A date must not be a holiday too.
	Dates map[Date][]Span `json:"dates,omitempty"`
}

// Day is a day of the week: "mon", "tue", "wed", "thu", "fri", "sat" or "sun".
type Day string

// The days of the week.
const (
	Monday    Day = "mon"
	Tuesday   Day = "tue"
	Wednesday Day = "wed"
	Thursday  Day = "thu"
	Friday    Day = "fri"
	Saturday  Day = "sat"
	Sunday    Day = "sun"
)

var weekdays = map[Day]time.Weekday{
	Monday: time.Monday, Tuesday: time.Tuesday, Wednesday: time.Wednesday, Thursday: time.Thursday,
	Friday: time.Friday, Saturday: time.Saturday, Sunday: time.Sunday,
}

// Weekdays returns a week that is open from Monday to Friday for these spans.
func Weekdays(spans ...Span) map[Day][]Span {
	return map[Day][]Span{Monday: spans, Tuesday: spans, Wednesday: spans, Thursday: spans, Friday: spans}
}

// EveryDay returns a week that is open on all days for these spans.
func EveryDay(spans ...Span) map[Day][]Span {
	week := Weekdays(spans...)
	week[Saturday], week[Sunday] = spans, spans
	return week
}

// Span is a part of a day, in local time: from its first minute until before its last. In JSON it is "09:00-17:30".
type Span struct{ From, To TimeOfDay }

// TimeOfDay is a time on a local clock, in minutes since midnight, 0 to 1440. In text it is "09:30"; midnight at the end
// of a day is "24:00".
type TimeOfDay int

// At returns the time of day at hour and minute.
func At(hour, minute int) TimeOfDay { return TimeOfDay(hour*60 + minute) }

// String returns the time as "09:30".
func (c TimeOfDay) String() string { return fmt.Sprintf("%02d:%02d", c/60, c%60) }

// String returns the span as "09:00-17:30".
func (s Span) String() string { return s.From.String() + "-" + s.To.String() }

// MarshalText implements [encoding.TextMarshaler].
func (s Span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *Span) UnmarshalText(text []byte) error {
	parsed, err := ParseSpan(string(text))
	if err == nil {
		*s = parsed
	}
	return err
}

// ParseSpan reads "09:00-17:30".
func ParseSpan(text string) (Span, error) {
	var h1, m1, h2, m2 int
	var s Span
	if n, err := fmt.Sscanf(text, "%d:%d-%d:%d", &h1, &m1, &h2, &m2); n == 4 && err == nil {
		s = Span{At(h1, m1), At(h2, m2)}
	}
	if s.String() != text {
		return Span{}, tenon.Invalid("span", "%q is not of the form 09:00-17:30", text)
	}
	return s, s.check("span")
}

func (s Span) check(field string) error {
	if s.From < 0 || s.To > 24*60 || s.From >= s.To {
		return tenon.Invalid(field, "%s does not lie within 00:00 and 24:00, or ends before it begins", s)
	}
	return nil
}

// Date is a day of the calendar: "2026-12-24".
type Date string

// dateLayout is the form of a [Date].
const dateLayout = "2006-01-02"

// day returns the number of the day since 1970-01-01.
func (d Date) day(field string) (int, error) {
	t, err := time.Parse(dateLayout, string(d))
	if err != nil || t.Year() < firstYear || t.Year() > lastYear {
		return 0, tenon.Invalid(field, "%q is not a date of the form 2026-12-24", string(d))
	}
	return dayOf(t.Unix()), nil
}

// dayOf returns the day that an instant of a clock without a zone falls on.
func dayOf(seconds int64) int {
	const day = 24 * 60 * 60
	return int((seconds - ((seconds%day)+day)%day) / day)
}

// Holiday is a run of closed days.
type Holiday struct {
	Name string `json:"name"`
	From Date   `json:"from"`
	To   Date   `json:"to,omitempty"` // the last day, at most 3,660 days on; empty means From
	// Yearly repeats it each year, from the year of From on. It must end in the year in which it begins.
	Yearly bool `json:"yearly,omitempty"`
}
