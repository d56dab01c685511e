package ratelimit

import (
	"slices"
	"sort"
	"time"
)

// cellWindow is Strict and Concurrency.
type cellWindow struct {
	limit Limit
	count *Count
	now   int64
}

func (w *cellWindow) step() int64            { return w.limit.Step().Microseconds() }
func (w *cellWindow) cell(at int64) int64    { return at / w.step() }
func (w *cellWindow) oldest(now int64) int64 { return w.cell(now) - Cells }

// live returns the cells that count now.
func (w *cellWindow) live() []Cell {
	first := sort.Search(len(w.count.Cells), func(i int) bool { return w.count.Cells[i].Cell >= w.oldest(w.now) })
	return w.count.Cells[first:]
}

func (w *cellWindow) left() int64 { return max(w.limit.Max-sum(w.live()), 0) }

func (w *cellWindow) ask(op Op) (int64, time.Duration) {
	free := min(w.left(), op.N)
	switch {
	case free >= op.Least:
		return free, 0
	case op.Least > w.limit.Max:
		return free, never
	case w.limit.Algorithm == Concurrency:
		return free, unknown // whoever holds them may give them back at any time
	}
	used := sum(w.live())
	for _, c := range w.live() {
		if used -= c.Units; used+op.Least <= w.limit.Max {
			return free, micros(w.freed(c.Cell) - w.now)
		}
	}
	return free, never
}

// freed returns when the units of a cell are free again.
func (w *cellWindow) freed(cell int64) int64 { return (cell + Cells + 1) * w.step() }

func (w *cellWindow) take(op Op, n int64) time.Duration {
	lapse := op.Lapse
	if n == 0 {
		return lapse
	}
	if w.limit.Algorithm == Concurrency {
		lapse = 0
	}
	w.count.Cells = slices.Clone(w.live())
	cell := w.cell(w.now + lapse.Microseconds())
	at, found := slices.BinarySearchFunc(w.count.Cells, cell, func(c Cell, cell int64) int { return int(c.Cell - cell) })
	if !found {
		w.count.Cells = slices.Insert(w.count.Cells, at, Cell{Cell: cell})
	}
	w.count.Cells[at].Units += n
	w.count.Expires = w.freed(w.count.Cells[len(w.count.Cells)-1].Cell)
	return lapse
}

// refund takes the units out of the cell they were counted in, and nothing when that does not count any more.
func (w *cellWindow) refund(n, at int64, lapse time.Duration) {
	if w.limit.Algorithm == Concurrency {
		lapse = 0
	}
	cell := w.cell(at + lapse.Microseconds())
	for i := range w.live() {
		c := &w.live()[i]
		if c.Cell == cell {
			c.Units = max(c.Units-n, 0)
			return
		}
	}
}

func (w *cellWindow) reset() time.Duration {
	if sum(w.live()) == 0 {
		return 0
	}
	return micros(w.count.Expires - w.now)
}

func sum(cells []Cell) (units int64) {
	for _, c := range cells {
		units += c.Units
	}
	return units
}

// bucketWindow is TokenBucket. Taking n units moves the time at which the bucket is full again by their cost; there are
// enough while that time is no more than the bucket's depth ahead.
type bucketWindow struct {
	limit Limit
	count *Count
	now   int64
}

func (w *bucketWindow) cost(n int64) int64 { return (n*w.limit.Interval() + 999) / 1000 }
func (w *bucketWindow) depth() int64       { return w.cost(int64(w.limit.Burst)) }

// clip makes the bucket no emptier than empty, from now on: what a lower rate owed is forgotten.
func (w *bucketWindow) clip() {
	if w.limit.Unlimited() || w.limit.Rate == 0 {
		return
	}
	if empty := w.now + w.depth(); w.count.Full > empty {
		w.count.Full, w.count.Expires = empty, empty
	}
}

