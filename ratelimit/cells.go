package ratelimit

import "time"

// The word of a slot of Strict and Concurrency, from the highest bit: lock, 15 bits that tell limits of another Max
// apart and are turned by the rest of the newest cell's number, 24 bits of units that are taken but not yet given out (the budget), the lowest 24 bits of the newest cell's
// number. A budget is taken once in a cell, and then calls take from it by one compare-and-swap of the word.
//
// The row's first word holds, from the highest bit: until (31 bits, in units of 2²⁷ ns); rest, what is free beside
// the budget (16 bits, in units of 1<<shift); how many cells before the newest the oldest and the last lie that count
// anything (5 bits each); booked; shift (6 bits). The other six words are 24 cells of 16 bits, at their number modulo
// 24, each in units of 1<<shift, the budget included.
const (
	wordCell   = 1<<24 - 1
	budgetBit  = 24
	maxBudget  = 1<<24 - 1
	wordBudget = maxBudget << budgetBit
	wordTag    = (1<<15 - 1) << 48

	ring       = Cells + 1
	untilShift = 27

	rowShift  = 1<<6 - 1
	rowBooked = 1 << 6 // somebody reserved units of a cell that is yet to come
	lastBit   = 7
	oldestBit = 12
	age       = 1<<5 - 1
	restBit   = 17
	untilBit  = 33
)

func untilOf(first uint64) int64 { return int64(first>>untilBit) << untilShift }

// untilWord puts a time into its place in a row's first word, rounded up. What lies more than 9 years after the limiter
// was made is at the end of them.
func untilWord(at int64) uint64 { return min(uint64(at>>untilShift)+1, 1<<(64-untilBit)-1) << untilBit }

func (w *row) until() int64 { return untilOf(w[0].Load()) }

// cell returns the units of a cell that is among the last ring ones.
func (w *row) cell(cell int64) int64 {
	i := (cell + ring) % ring
	return int64(w[1+i/4].Load() >> (16 * (i % 4)) & (1<<16 - 1))
}

// cells is a row at one instant: what was taken, by cell.
type cells struct {
	now    int64 // the present cell, or a later one if somebody saw it or reserved it
	head   int64 // the newest cell
	units  [ring]uint16
	shift  uint
	budget int64
	booked bool
}

// readCells unpacks a slot that is locked, or that turns out not to have changed. now is the cell of the present.
func (r *rule) readCells(w uint64, row *row, now, at int64) cells {
	c := cells{now: now, head: now, shift: r.shift}
	first := row[0].Load()
	if untilOf(first) < at {
		return c // nothing of it counts any more
	}
	behind := int64((uint64(now) - w) & wordCell)
	if behind > wordCell/2 {
		behind -= wordCell + 1
	}
	c.head = now - behind
	c.now = max(now, c.head)
	c.shift = uint(first & rowShift)
	c.budget = int64(w & wordBudget >> budgetBit)
	c.booked = first&rowBooked != 0 && now < c.head
	for i := range row[1:] {
		four := row[i+1].Load()
		for j := range 4 {
			c.units[4*i+j] = uint16(four >> (16 * j))
		}
	}
	return c
}

// at returns the units of a cell that is among the last ring ones.
func (c *cells) at(cell int64) *uint16 { return &c.units[(cell+ring)%ring] }

// settle puts back what is left of the budget, less than one unit of the cells excepted, and counts in r's units.
func (c *cells) settle(r *rule) {
	*c.at(c.head) -= uint16(c.budget >> c.shift)
	c.budget &= 1<<c.shift - 1
	if c.shift == r.shift {
		return
	}
	for i, n := range c.units {
		units := int64(n) << c.shift
		c.units[i] = uint16(min((units+1<<r.shift-1)>>r.shift, 1<<16-1))
	}
	c.shift = r.shift
}

// advance makes cell the newest.
func (c *cells) advance(cell int64) {
	if cell > c.head {
		c.budget = 0
	}
	for next := max(c.head+1, cell-Cells); next <= cell; next++ {
		*c.at(next) = 0
	}
	c.head = max(c.head, cell)
}

// used returns what counts now, whole budgets included.
func (c *cells) used() int64 {
	sum := int64(0)
	for _, n := range c.units {
		sum += int64(n)
	}
	return sum << c.shift
}

// fits returns the first cell from head on in which n units are free, which are at most Max.
func (c *cells) fits(r *rule, n int64) int64 {
	used := c.used() - c.budget
	if used+n <= r.Max {
		return c.head
	}
	for cell := c.head - Cells; cell < c.head; cell++ {
		if used -= int64(*c.at(cell)) << c.shift; used+n <= r.Max {
			return cell + ring
		}
	}
	return c.head + ring
}

// wait returns after how long n units are free, 0 or less when they are.
func (c *cells) wait(r *rule, n, now int64) int64 {
	cell := c.fits(r, n)
	if cell == c.head && !c.booked {
		return 0
	}
	return cell*r.step - now
}

