package ratelimit

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// local keeps limits in this process.
//
// Locks, in the order in which they are taken: the key's stripe, the overflow, slots. A key's slots are made under its
// stripe, so that no key gets two for one limit. Who holds a slot waits for nothing but the overflow and other slots of
// the same key, which only callers of that key hold, one limit at a time.
type local struct {
	clock   clock
	seed    maphash.Seed
	maxKeys int
	buckets lazyTable // TokenBucket
	windows lazyTable // the others
	stripes [stripes]stripe

	overflow overflow
}

const stripes = 256

type stripe struct {
	sync.Mutex
	_ [56]byte // a cache line each
}

// overflow is what keys share that find the table full, by the salt of their limit.
type overflow struct {
	sync.Mutex
	slots map[uint64]*spare
	until atomic.Int64 // when all of it has passed, by the clock
	calls atomic.Int64
}

// spare is a slot outside of the table.
type spare struct {
	slot
	row row
}

// lazyTable sets its memory aside when a limit first needs it.
type lazyTable struct {
	atomic.Pointer[table]
	once sync.Once
}

func newLocal(maxKeys int) *local {
	return &local{
		clock: newClock(), seed: maphash.MakeSeed(), maxKeys: maxKeys,
		overflow: overflow{slots: map[uint64]*spare{}},
	}
}

func (l *local) table(r *rule) *table {
	lazy := &l.windows
	if r.Algorithm == TokenBucket {
		lazy = &l.buckets
	}
	if t := lazy.Load(); t != nil {
		return t
	}
	lazy.once.Do(func() { lazy.Store(newTable(l.maxKeys, r.Algorithm != TokenBucket, l.clock)) })
	return lazy.Load()
}

// slotHash tells apart what a key takes under different limits; 0 is nobody's.
func slotHash(key uint64, r *rule) uint64 { return max(key^r.salt, 1) }

// keep makes the overflow count until its spare slot s has passed.
func (o *overflow) keep(s *spot) {
	until := s.bucket.full/ticks + 1
	if s.row != nil {
		until = s.row.until() + 1
	}
	o.until.Store(max(o.until.Load(), until))
}

func (l *local) tables() (all []*table) {
	for _, lazy := range []*lazyTable{&l.buckets, &l.windows} {
		if t := lazy.Load(); t != nil {
			all = append(all, t)
		}
	}
	return all
}
