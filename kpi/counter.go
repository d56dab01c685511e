package kpi

import (
	"cmp"
	"math/big"
	"slices"
	"time"
)

// Counter counts a measure from events: what [Store.Cells] answers. It is for stores.
type Counter struct {
	measure  Measure
	cells    cells
	subjects map[who]*Progress  // of a measure with a Pair
	large    map[*Cell]*big.Int // parts of sums that did not fit into the cell
}

// NewCounter returns a counter of q, whose Tenant it leaves to the caller.
func NewCounter(q CellQuery) *Counter {
	return &Counter{measure: q.Measure, cells: newCells(q.Edges, q.Split), subjects: map[who]*Progress{}, large: map[*Cell]*big.Int{}}
}

// Add counts e. Events may come in any order.
func (c *Counter) Add(e *Event) {
	if c.measure.Pair != nil {
		if s, ok := c.measure.Sight(e); ok {
			c.progress(who{s.Tenant, s.Subject}).See(s)
		}
		return
	}
	d, ok := c.measure.Tally(e)
	if !ok {
		return
	}
	cell := c.cells.at(e.At, d.Group)
	if cell == nil {
		return
	}
	sum, fits := cell.Sum.Plus(d.Sum)
	if !fits {
		c.setAside(cell)
		sum = d.Sum
	}
	cell.Count, cell.Numbers, cell.Sum = cell.Count+1, cell.Numbers+d.Numbers, sum
}

// setAside makes room in the cell's sum: whether it fits is asked at the end.
func (c *Counter) setAside(cell *Cell) {
	if c.large[cell] == nil {
		c.large[cell] = &big.Int{}
	}
	c.large[cell].Add(c.large[cell], big.NewInt(int64(cell.Sum)))
}

func (c *Counter) progress(w who) *Progress {
	if c.subjects[w] == nil {
		c.subjects[w] = &Progress{}
	}
	return c.subjects[w]
}

// Cells returns what was counted, by period and group. It ends the counting. [ErrSum] says that a sum does not fit an
// [Amount].
func (c *Counter) Cells() ([]Cell, error) {
	for cell, large := range c.large {
		large.Add(large, big.NewInt(int64(cell.Sum)))
		if !large.IsInt64() {
			return nil, ErrSum
		}
		cell.Sum = Amount(large.Int64())
	}
	for _, p := range c.subjects {
		if p.StartID == "" {
			continue
		}
		cell := c.cells.at(p.Start, p.Group)
		if cell == nil {
			continue
		}
		cell.Count++
		if took, ok := p.Converted(c.measure.Pair); ok {
			cell.Converted++
			cell.Took += took
		}
	}
	return c.cells.sorted(), nil
}

// Progress is how far a subject got through a [Pair]: when it started first, and when it converted first.
type Progress struct {
	Start   time.Time
	StartID string // of the event; empty: it has not started
	Group   string
	Convert time.Time // zero: it has not converted
}

// See moves p on by an event. Events may come in any order, and more than once.
func (p *Progress) See(s Sighting) {
	first := p.StartID == "" || s.At.Before(p.Start) || s.At.Equal(p.Start) && s.ID < p.StartID
	if s.Starts && first {
		p.Start, p.StartID, p.Group = s.At, s.ID, s.Group
	}
	if s.Converts && (p.Convert.IsZero() || s.At.Before(p.Convert)) {
		p.Convert = s.At
	}
}

// Converted says whether the subject started and converted as the pair asks, and how many milliseconds it took.
func (p *Progress) Converted(pair *Pair) (took int64, ok bool) {
	if p.StartID == "" || p.Convert.IsZero() {
		return 0, false
	}
	return pair.Converts(p.Start, p.Convert)
}

// who is a subject of a tenant.
type who struct{ tenant, subject string }

// cells are cells that are being filled.
type cells struct {
	edges  []time.Time
	split  bool
	filled map[place]*Cell
}

type place struct {
	period int
	group  string
}

func newCells(edges []time.Time, split bool) cells {
	return cells{edges: edges, split: split, filled: map[place]*Cell{}}
}

// at returns the cell that holds t and group, or nil when t lies outside of the periods.
func (c *cells) at(t time.Time, group string) *Cell {
	period, ok := periodOf(c.edges, t)
	if !ok {
		return nil
	}
	if !c.split {
		group = ""
	}
	p := place{period, group}
	cell := c.filled[p]
	if cell == nil {
		cell = &Cell{Period: period, Group: group}
		c.filled[p] = cell
	}
	return cell
}

func (c *cells) sorted() []Cell {
	var all []Cell
	for _, cell := range c.filled {
		all = append(all, *cell)
	}
	slices.SortFunc(all, func(a, b Cell) int {
		return cmp.Or(cmp.Compare(a.Period, b.Period), cmp.Compare(a.Group, b.Group))
	})
	return all
}