// take gives out n units, which are free, in the newest cell.
func (c *cells) take(n int64) {
	if n > c.budget {
		units := (n - c.budget + 1<<c.shift - 1) >> c.shift
		*c.at(c.head) += uint16(units)
		c.budget += units << c.shift
	}
	c.budget -= n
}

// refund takes n units out of the cell in which they were given out, unless it does not count any more. From a cell
// that is not the newest and counts in coarse units only whole ones come back.
func (c *cells) refund(r *rule, n, at int64) {
	cell := r.cell(at)
	if cell > c.head || cell < c.head-Cells {
		return
	}
	u := c.at(cell)
	if cell == c.head {
		c.budget = min(c.budget+n, int64(*u)<<c.shift)
		return
	}
	*u -= uint16(min(n>>c.shift, int64(*u)))
}

// left returns what is free.
func (c *cells) left(r *rule) int64 { return max(r.Max-c.used()+c.budget, 0) }

// reset returns when nothing counts any more.
func (c *cells) reset(r *rule) int64 {
	for cell := c.head; cell >= c.head-Cells; cell-- {
		if *c.at(cell) > 0 {
			return r.freed(cell)
		}
	}
	return 0
}

// ages returns how many cells before the newest the oldest and the last lie that count anything.
func (c *cells) ages() (oldest, last uint64) {
	for last < Cells && *c.at(c.head - int64(last)) == 0 {
		last++
	}
	for oldest = Cells; oldest > last && *c.at(c.head - int64(oldest)) == 0; {
		oldest--
	}
	return oldest, last
}

// write packs the cells into a locked slot's row and returns its word. It takes a budget of what is free, so that the
// next calls of this cell need not come here. Where nothing is in flight the slot is as good as nobody's at once.
func (c *cells) write(r *rule, row *row) uint64 {
	if r.Algorithm == Concurrency && c.used() == c.budget {
		row[0].Store(0)
		return 0
	}
	if !c.booked {
		more := min(c.left(r), maxBudget) - c.budget
		more = max(more, 0) >> c.shift
		*c.at(c.head) += uint16(more)
		c.budget += more << c.shift
	}
	oldest, last := c.ages()
	rest := max(c.left(r)-c.budget, 0) >> c.shift
	first := untilWord(r.freed(c.head)) | uint64(rest)<<restBit | oldest<<oldestBit | last<<lastBit | uint64(c.shift)
	if c.booked {
		first |= rowBooked
	}
	row[0].Store(first)
	for i := range row[1:] {
		var four uint64
		for j := range 4 {
			four |= uint64(c.units[4*i+j]) << (16 * j)
		}
		if row[i+1].Load() != four { // a store costs more than a look
			row[i+1].Store(four)
		}
	}
	return r.mark(c.head) | uint64(c.budget)<<budgetBit
}

// takeCells is the fast path: a key that was here in this cell before, under one limit. It answers false when the other
// path has to be taken.
func (t *table) takeCells(h uint64, r *rule, n, now int64, d *Decision) bool {
	i := t.find(h)
	if i < 0 {
		return false
	}
	s, cell := &t.slots[i], r.cell(now)
	for held := 0; ; {
		w := s.word.Load()
		if w&wordLock != 0 && held < patience {
			held++
			continue
		}
		if w&(wordLock|wordTag|wordCell) != r.mark(cell) {
			return false
		}
		budget := int64(w & wordBudget >> budgetBit)
		if budget < n {
			return t.denyCells(i, h, w, r, n, now, d)
		}
		if !s.word.CompareAndSwap(w, w-uint64(n)<<budgetBit) {
			continue
		}
		if s.hash.Load() != h {
			return false // another key's by now, which is charged for it: too much, never too little
		}
		d.allowed(r, n, budget-n, time.Duration(r.freed(cell)-now), now)
		if r.Max > maxBudget {
			d.Remaining += int64(t.rows[i][0].Load()>>restBit&(1<<16-1)) << r.shift
		}
		return true
	}
}

// denyCells says when n units will be free, without a lock: what it read counts if the word is still the same. It
// answers for who waits for the oldest cell alone; who waits for more, or has another limit by now, takes the other
// path.
func (t *table) denyCells(i int, h, w uint64, r *rule, n, now int64, d *Decision) bool {
	s, row, cell := &t.slots[i], &t.rows[i], r.cell(now)
	first := row[0].Load()
	if r.varies || first&(rowBooked|rowShift) != uint64(r.shift) || untilOf(first) < now {
		return false
	}
	budget := int64(w & wordBudget >> budgetBit)
	left := budget + int64(first>>restBit&(1<<16-1))<<r.shift // less than a unit of the cells too little
	oldest := cell - int64(first>>oldestBit&age)
	back := row.cell(oldest) << r.shift
	if oldest == cell {
		back -= budget
	}
	if s.word.Load() != w || s.hash.Load() != h || left+1<<r.shift > n || left+back < n {
		return false
	}
	wait := time.Duration(r.freed(oldest) - now)
	if r.Algorithm == Concurrency {
		wait = 0 // nobody knows
	}
	d.denied(r, n, left, wait, time.Duration(r.freed(cell-int64(first>>lastBit&age))-now))
	return true
}
