package kpitest

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/transbotai/tenon/kpi"
)

// fact is an event as it was handed in, and the id that it got.
type fact struct {
	kpi.Event
	id string
}

// book is the naive reference: what is true, in a list.
type book struct{ facts map[kpi.Ref]fact }

func newBook() *book { return &book{facts: map[kpi.Ref]fact{}} }

// text is what a property is compared as. The suite's groups and subjects are strings, ints and bools.
func (f fact) text(property string) string {
	switch v := f.Properties[property].(type) {
	case string:
		return v
	case int:
		return strconv.Itoa(v)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

func (f fact) number(property string) *big.Rat {
	switch v := f.Properties[property].(type) {
	case int:
		return big.NewRat(int64(v), 1)
	case float64:
		r, _ := new(big.Rat).SetString(strconv.FormatFloat(v, 'f', -1, 64))
		return r
	}
	return nil
}

func (f fact) is(names ...string) bool { return slices.Contains(names, f.Name) }

// subject returns whom the fact is about, "" for nobody.
func (f fact) subject(s kpi.Subject) string {
	switch s {
	case kpi.User:
		if f.User == "" {
			return ""
		}
		return f.Tenant + "/" + f.User
	case kpi.Tenant:
		return f.Tenant + "/"
	}
	if t := f.text(string(s)); t != "" {
		return f.Tenant + "/" + t
	}
	return ""
}

// period names the period that holds t, by the clock on the wall.
func period(grain kpi.Grain, zone *time.Location, t time.Time) string {
	local := t.In(zone)
	y, m, d := local.Date()
	switch grain {
	case kpi.Hourly:
		return local.Format("2006-01-02T15") + local.Format(":00Z07:00")
	case kpi.Weekly:
		for local.Weekday() != time.Monday {
			local = time.Date(y, m, local.Day()-1, 12, 0, 0, 0, time.UTC)
			y, m, d = local.Date()
		}
	case kpi.Monthly:
		d = 1
	}
	return fmt.Sprintf("%04d-%02d-%02d", y, m, d)
}

// ordered returns the facts by when they happened, then by id.
func (b *book) ordered() []fact {
	var all []fact
	for _, f := range b.facts {
		all = append(all, f)
	}
	slices.SortFunc(all, func(x, y fact) int {
		if c := x.At.Compare(y.At); c != 0 {
			return c
		}
		if x.id < y.id {
			return -1
		}
		return 1
	})
	return all
}

// tally is what one period and group comes to.
type tally struct {
	count, converted, numbers int64
	sum                       *big.Rat
	reached                   [12]int64
}

func (t tally) String() string {
	s := fmt.Sprint(t.count, " ", t.converted, " ", t.numbers, " ", t.reached)
	if t.sum != nil && t.sum.Sign() != 0 {
		s += " " + t.sum.RatString()
	}
	return s
}

// sheet is figures by period and group.
type sheet map[string]*tally

func (s sheet) at(period, group string) *tally {
	k := period + " | " + group
	if s[k] == nil {
		s[k] = &tally{sum: new(big.Rat)}
	}
	return s[k]
}

// figures turns the sheet into text that can be compared.
func (s sheet) figures() map[string]string {
	all := map[string]string{}
	for k, t := range s {
		all[k] = t.String()
	}
	return all
}

// question is a KPI, and the naive way to it.
type question struct {
	kpi   kpi.KPI
	naive func(b *book, w wall) sheet
}

// wall is in whose eyes a day is a day, and of whom and how figures are asked for.
type wall struct {
	zone   *time.Location
	grain  kpi.Grain
	tenant string
	split  bool
}

func (w wall) period(t time.Time) string { return period(w.grain, w.zone, t) }

func (w wall) group(f fact, breakdown string) string {
	if !w.split || breakdown == "" {
		return ""
	}
	return f.text(breakdown)
}

// of returns the facts that the wall is about.
func (b *book) of(w wall) []fact {
	return slices.DeleteFunc(b.ordered(), func(f fact) bool { return w.tenant != "" && f.Tenant != w.tenant })
}

// sheetOf turns a report into figures, without the periods in which there is nothing.
func sheetOf(r kpi.Report) map[string]string {
	all := map[string]string{}
	for _, p := range r.Points {
		t := tally{}
		switch {
		case r.KPI.Count != nil, r.KPI.Unique != nil:
			t.count = p.Count
		case r.KPI.Sum != nil:
			t.count, t.numbers, t.sum = p.Sample, p.Count, rat(*p.Sum)
		case r.KPI.Ratio != nil:
			t.count, t.numbers, t.sum = p.Count, p.Sample, rat(*p.Sum)
		default:
			t.count, t.converted = p.Sample, p.Count
			for i, s := range append(slices.Clone(p.Steps), p.Ages...) {
				t.reached[i] = s.Count
			}
		}
		if t.count != 0 || t.numbers != 0 {
			all[p.Date+" | "+p.Group] = t.String()
		}
	}
	return all
}

func rat(a kpi.Amount) *big.Rat { return big.NewRat(int64(a), 1_000_000) }
