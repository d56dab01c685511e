package kpi

import (
	"cmp"
	"slices"
	"time"
)

// walk follows one subject's events through a [Funnel], once, in order. It keeps for every step the latest start from
// which the step was reached: whatever follows can do no better than to go on from that one. Its slices are used again
// for the next subject.
type walk struct {
	spots []spot
	won   []win
	found []win
}

// spot is an event of the subject that the funnel knows, and its place in the order. Events with the same rank do not
// follow each other.
type spot struct {
	event    int    // in the path
	fits     uint16 // a bit for each step
	first    int    // the first step that it fits; the number of steps for none
	excluded bool
	rank     int
}

// win is a path that reached a step: with the event end it began at the event start.
type win struct {
	period     int
	step       int // 1 is the first
	start, end int
}

// origin is the start of a path: an event and its rank. Without one, event is -1.
type origin struct{ event, rank int }

// follow returns the winning path of the subject in each period.
func (w *walk) follow(f *Funnel, fits []*matcher, path []Event, edges []time.Time) []win {
	w.order(f, fits, path)
	w.won = w.won[:0]
	var last, here [maxSteps]origin
	for k := range last {
		last[k].event = -1
	}
	barred := -1 // the rank of the last excluded event
	for i := 0; i < len(w.spots); {
		j := i
		for j < len(w.spots) && w.spots[j].rank == w.spots[i].rank {
			j++
		}
		w.reach(f, path, w.spots[i:j], &last, &here, barred)
		for _, found := range w.found {
			w.judge(found, path, edges)
		}
		for k := range f.Steps {
			later := here[k].event >= 0 && (last[k].event < 0 || here[k].rank >= last[k].rank)
			if later || f.Order == Strict {
				last[k] = here[k]
			}
		}
		if slices.ContainsFunc(w.spots[i:j], func(s spot) bool { return s.excluded }) {
			barred = w.spots[i].rank
		}
		i = j
	}
	return w.won
}

// order puts the events that matter in order.
func (w *walk) order(f *Funnel, fits []*matcher, path []Event) {
	w.spots = w.spots[:0]
	steps := len(f.Steps)
	for i := range path {
		s := spot{event: i, first: steps}
		for k := steps - 1; k >= 0; k-- {
			if fits[k].fits(&path[i]) {
				s.fits, s.first = s.fits|1<<k, k
			}
		}
		s.excluded = s.first == steps && slices.ContainsFunc(fits[steps:], func(m *matcher) bool { return m.fits(&path[i]) })
		if s.excluded || s.fits != 0 {
			w.spots = append(w.spots, s)
		}
	}
	if f.Ties == TiesBySteps {
		slices.SortStableFunc(w.spots, func(a, b spot) int {
			return cmp.Or(path[a.event].At.Compare(path[b.event].At), cmp.Compare(a.first, b.first))
		})
	}
	for i := 1; i < len(w.spots); i++ {
		w.spots[i].rank = w.spots[i-1].rank
		if f.Ties != TiesApart || !path[w.spots[i].event].At.Equal(path[w.spots[i-1].event].At) {
			w.spots[i].rank++
		}
	}
}

// reach finds what the events of one rank reached, in the order in which paths win, and the best start for each step.
func (w *walk) reach(f *Funnel, path []Event, rank []spot, last, here *[maxSteps]origin, barred int) {
	w.found = w.found[:0]
	for k := range f.Steps {
		here[k].event = -1
	}
	for _, s := range rank {
		for k := range f.Steps {
			o := origin{s.event, s.rank}
			if k > 0 {
				o = last[k-1]
			}
			if s.fits&(1<<k) == 0 || o.event < 0 || o.rank < barred {
				continue
			}
			if f.Window > 0 && path[s.event].At.Sub(path[o.event].At) > time.Duration(f.Window) {
				continue
			}
			w.found = append(w.found, win{step: k + 1, start: o.event, end: s.event})
			if here[k].event < 0 {
				here[k] = o
			}
		}
	}
	if len(rank) > 1 {
		slices.SortStableFunc(w.found, func(a, b win) int { return path[b.start].At.Compare(path[a.start].At) })
	}
}

// judge keeps found when it is the best of its period so far.
func (w *walk) judge(found win, path []Event, edges []time.Time) {
	var ok bool
	if found.period, ok = periodOf(edges, path[found.start].At); !ok {
		return
	}
	i := slices.IndexFunc(w.won, func(o win) bool { return o.period == found.period })
	switch {
	case i < 0:
		w.won = append(w.won, found)
	case found.step > w.won[i].step:
		w.won[i] = found
	}
}
