package kpitest

import (
	"time"

	"github.com/transbotai/tenon/kpi"
)

var decimal = kpi.Filter{Property: "amount", Op: kpi.AtLeast, Number: 50_000_000}

// questions are asked of random streams.
var questions = []question{
	{
		kpi.KPI{Name: "created", Count: &kpi.Count{Of: kpi.On("quote_created"), Breakdown: "lane"}},
		func(b *book, w wall) sheet {
			s := sheet{}
			for _, f := range b.of(w) {
				if f.is("quote_created") {
					s.at(w.period(f.At), w.group(f, "lane")).count++
				}
			}
			return s
		},
	},
	{
		kpi.KPI{Name: "large", Count: &kpi.Count{Of: kpi.On("quote_created", "load_booked").If(decimal, kpi.Is("lane", "a"))}},
		func(b *book, w wall) sheet {
			s := sheet{}
			for _, f := range b.of(w) {
				n := f.number("amount")
				if f.is("quote_created", "load_booked") && f.text("lane") == "a" && n != nil && n.Cmp(rat(50_000_000)) >= 0 {
					s.at(w.period(f.At), "").count++
				}
			}
			return s
		},
	},
	{
		kpi.KPI{Name: "value", Sum: &kpi.Sum{Of: kpi.On("quote_created", "load_booked"), Property: "amount", Breakdown: "lane"}},
		func(b *book, w wall) sheet {
			s := sheet{}
			for _, f := range b.of(w) {
				if f.is("quote_created", "load_booked") {
					t := s.at(w.period(f.At), w.group(f, "lane"))
					t.count++
					if n := f.number("amount"); n != nil {
						t.numbers++
						t.sum.Add(t.sum, n)
					}
				}
			}
			return s
		},
	},
	{
		kpi.KPI{Name: "per_load", Ratio: &kpi.Ratio{
			Of: kpi.Term{Of: kpi.On("quote_created"), Property: "amount"}, Per: kpi.Term{Of: kpi.On("load_booked")},
		}},
		func(b *book, w wall) sheet {
			s := sheet{}
			for _, f := range b.of(w) {
				switch t := w.period(f.At); {
				case f.is("load_booked"):
					s.at(t, "").numbers++
				case f.is("quote_created"):
					s.at(t, "").count++
					if n := f.number("amount"); n != nil {
						s.at(t, "").sum.Add(s.at(t, "").sum, n)
					}
				}
			}
			return s
		},
	},
	{
		kpi.KPI{Name: "users", Unique: &kpi.Unique{Of: kpi.On("quote_created", "quote_accepted"), Breakdown: "lane"}},
		func(b *book, w wall) sheet {
			s, seen := sheet{}, map[string]bool{}
			for _, f := range b.of(w) {
				p, g, who := w.period(f.At), w.group(f, "lane"), f.subject(kpi.User)
				if f.is("quote_created", "quote_accepted") && who != "" && !seen[p+g+who] {
					seen[p+g+who] = true
					s.at(p, g).count++
				}
			}
			return s
		},
	},
	{
		kpi.KPI{Name: "book", Conversion: &kpi.Conversion{
			Start: kpi.On("quote_created", "quote_accepted"), Convert: kpi.On("quote_accepted"), Subject: "quote_id",
			Window: 3 * kpi.Day, Breakdown: "lane",
		}},
		naivePairs("quote_id", 3*24*time.Hour, 0),
	},
	{
		kpi.KPI{Name: "users_book", Conversion: &kpi.Conversion{
			Start: kpi.On("quote_created", "quote_accepted"), Convert: kpi.On("quote_accepted"), Lead: kpi.Hour, Breakdown: "lane",
		}},
		naivePairs(kpi.User, 0, time.Hour),
	},
	{
		kpi.KPI{Name: "return", Cohort: &kpi.Cohort{
			Start: kpi.On("quote_created"), Convert: kpi.On("load_booked", "quote_created"), Subject: "quote_id",
			Window: 4 * kpi.Day, Every: kpi.Day, Breakdown: "lane",
		}},
		naiveCohort,
	},
}

// naivePairs looks for the first start and the first conversion of every subject.
func naivePairs(subject kpi.Subject, window, lead time.Duration) func(b *book, w wall) sheet {
	return func(b *book, w wall) sheet {
		starts, converts := map[string]fact{}, map[string]fact{}
		for _, f := range b.of(w) {
			who := f.subject(subject)
			if _, there := starts[who]; !there && f.is("quote_created", "quote_accepted") {
				starts[who] = f
			}
			if _, there := converts[who]; !there && f.is("quote_accepted") {
				converts[who] = f
			}
		}
		delete(starts, "")
		s := sheet{}
		for who, start := range starts {
			t := s.at(w.period(start.At), w.group(start, "lane"))
			t.count++
			if c, ok := converts[who]; ok {
				took := c.At.Sub(start.At)
				if took >= -lead && (window == 0 || took <= window) {
					t.converted++
				}
			}
		}
		return s
	}
}

func naiveCohort(b *book, w wall) sheet {
	starts := map[string]fact{}
	facts := b.of(w)
	for _, f := range facts {
		who := f.subject("quote_id")
		if _, there := starts[who]; !there && who != "" && f.is("quote_created") {
			starts[who] = f
		}
	}
	s := sheet{}
	for who, start := range starts {
		t := s.at(w.period(start.At), w.group(start, "lane"))
		t.count++
		var ages [4]bool
		for _, f := range facts {
			if f.subject("quote_id") == who && f.id != start.id && f.is("load_booked", "quote_created") {
				for age := range 4 {
					from := start.At.Add(time.Duration(age) * 24 * time.Hour)
					ages[age] = ages[age] || !f.At.Before(from) && f.At.Before(from.Add(24*time.Hour))
				}
			}
		}
		for age, was := range ages {
			if was {
				t.reached[age]++
			}
		}
		if ages != [4]bool{} {
			t.converted++
		}
	}
	return s
}
