package kpitest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/kpi"
)

// zones change their clocks in the month before noon, but Kolkata; St John's is half an hour off, and in Lord Howe the
// clocks move by half an hour.
var zones = []string{"Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"}

// stream makes random events, and knows what is true.
type stream struct {
	rig    *rig
	random *rand.Rand
	book   *book
	keys   []kpi.Ref // that were used
	n      int
}

// changes are instants around which events crowd: the clocks of the zones change, and days begin.
var changes = []time.Time{
	time.Date(2026, 3, 8, 5, 30, 0, 0, time.UTC), time.Date(2026, 3, 8, 7, 0, 0, 0, time.UTC),
	time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), time.Date(2026, 3, 28, 23, 0, 0, 0, time.UTC),
	time.Date(2026, 4, 4, 15, 0, 0, 0, time.UTC), time.Date(2026, 4, 4, 13, 0, 0, 0, time.UTC),
	time.Date(2026, 4, 1, 18, 30, 0, 0, time.UTC), time.Date(2026, 4, 1, 2, 30, 0, 0, time.UTC),
}

func (s *stream) at() time.Time {
	switch s.random.IntN(3) {
	case 0: // on the edge, or next to it
		edge := changes[s.random.IntN(len(changes))]
		return edge.Add(time.Duration(s.random.IntN(3)-1) * time.Microsecond)
	case 1: // on a coarse grid, so that instants meet
		return noon.Add(-time.Duration(s.random.IntN(33*24)) * time.Hour)
	}
	return noon.Add(-time.Duration(s.random.Int64N(int64(33*24*time.Hour))) / 1000 * 1000)
}

func (s *stream) event() kpi.Event {
	names := []string{"quote_created", "quote_accepted", "load_booked", "quote_created", "noise"}
	e := kpi.Event{
		Tenant: fmt.Sprint("t", s.random.IntN(2)), Name: names[s.random.IntN(len(names))], At: s.at(),
		Properties: map[string]any{},
	}
	if s.random.IntN(8) > 0 {
		e.User = fmt.Sprint("u", s.random.IntN(12))
	}
	if s.random.IntN(8) > 0 {
		e.Properties["quote_id"] = fmt.Sprint("q", s.random.IntN(30))
	}
	lanes := []any{"a", "a", "b", "ü → x", 7, true, nil}
	if lane := lanes[s.random.IntN(len(lanes))]; lane != nil {
		e.Properties["lane"] = lane
	}
	amounts := []any{s.random.IntN(100), float64(s.random.IntN(1e6)) / 1e4, -3, "12", nil}
	if amount := amounts[s.random.IntN(len(amounts))]; amount != nil {
		e.Properties["amount"] = amount
	}
	return e
}

// step tracks, corrects or retracts, and writes it down.
func (s *stream) step() {
	switch s.random.IntN(6) {
	case 0:
		s.correct()
	case 1:
		s.retract()
	default:
		s.track()
	}
}

func (s *stream) track() {
	events := make([]kpi.Event, 1+s.random.IntN(9))
	for i := range events {
		events[i] = s.event()
		s.n++
		events[i].Key = fmt.Sprint("k", s.n)
		if s.n > 5 && s.random.IntN(5) == 0 {
			events[i].Key = fmt.Sprint("k", 1+s.random.IntN(s.n)) // a retry, or somebody who uses a key again
		}
	}
	for i, receipt := range s.rig.track(events...) {
		ref := kpi.Ref{Tenant: events[i].Tenant, Key: events[i].Key}
		if receipt.Outcome == kpi.Accepted {
			s.book.facts[ref] = fact{events[i], receipt.ID}
			s.keys = append(s.keys, ref)
		}
	}
}

// some returns a key that was used.
func (s *stream) some() (kpi.Ref, bool) {
	if len(s.keys) == 0 {
		return kpi.Ref{}, false
	}
	ref := s.keys[s.random.IntN(len(s.keys))]
	_, alive := s.book.facts[ref]
	return ref, alive
}

func (s *stream) correct() {
	ref, alive := s.some()
	if !alive {
		return
	}
	e := s.event()
	e.Tenant, e.Key = ref.Tenant, ref.Key
	s.rig.later(time.Millisecond)
	receipt, err := s.rig.tracker().Correct(s.rig.ctx(), e)
	s.rig.must(err)
	s.book.facts[ref] = fact{e, receipt.ID}
}

