package directory

import (
	"fmt"
	"sort"
	"time"

	"github.com/transbotai/tenon"
)

// Date is a day of the calendar, in no zone. The zero Date is none.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf returns the day that t shows.
func DateOf(t time.Time) Date {
	var d Date
	d.Year, d.Month, d.Day = t.Date()
	return d
}

// ParseDate reads "2028-02-29". A day that the calendar does not have is a [tenon.ErrInvalid].
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, tenon.Invalid("date", "%.20q is not a day of the form 2028-02-29", s)
	}
	return DateOf(t), nil
}

// String returns the date as [ParseDate] reads it; nothing for the zero Date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// MarshalText returns [Date.String].
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText returned.
func (d *Date) UnmarshalText(b []byte) (err error) {
	*d = Date{}
	if len(b) > 0 {
		*d, err = ParseDate(string(b))
	}
	return err
}

// IsZero says whether d is none.
func (d Date) IsZero() bool { return d == Date{} }

// Compare returns -1, 0 or 1 when d is before, the same as or after e.
func (d Date) Compare(e Date) int { return d.noon().Compare(e.noon()) }

// Add returns the day n days later; 29 February and the ends of years are days like others.
func (d Date) Add(n int) Date { return DateOf(d.noon().AddDate(0, 0, n)) }

// Until returns how many days e is after d.
func (d Date) Until(e Date) int { return int(e.noon().Sub(d.noon()) / (24 * time.Hour)) }

func (d Date) noon() time.Time { return time.Date(d.Year, d.Month, d.Day, 12, 0, 0, 0, time.UTC) }

// valid says whether the calendar has d, in a year of four digits.
func (d Date) valid() bool { return d.Year >= 1 && d.Year <= 9999 && DateOf(d.noon()) == d }

// End returns the first instant after d in the zone: midnight, or the instant at which clocks jump over it.
func (d Date) End(zone *time.Location) time.Time {
	from := d.noon().Add(-24 * time.Hour) // not after the noon of d anywhere, and so before its end
	after := sort.Search(72*60*60, func(s int) bool {
		return DateOf(from.Add(time.Duration(s)*time.Second).In(zone)).Compare(d) > 0
	})
	return from.Add(time.Duration(after) * time.Second).UTC()
}

// Start returns the first instant of d in the zone.
func (d Date) Start(zone *time.Location) time.Time { return d.Add(-1).End(zone) }

// zoneOf returns the location of an IANA name; empty is UTC.
func zoneOf(name string) (*time.Location, error) {
	if name == "Local" {
		return nil, tenon.Invalid("zone", "%q differs from machine to machine", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, tenon.Invalid("zone", "%.40q is not the name of a time zone", name)
	}
	return zone, nil
}
