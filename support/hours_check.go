package support

import (
	"fmt"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// The years that a [Calendar] knows.
const (
	firstYear = 1
	lastYear  = 9999
)

// longestHoliday bounds a holiday in days: what never opens again is always closed.
const longestHoliday = 3660

// yearlyWithin is how far ahead yearly holidays are compared with others.
const yearlyWithin = 100

// Check returns what is wrong with h: a [tenon.FieldError] that names the field, or [ErrAlwaysClosed].
func (h Hours) Check() error {
	_, err := compile(h)
	return prefix(err)
}

// compiled is what [Hours] mean, by number.
type compiled struct {
	zone   *time.Location
	week   [7][]Span
	dates  map[int][]Span // by day since 1970
	closed []dayRange     // by first day; those of single years
	yearly []yearlyRange
}

type dayRange struct {
	from, to int // days since 1970, both included
	name     string
}

// yearlyRange is a part of each year, in month*100+day.
type yearlyRange struct {
	since    int // the year
	from, to int
}

func compile(h Hours) (*compiled, error) {
	c := &compiled{dates: map[int][]Span{}}
	for _, step := range []func(Hours) error{c.setZone, c.setWeek, c.setHolidays, c.setDates} {
		if err := step(h); err != nil {
			return nil, err
		}
	}
	return c, c.checkOpen()
}

func (c *compiled) setZone(h Hours) (err error) {
	if h.Zone == "" || h.Zone == "Local" {
		return tenon.Invalid("zone", "%q is not the name of a zone", h.Zone)
	}
	if c.zone, err = time.LoadLocation(h.Zone); err != nil {
		return tenon.Invalid("zone", "%q is not in the IANA database", h.Zone)
	}
	return nil
}

func (c *compiled) setWeek(h Hours) error {
	for day, spans := range h.Week {
		weekday, ok := weekdays[day]
		if !ok {
			return tenon.Invalid("week", "%q is not a day of the week", string(day))
		}
		sorted, err := checkSpans("week."+string(day), spans)
		if err != nil {
			return err
		}
		c.week[weekday] = sorted
	}
	return nil
}

// checkSpans returns the spans in their order.
func checkSpans(field string, spans []Span) ([]Span, error) {
	sorted := slices.SortedFunc(slices.Values(spans), func(a, b Span) int { return int(a.From - b.From) })
	for i, s := range sorted {
		if err := s.check(field); err != nil {
			return nil, err
		}
		if i > 0 && sorted[i-1].To > s.From {
			return nil, tenon.Invalid(field, "%s and %s overlap", sorted[i-1], s)
		}
	}
	return sorted, nil
}

func (c *compiled) setHolidays(h Hours) error {
	var all []dayRange
	for i, holiday := range h.Holidays {
		ranges, err := c.holiday(fmt.Sprintf("holidays[%d]", i), holiday)
		if err != nil {
			return err
		}
		all = append(all, ranges...)
	}
	slices.SortFunc(all, func(a, b dayRange) int { return a.from - b.from })
	for i := 1; i < len(all); i++ {
		if all[i].from <= all[i-1].to {
			return tenon.Invalid("holidays", "%q and %q overlap", all[i-1].name, all[i].name)
		}
	}
	return nil
}

// holiday adds one, and returns the days that it closes within the years that are compared.
func (c *compiled) holiday(field string, h Holiday) ([]dayRange, error) {
	from, err := h.From.day(field + ".from")
	if err != nil {
		return nil, err
	}
	to := from
	if h.To != "" {
		if to, err = h.To.day(field + ".to"); err != nil {
			return nil, err
		}
	}
	if to < from {
		return nil, tenon.Invalid(field, "%q ends before it begins", h.Name)
	}
	if to-from >= longestHoliday {
		return nil, tenon.Invalid(field, "%q is longer than %d days", h.Name, longestHoliday)
	}
	if !h.Yearly {
		r := dayRange{from, to, h.Name}
		i, _ := slices.BinarySearchFunc(c.closed, r, func(a, b dayRange) int { return a.from - b.from })
		c.closed = slices.Insert(c.closed, i, r)
		return []dayRange{r}, nil
	}
	first, last := dayTime(from), dayTime(to)
	if first.Year() != last.Year() {
		return nil, tenon.Invalid(field, "%q is yearly and does not end in the year in which it begins", h.Name)
	}
	c.yearly = append(c.yearly, yearlyRange{first.Year(), monthDay(first), monthDay(last)})
	var ranges []dayRange
	for year := first.Year(); year < first.Year()+yearlyWithin; year++ {
		begin, end := inYear(first, year), inYear(last, year)
		if end.Month() != last.Month() { // the 29th of February in a year that has none
			end = end.AddDate(0, 0, -1)
		}
		if !end.Before(begin) {
			ranges = append(ranges, dayRange{dayOf(begin.Unix()), dayOf(end.Unix()), h.Name})
		}
	}
	return ranges, nil
}

func dayTime(day int) time.Time { return time.Unix(int64(day)*24*60*60, 0).UTC() }

// inYear returns the day of t in another year; the day after it where that year does not have it.
func inYear(t time.Time, year int) time.Time {
	return time.Date(year, t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

func monthDay(t time.Time) int { return int(t.Month())*100 + t.Day() }

func (c *compiled) setDates(h Hours) error {
	for date, spans := range h.Dates {
		field := "dates." + string(date)
		day, err := date.day(field)
		if err != nil {
			return err
		}
		if c.holidayOn(day) {
			return tenon.Invalid(field, "is a holiday too")
		}
		if c.dates[day], err = checkSpans(field, spans); err != nil {
			return err
		}
	}
	return nil
}

// holidayOn says whether a day is a holiday.
func (c *compiled) holidayOn(day int) bool {
	i, found := slices.BinarySearchFunc(c.closed, day, func(r dayRange, day int) int { return r.from - day })
	if found || i > 0 && day <= c.closed[i-1].to {
		return true
	}
	t := dayTime(day)
	return slices.ContainsFunc(c.yearly, func(y yearlyRange) bool {
		return t.Year() >= y.since && monthDay(t) >= y.from && monthDay(t) <= y.to
	})
}

// spansOn returns the spans of a day.
func (c *compiled) spansOn(day int) []Span {
	if spans, ok := c.dates[day]; ok {
		return spans
	}
	if c.holidayOn(day) {
		return nil
	}
	return c.week[((day+int(time.Thursday))%7+7)%7] // 1970-01-01 was a Thursday
}

// checkOpen refuses hours whose weeks are closed, or whose yearly holidays leave no day: what is left are dates, which
// come to an end.
func (c *compiled) checkOpen() error {
	open := slices.ContainsFunc(c.week[:], func(spans []Span) bool { return len(spans) > 0 })
	free := 0
	for t := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC); t.Year() == 2001; t = t.AddDate(0, 0, 1) {
		if !slices.ContainsFunc(c.yearly, func(y yearlyRange) bool { return monthDay(t) >= y.from && monthDay(t) <= y.to }) {
			free++
		}
	}
	if !open || free == 0 {
		return ErrAlwaysClosed
	}
	return nil
}