func (s *stream) retract() {
	ref, alive := s.some()
	if !alive {
		return
	}
	s.rig.later(time.Millisecond)
	s.rig.must(s.rig.tracker().Retract(s.rig.ctx(), ref))
	delete(s.book.facts, ref)
}

// ask compares a question with the recount.
func (s *stream) ask(q question, w wall, zone string) {
	s.rig.t.Helper()
	report := s.rig.read(kpi.Query{
		KPI: q.kpi.Name, Tenant: w.tenant, Grain: w.grain, Zone: zone, Split: w.split,
		From: noon.Add(-40 * 24 * time.Hour), To: noon.Add(24 * time.Hour),
	})
	what := fmt.Sprintf("%s by %s in %s of %q, split %t", q.kpi.Name, w.grain, zone, w.tenant, w.split)
	conform.Equal(s.rig.t, what, sheetOf(report), q.naive(s.book, w).figures())
}

// someone asks a random question.
func (s *stream) someone() {
	s.rig.t.Helper()
	zone := zones[s.random.IntN(len(zones))]
	loc, err := time.LoadLocation(zone)
	s.rig.must(err)
	q := questions[s.random.IntN(len(questions))]
	w := wall{
		zone: loc, grain: []kpi.Grain{kpi.Daily, kpi.Daily, kpi.Weekly, kpi.Monthly, kpi.Hourly}[s.random.IntN(5)],
		tenant: []string{"", "t0", "t1"}[s.random.IntN(3)], split: q.kpi.Ratio == nil && s.random.IntN(2) == 0,
	}
	if zone == "Australia/Lord_Howe" && w.grain == kpi.Hourly {
		w.grain = kpi.Daily // an hour in which the clock goes back by half has no name of its own
	}
	s.ask(q, w, zone)
}

// streamed runs a stream, and looks at it after every step: half of the KPIs are declared when it is half over.
func (r *rig) streamed(steps int, folding bool) {
	s := &stream{rig: r, random: r.random(), book: newBook()}
	for i, q := range questions {
		if i%2 == 0 {
			r.define(q.kpi)
		}
	}
	for i := range steps {
		if i == steps/2 {
			for _, q := range questions {
				r.define(q.kpi)
			}
		}
		s.step()
		if i >= steps/2 {
			s.someone()
		}
		if folding && s.random.IntN(3) == 0 {
			r.fold()
			r.verify()
		}
	}
	s.all()
	r.verify()
	r.fold()
	s.all()
	r.verify()
	r.rebuild()
	s.all()
}

// all asks everything, in every zone by day.
func (s *stream) all() {
	s.rig.t.Helper()
	for i, q := range questions {
		for k, zone := range zones {
			loc, err := time.LoadLocation(zone)
			s.rig.must(err)
			if soak() || (i+k)%3 == 0 {
				s.ask(q, wall{zone: loc, grain: kpi.Daily, split: q.kpi.Ratio == nil && k%2 == 0}, zone)
			}
		}
	}
}

var streamRules = group{"streams", []rule{
	{
		"figures_equal_a_recount_while_nothing_is_folded",
		"Random events, late, duplicated, corrected and retracted, around changes of the clock: every figure is exact.",
		func(r *rig) { r.streamed(long(60), false) },
	},
	{
		"figures_equal_a_recount_folded_or_not",
		"The same, while rollups are made in between.",
		func(r *rig) { r.streamed(long(60), true) },
	},
	{
		"the_order_of_arrival_does_not_matter",
		"Events that come shuffled and twice count as those that come in order.",
		func(r *rig) {
			s := &stream{rig: r, random: r.random(), book: newBook()}
			var events []kpi.Event
			for i := range long(80) {
				e := s.event()
				e.Key, e.At = fmt.Sprint(i), e.At.Add(time.Duration(i)*7*time.Microsecond) // no two at the same instant
				events = append(events, e, e)
			}
			s.random.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
			for _, q := range questions {
				r.define(q.kpi)
			}
			for i, e := range events {
				receipt := r.track(e)[0]
				s.book.facts[kpi.Ref{Tenant: e.Tenant, Key: e.Key}] = fact{e, receipt.ID}
				if i%50 == 20 {
					r.fold()
				}
			}
			s.all()
		},
	},
}}

func long(n int) int {
	if soak() {
		return 20 * n
	}
	return n
}