// full returns when the bucket is full again.
func (w *bucketWindow) full() int64 { return max(w.count.Full, w.now) }

func (w *bucketWindow) left() int64 { return w.room(w.full()) }

// room returns how many units fit when the bucket is full again at full.
func (w *bucketWindow) room(full int64) int64 {
	switch {
	case w.limit.Unlimited():
		return MaxUnits
	case w.limit.Rate == 0:
		return 0
	}
	return max(w.now+w.depth()-full, 0) * 1000 / w.limit.Interval()
}

func (w *bucketWindow) ask(op Op) (int64, time.Duration) {
	free := min(w.left(), op.N)
	if leased := w.room(max(w.full(), w.now+op.Lapse.Microseconds())); free > op.Least {
		free = max(min(free, leased), op.Least) // more than Least only as long as they do not lapse earlier
	}
	switch {
	case free >= op.Least:
		return free, 0
	case op.Least > w.limit.Ceiling():
		return free, never
	}
	return free, micros(w.full() + w.cost(op.Least) - w.depth() - w.now)
}

// take charges leased units as if they came when they lapse.
func (w *bucketWindow) take(op Op, n int64) time.Duration {
	if n == 0 || w.limit.Unlimited() {
		return op.Lapse
	}
	from, lapse := w.full(), op.Lapse
	if op.N > op.Least {
		lapse = min(lapse, micros(w.now+w.depth()-w.cost(n)-w.now))
		from = max(from, w.now+lapse.Microseconds())
	}
	w.count.Full = from + w.cost(n)
	w.count.Expires = w.count.Full
	return lapse
}

// refund gives back what the bucket has not gained since: the rest is there already.
func (w *bucketWindow) refund(n, at int64, _ time.Duration) {
	if w.limit.Unlimited() || w.limit.Rate == 0 {
		return
	}
	back := w.cost(n) - (w.now - at)
	if back > 0 {
		w.count.Full = max(w.full()-back, w.now)
		w.count.Expires = w.count.Full
	}
}

func (w *bucketWindow) reset() time.Duration {
	if w.limit.Unlimited() || w.limit.Rate == 0 {
		return 0
	}
	return micros(w.full() - w.now)
}

// calendarWindow is Calendar: one cell, the present period.
type calendarWindow struct {
	limit Limit
	count *Count
	now   int64
}

func (w *calendarWindow) bounds() [4]time.Time { return w.limit.Bounds(time.UnixMicro(w.now)) }
func (w *calendarWindow) end() int64           { return w.bounds()[2].UnixMicro() }

// used returns what was taken in the present period.
func (w *calendarWindow) used() int64 {
	start := w.bounds()[1].UnixMicro()
	if len(w.count.Cells) == 1 && w.count.Cells[0].Cell == start {
		return w.count.Cells[0].Units
	}
	return 0
}

func (w *calendarWindow) left() int64 { return max(w.limit.Max-w.used(), 0) }

func (w *calendarWindow) ask(op Op) (int64, time.Duration) {
	free := min(w.left(), op.N)
	switch {
	case free >= op.Least:
		return free, 0
	case op.Least > w.limit.Max:
		return free, never
	}
	return free, micros(w.end() - w.now)
}

func (w *calendarWindow) take(op Op, n int64) time.Duration {
	if n > 0 {
		w.count.Cells = []Cell{{Cell: w.bounds()[1].UnixMicro(), Units: w.used() + n}}
		w.count.Expires = w.end()
	}
	return min(op.Lapse, micros(w.end()-w.now))
}

func (w *calendarWindow) refund(n, at int64, _ time.Duration) {
	if start := w.bounds()[1].UnixMicro(); at >= start && w.used() > 0 {
		w.count.Cells[0].Units = max(w.used()-n, 0)
	}
}

func (w *calendarWindow) reset() time.Duration {
	if w.used() == 0 {
		return 0
	}
	return micros(w.end() - w.now)
}
