package kpitest

import (
	"slices"
	"time"

	"github.com/transbotai/tenon/kpi"
)

// spotted is an event of a subject with its place in the order: those with the same rank do not follow each other.
type spotted struct {
	fact
	rank     int
	step     int // the first that it fits
	excluded bool
}

// path is a sequence of events that fits the funnel.
type path []spotted

func (p path) first() spotted { return p[0] }
func (p path) last() spotted  { return p[len(p)-1] }

// fitsName says whether the fact fits the step, whose filters the suite does not use in funnels.
func fitsName(s kpi.Step, f fact) bool { return slices.Contains(s.Events, f.Name) }

// spot ranks the facts of a subject, which are by instant and id.
func spot(f *kpi.Funnel, facts []fact) []spotted {
	var all []spotted
	for _, one := range facts {
		s := spotted{fact: one, step: len(f.Steps)}
		for k := range slices.Backward(f.Steps) {
			if fitsName(f.Steps[k], one) {
				s.step = k
			}
		}
		for _, x := range f.Exclude {
			s.excluded = s.excluded || s.step == len(f.Steps) && fitsName(x, one)
		}
		if s.excluded || s.step < len(f.Steps) {
			all = append(all, s)
		}
	}
	if f.Ties == kpi.TiesBySteps {
		slices.SortStableFunc(all, func(a, b spotted) int {
			if c := a.At.Compare(b.At); c != 0 {
				return c
			}
			return a.step - b.step
		})
	}
	for i := range all {
		all[i].rank = i
		if f.Ties == kpi.TiesApart && i > 0 && all[i].At.Equal(all[i-1].At) {
			all[i].rank = all[i-1].rank
		}
	}
	return all
}

// paths returns every path through the events, of every length, by trying all sequences.
func paths(f *kpi.Funnel, all []spotted) []path {
	var found []path
	var extend func(p path)
	extend = func(p path) {
		if len(p) > 0 {
			found = append(found, slices.Clone(p))
		}
		if len(p) == len(f.Steps) {
			return
		}
		for _, next := range all {
			if longer := append(slices.Clone(p), next); valid(f, longer, all) {
				extend(longer)
			}
		}
	}
	extend(nil)
	return found
}

// valid says whether p is a path by the letter of the rules.
func valid(f *kpi.Funnel, p path, all []spotted) bool {
	for i, s := range p {
		if !fitsName(f.Steps[i], s.fact) || i > 0 && s.rank <= p[i-1].rank {
			return false
		}
	}
	if f.Window > 0 && p.last().At.Sub(p.first().At) > time.Duration(f.Window) {
		return false
	}
	for _, s := range all {
		if s.excluded && p.first().rank < s.rank && s.rank < p.last().rank {
			return false
		}
		for i := 1; i < len(p) && f.Order == kpi.Strict; i++ {
			if p[i-1].rank < s.rank && s.rank < p[i].rank {
				return false
			}
		}
	}
	return true
}

// counting returns for every event and step the path that counts: the one whose first event comes last.
func counting(f *kpi.Funnel, all []spotted) []path {
	var chosen []path
	for _, p := range paths(f, all) {
		i := slices.IndexFunc(chosen, func(c path) bool { return c.last().id == p.last().id && len(c) == len(p) })
		switch {
		case i < 0:
			chosen = append(chosen, p)
		case p.first().rank > chosen[i].first().rank:
			chosen[i] = p
		case p.first().rank == chosen[i].first().rank && p.first().id < chosen[i].first().id:
			chosen[i] = p
		}
	}
	return chosen
}

// better says whether a wins over b in a period.
func better(a, b path) bool {
	switch {
	case len(a) != len(b):
		return len(a) > len(b)
	case a.last().rank != b.last().rank:
		return a.last().rank < b.last().rank
	case !a.first().At.Equal(b.first().At):
		return a.first().At.After(b.first().At)
	case a.first().id != b.first().id:
		return a.first().id < b.first().id
	}
	return a.last().id < b.last().id
}

// naiveFunnel follows every subject by brute force, and returns what those took who got to the end as well.
func naiveFunnel(f *kpi.Funnel, facts []fact, w wall) (sheet, map[string][]time.Duration) {
	bySubject := map[string][]fact{}
	for _, one := range facts {
		if who := one.subject(f.Subject); who != "" {
			bySubject[who] = append(bySubject[who], one)
		}
	}
	s, took := sheet{}, map[string][]time.Duration{}
	for _, own := range bySubject {
		winners := map[string]path{}
		for _, p := range counting(f, spot(f, own)) {
			period := w.period(p.first().At)
			if old, there := winners[period]; !there || better(p, old) {
				winners[period] = p
			}
		}
		for period, p := range winners {
			group := w.group(p.first().fact, f.Breakdown)
			t := s.at(period, group)
			t.count++
			for k := range p {
				t.reached[k]++
			}
			if len(p) == len(f.Steps) {
				t.converted++
				took[period+" | "+group] = append(took[period+" | "+group], p.last().At.Sub(p.first().At))
			}
		}
	}
	return s, took
}
