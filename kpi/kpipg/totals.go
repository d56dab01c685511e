package kpipg

import (
	"cmp"
	"math/big"
	"slices"
	"time"

	"github.com/transbotai/tenon/kpi"
)

// totals adds what is pending to what rollups count.
type totals struct {
	query   kpi.CellQuery
	cells   map[place]*total
	newest  time.Time
	pending int64
	ready   bool // the measure has rollups
	undone  bool // a pair lost an event: its subject must be counted again
	moved   map[who]*move
}

type place struct {
	period int
	group  string
}

// total is a cell whose sums do not overflow.
type total struct {
	count, numbers, converted int64
	sum, took                 big.Int
}

// who is a subject of a tenant.
type who struct{ tenant, subject string }

// move is a subject's progress by the rollups, and with what is pending.
type move struct{ before, after kpi.Progress }

func newTotals(q kpi.CellQuery) *totals {
	return &totals{query: q, cells: map[place]*total{}, moved: map[who]*move{}}
}

// complete says whether the rows suffice.
func (t *totals) complete() bool { return t.ready && !t.undone }

func (t *totals) at(p place) *total {
	if !t.query.Split {
		p.group = ""
	}
	if t.cells[p] == nil {
		t.cells[p] = &total{}
	}
	return t.cells[p]
}

// when returns the cell of an instant, nil outside of the periods.
func (t *totals) when(at time.Time, group string) *total {
	i, found := slices.BinarySearchFunc(t.query.Edges, at, time.Time.Compare)
	if !found {
		i--
	}
	if i < 0 || i >= len(t.query.Edges)-1 {
		return nil
	}
	return t.at(place{i, group})
}

func (t *totals) add(r *cellRow) error {
	switch r.kind {
	case 0:
		t.ready, t.newest = true, r.event.ReceivedAt
	case 1:
		c := t.at(place{*r.period, *r.group})
		c.count, c.numbers, c.converted = c.count+*r.count, c.numbers+*r.numbers, c.converted+*r.converted
		addText(&c.sum, *r.sum)
		addText(&c.took, *r.took)
	default:
		t.pending++
		t.addPending(r)
	}
	return nil
}

func addText(to *big.Int, text string) {
	if n, ok := new(big.Int).SetString(text, 10); ok {
		to.Add(to, n)
	}
}

func (t *totals) addPending(r *cellRow) {
	m := t.query.Measure
	if m.Pair == nil {
		t.tally(r)
		return
	}
	sighting, ok := m.Sight(&r.event)
	if !ok {
		return
	}
	if r.kind != 2 {
		t.undone = true
		return
	}
	w := who{sighting.Tenant, sighting.Subject}
	if t.moved[w] == nil {
		p := r.progress()
		t.moved[w] = &move{p, p}
	}
	t.moved[w].after.See(sighting)
}

// tally adds an event, takes one away that the rollups hold, and passes over one that they never held.
func (t *totals) tally(r *cellRow) {
	d, ok := t.query.Measure.Tally(&r.event)
	c := t.when(r.event.At, d.Group)
	if !ok || c == nil || r.kind == 4 {
		return
	}
	sign := int64(1)
	if r.kind == 3 {
		sign = -1
	}
	c.count, c.numbers = c.count+sign*d.Count, c.numbers+sign*d.Numbers
	c.sum.Add(&c.sum, big.NewInt(sign*int64(d.Sum)))
}

// count adds a subject's progress, with a sign.
func (t *totals) subject(p *kpi.Progress, sign int64) {
	if p.StartID == "" {
		return
	}
	c := t.when(p.Start, p.Group)
	if c == nil {
		return
	}
	c.count += sign
	if took, ok := p.Converted(t.query.Measure.Pair); ok {
		c.converted += sign
		c.took.Add(&c.took, big.NewInt(sign*took))
	}
}

// answer returns the cells in which there is something.
func (t *totals) answer() (kpi.Cells, error) {
	for _, m := range t.moved {
		t.subject(&m.before, -1)
		t.subject(&m.after, 1)
	}
	answer := kpi.Cells{Newest: t.newest, Pending: t.pending}
	for p, c := range t.cells {
		if c.count == 0 {
			continue
		}
		if !c.sum.IsInt64() || !c.took.IsInt64() {
			return kpi.Cells{}, kpi.ErrSum
		}
		answer.Cells = append(answer.Cells, kpi.Cell{
			Period: p.period, Group: p.group, Count: c.count, Numbers: c.numbers, Sum: kpi.Amount(c.sum.Int64()),
			Converted: c.converted, Took: c.took.Int64(),
		})
	}
	slices.SortFunc(answer.Cells, func(a, b kpi.Cell) int {
		return cmp.Or(cmp.Compare(a.Period, b.Period), cmp.Compare(a.Group, b.Group))
	})
	return answer, nil
}
