package ratelimit

import (
	"hash/maphash"
	"math"
	"math/bits"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// rule is a valid Limit and what is worked out from it once.
type rule struct {
	Limit
	policy    string
	unlimited bool
	varies    bool   // other calls of the same key may have other numbers: Options.LimitsOf
	ceiling   int64  // the most one call can be given; -1 when unlimited
	salt      uint64 // tells apart what one key takes under limits of different ID
	share     *rule  // of AwayLocal: this process's part

	// TokenBucket, in quarters of a nanosecond.
	interval  int64  // in which a unit is gained, rounded up
	depth     int64  // what Burst units cost
	perTick   uint64 // ⌊2⁶⁴ / interval⌋: dividing by interval is multiplying by it
	denyEvery bool   // a rate of 0

	// Strict and Concurrency, in nanoseconds.
	step    int64  // the length of a cell, rounded up
	perStep uint64 // ⌊2⁶⁴ / step⌋
	shift   uint   // cells count in units of 1<<shift, so that 16 bits are enough
	tag     uint64 // of Max, in its place in a slot's word

	// span is the period in which a Calendar counted last.
	span atomic.Pointer[span]
}

// span is a period of a Calendar, in nanoseconds since 1970.
type span struct{ start, end int64 }

func newRule(l Limit, seed maphash.Seed) *rule {
	r := &rule{Limit: l, policy: l.Policy(), unlimited: l.Unlimited(), ceiling: l.Ceiling()}
	r.salt = maphash.String(seed, l.ID())
	switch {
	case r.unlimited:
		r.ceiling = -1
	case l.Algorithm == TokenBucket:
		r.setBucket()
	case l.Algorithm == Strict, l.Algorithm == Concurrency:
		r.setCells()
	}
	return r
}

// part returns a limit of one process among several, so that all of their parts are no more than the limit, unless that
// is less than one for each.
func (l Limit) part(processes int64) Limit {
	l.Max = min(max(l.Max/processes, 1), l.Max)
	l.Burst = min(max(l.Burst/int(processes), 1), l.Burst)
	l.Rate /= rate.Limit(processes)
	return l
}

func (r *rule) setBucket() {
	if r.denyEvery = r.Rate == 0; r.denyEvery {
		r.interval, r.perTick = 1, math.MaxUint64
		return
	}
	r.interval = max(int64(math.Ceil(4e9/float64(r.Rate))), 1)
	r.depth = int64(r.Burst) * r.interval
	r.perTick = reciprocal(r.interval)
}

func (r *rule) setCells() {
	r.step = (int64(r.Window) + Cells - 1) / Cells
	r.perStep = reciprocal(r.step)
	if over := bits.Len64(uint64(r.Max)); over > 16 {
		r.shift = uint(over - 16)
	}
	r.tag = uint64(r.Max) * 0x9E3779B97F4A7C15 >> 1 & wordTag // the golden ratio spreads neighbours
}

func reciprocal(d int64) uint64 {
	if d == 1 {
		return math.MaxUint64
	}
	q, _ := bits.Div64(1, 0, uint64(d))
	return q
}

// quotient returns x / d without dividing; per is reciprocal(d).
func quotient(x, d int64, per uint64) int64 {
	high, _ := bits.Mul64(uint64(x), per)
	q := int64(high)
	if x-q*d >= d {
		q++
	}
	return q
}

// mark is what a slot's word says of the limit and of its newest cell.
func (r *rule) mark(cell int64) uint64 {
	return (r.tag ^ uint64(cell)<<(48-budgetBit)&wordTag) | uint64(cell)&wordCell
}

func (r *rule) cell(now int64) int64 { return quotient(now, r.step, r.perStep) }

// freed returns when the units of a cell are free again.
func (r *rule) freed(cell int64) int64 { return (cell + Cells + 1) * r.step }

// spanOf returns the period that holds at.
func (r *rule) spanOf(at time.Time) *span {
	ns := at.UnixNano()
	if s := r.span.Load(); s != nil && ns >= s.start && ns < s.end {
		return s
	}
	b := r.Bounds(at)
	s := &span{start: b[1].UnixNano(), end: b[2].UnixNano()}
	r.span.Store(s)
	return s
}
