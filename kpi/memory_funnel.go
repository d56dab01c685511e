package kpi

import (
	"cmp"
	"slices"
	"time"
)

// funnel follows every subject's events once, in order, and keeps for every step the latest start from which it was
// reached: whatever follows can do no better than to go on from that one.
func (c *counting) funnel(f *Funnel, events []Event) {
	took := map[*Cell][]int64{}
	for _, path := range bySubject(f.Subject, events) {
		for _, w := range f.follow(path, c.edges) {
			cell := c.at(w.start.At, w.start.group(f.Breakdown))
			if cell.Reached == nil {
				cell.Reached = make([]int64, len(f.Steps))
			}
			cell.Count++
			for k := range w.step {
				cell.Reached[k]++
			}
			if w.step == len(f.Steps) {
				cell.Converted++
				cell.Took += w.took()
				took[cell] = append(took[cell], w.took())
			}
		}
	}
	for cell, all := range took {
		slices.Sort(all)
		cell.Median, cell.P90 = quantile(all, 50), quantile(all, 90)
	}
}

// quantile returns the smallest of sorted that at least a share, in percent, does not exceed.
func quantile(sorted []int64, percent int) int64 {
	return sorted[max((len(sorted)*percent+99)/100, 1)-1]
}

// reach is a path that reached a step: with its end it began at start.
type reach struct {
	step       int // 1 is the first
	start, end *Event
}

func (r reach) took() int64 { return r.end.At.Sub(r.start.At).Milliseconds() }

// spot is an event of a subject, what it fits, and its place in the order. Events with the same rank do not follow each
// other.
type spot struct {
	*Event
	fits     []bool // by step
	first    int    // the first step that it fits; len(fits) for none
	excluded bool
	rank     int
}

// follow returns the winning path of a subject in each period.
func (f *Funnel) follow(path []*Event, edges []time.Time) []reach {
	winners := map[int]reach{}
	for _, r := range f.reaches(f.spots(path)) {
		period, ok := periodOf(edges, r.start.At)
		if w, there := winners[period]; ok && (!there || r.step > w.step) {
			winners[period] = r
		}
	}
	var all []reach
	for _, w := range winners {
		all = append(all, w)
	}
	return all
}

// spots puts the events that matter in order.
func (f *Funnel) spots(path []*Event) []spot {
	var spots []spot
	for _, e := range path {
		s := spot{Event: e, fits: make([]bool, len(f.Steps)), first: len(f.Steps)}
		for k := len(f.Steps) - 1; k >= 0; k-- {
			if f.Steps[k].Fits(e) {
				s.fits[k], s.first = true, k
			}
		}
		s.excluded = s.first == len(f.Steps) && slices.ContainsFunc(f.Exclude, func(x Step) bool { return x.Fits(e) })
		if s.excluded || s.first < len(f.Steps) {
			spots = append(spots, s)
		}
	}
	if f.Ties == TiesBySteps {
		slices.SortStableFunc(spots, func(a, b spot) int {
			return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.first, b.first))
		})
	}
	for i := 1; i < len(spots); i++ {
		spots[i].rank = spots[i-1].rank
		if f.Ties != TiesApart || !spots[i].At.Equal(spots[i-1].At) {
			spots[i].rank++
		}
	}
	return spots
}

// origin is the start of a path, and its rank.
type origin struct {
	event *Event
	rank  int
}

// reaches returns what every event reached, in the order in which paths win.
func (f *Funnel) reaches(spots []spot) []reach {
	var found []reach
	last := make([]origin, len(f.Steps)) // by step: the latest start that reached it at a rank before
	barred := -1                         // the rank of the last excluded event
	for i := 0; i < len(spots); {
		j := i
		for j < len(spots) && spots[j].rank == spots[i].rank {
			j++
		}
		here := make([]origin, len(f.Steps))
		group := found[len(found):]
		for _, s := range spots[i:j] {
			for k, fits := range s.fits {
				o := origin{s.Event, s.rank}
				if k > 0 {
					o = last[k-1]
				}
				if !fits || !f.leads(o, s, barred) {
					continue
				}
				group = append(group, reach{k + 1, o.event, s.Event})
				if here[k].event == nil || o.event.At.After(here[k].event.At) {
					here[k] = o
				}
			}
		}
		slices.SortStableFunc(group, func(a, b reach) int { return b.start.At.Compare(a.start.At) })
		found = append(found, group...)
		f.pass(last, here)
		if slices.ContainsFunc(spots[i:j], func(s spot) bool { return s.excluded }) {
			barred = spots[i].rank
		}
		i = j
	}
	return found
}

// leads says whether a path from o may end at s.
func (f *Funnel) leads(o origin, s spot, barred int) bool {
	return o.event != nil && o.rank >= barred && (f.Window == 0 || s.At.Sub(o.event.At) <= time.Duration(f.Window))
}

// pass moves on by a rank.
func (f *Funnel) pass(last, here []origin) {
	for k := range last {
		if here[k].event != nil && (last[k].event == nil || here[k].rank >= last[k].rank) || f.Order == Strict {
			last[k] = here[k]
		}
	}
}
