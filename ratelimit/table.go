package ratelimit

import (
	"hash/maphash"
	"math/bits"
	"runtime"
	"sync/atomic"
	"time"
)

// table keeps what keys took in this process, in memory that is set aside once and holds no pointers. A key has a
// slot for each of its limits. A slot whose time has passed says the same as no slot and is handed to the next key
// that needs one, so nothing has to be swept.
//
// A slot's word carries a lock in its highest bit. Under the lock hash, word and row are written; the fast paths change
// the word alone, by compare-and-swap, and look at the hash again afterwards, since the slot may have been handed on in
// between. See local for how a key gets its slot.
type table struct {
	clock  clock
	slots  []slot
	rows   []row        // beside slots, nil where the word says everything: TokenBucket
	reused atomic.Int64 // how often a slot was handed on
}

// slot is a key under one limit.
type slot struct {
	hash atomic.Uint64 // 0: nobody's yet
	word atomic.Uint64 // TokenBucket: see bucket.go; the others: see cells.go
}

// row is the rest of a slot: until, 0 to 7 flags and shift, then cells. See cells.go and calendar.go.
type row [7]atomic.Uint64

const (
	// probes is how many slots, from its home on, a key may lie in. A table as full as promised (MaxKeys) then keeps
	// fewer than one key in 100,000 out.
	probes = 96
	line   = 4 // slots in a cache line of 64 bytes; a home is the beginning of one

	wordLock = 1 << 63

	// patience is how often a fast path looks at a locked slot before it goes for the lock itself: who holds it needs
	// a moment, and as long as one waits for the lock all others would have to.
	patience = 200
)

// newTable sets memory aside for keys: 32 bytes a key, or 116 with rows.
func newTable(keys int, withRows bool, c clock) *table {
	n := 2 * keys
	if withRows {
		n = keys * 8 / 5
	}
	n = max((n+line-1)/line*line, line)
	t := &table{clock: c, slots: make([]slot, n)}
	if withRows {
		t.rows = make([]row, n)
	}
	return t
}

// clock counts nanoseconds from an hour before it was made, so that no time is 0. It stands on the monotonic clock.
type clock struct{ base time.Time }

func newClock() clock { return clock{time.Now().Add(-time.Hour)} }

func (c clock) now() int64 { return int64(time.Since(c.base)) }

// hash returns a key's hash, which nobody can choose without the seed, never 0.
func (k Key) hash(seed maphash.Seed) uint64 {
	h := maphash.String(seed, k.Name)
	if k.Tenant != "" {
		h ^= bits.RotateLeft64(maphash.String(seed, k.Tenant), 29) * 0x9E3779B97F4A7C15
	}
	return h
}

// home returns the index of the first slot that h may lie in.
func (t *table) home(h uint64) int {
	lines, _ := bits.Mul64(h, uint64(len(t.slots)/line))
	return int(lines) * line
}

// find returns the index of h's slot, or -1.
func (t *table) find(h uint64) int {
	slots, i := t.slots, t.home(h)
	for range min(probes, len(slots)) {
		if i >= len(slots) {
			i = 0
		}
		switch slots[i].hash.Load() {
		case h:
			return i
		case 0:
			return -1
		}
		i++
	}
	return -1
}

// lock takes the slot's lock and returns its word. The holder runs a few instructions, unless it was interrupted.
func (s *slot) lock() uint64 {
	for spin := 0; ; spin++ {
		w := s.word.Load()
		if w&wordLock == 0 && s.word.CompareAndSwap(w, w|wordLock) {
			return w
		}
		if spin > 30 {
			runtime.Gosched()
		}
	}
}

// lockOf is lock for as long as the slot is h's. Who waited for a slot that was handed on meanwhile, and holds the
// overflow, would wait for somebody who waits for that.
func (s *slot) lockOf(h uint64) (word uint64, ok bool) {
	for spin := 0; s.hash.Load() == h; spin++ {
		if w, ok := s.tryLock(); ok {
			if s.hash.Load() == h {
				return w, true
			}
			s.unlock(w)
			return 0, false
		}
		if spin > 30 {
			runtime.Gosched()
		}
	}
	return 0, false
}

// tryLock is lock for who has somewhere else to go.
func (s *slot) tryLock() (uint64, bool) {
	w := s.word.Load()
	return w, w&wordLock == 0 && s.word.CompareAndSwap(w, w|wordLock)
}

// unlock lets go and leaves w in the slot.
func (s *slot) unlock(w uint64) { s.word.Store(w) }

// passed says whether slot i is as good as nobody's.
func (t *table) passed(i int, now int64) bool {
	if t.rows == nil {
		return bucketPassed(t.slots[i].word.Load()&^wordLock, now)
	}
	return t.rows[i].until() < now
}

// claim returns the index of a slot for h, locked and with an empty word and row, and whether there was one. The caller
// holds the stripe and knows that h has none.
func (t *table) claim(h uint64, now int64) (int, bool) {
	i := t.home(h)
	for range min(probes, len(t.slots)) {
		if i >= len(t.slots) {
			i = 0
		}
		if t.occupy(i, h, now) {
			return i, true
		}
		i++
	}
	return 0, false
}

func (t *table) occupy(i int, h uint64, now int64) bool {
	s := &t.slots[i]
	if !t.passed(i, now) {
		return false
	}
	w, ok := s.tryLock()
	if !ok {
		return false
	}
	old := s.hash.Load()
	if old != 0 && !t.passed(i, now) {
		s.unlock(w)
		return false
	}
	if old != 0 {
		t.reused.Add(1)
	}
	s.hash.Store(h)
	if t.rows != nil {
		for j := range t.rows[i] {
			t.rows[i][j].Store(0)
		}
	}
	return true
}

// live counts the slots whose time has not passed.
func (t *table) live(now int64) (n int64) {
	for i := range t.slots {
		if t.slots[i].hash.Load() != 0 && !t.passed(i, now) {
			n++
		}
	}
	return n
}

func (t *table) slot(i int) *slot { return &t.slots[i] }

// row returns the row beside slot i, nil where there are none.
func (t *table) row(i int) *row {
	if t.rows == nil {
		return nil
	}
	return &t.rows[i]
}
