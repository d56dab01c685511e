package ratelimit

import "time"

// The word of a TokenBucket's slot is when the bucket is full again (the theoretical arrival time of GCRA), in quarters
// of a nanosecond, shifted by one; the lowest bit says that somebody reserved units which are yet to come.
const (
	bucketBooked = 1
	tickBits     = 2
	ticks        = 1 << tickBits // to the nanosecond
)

func bucketWord(full int64) uint64          { return uint64(full) << 1 }
func bucketFull(w uint64) int64             { return int64(w >> 1) }
func bucketPassed(w uint64, now int64) bool { return bucketFull(w) < now*ticks }

// nanos rounds a time of a bucket up.
func nanos(t int64) time.Duration { return time.Duration((t + ticks - 1) >> tickBits) }

// bucket is one bucket at one instant, in ticks.
type bucket struct {
	full    int64
	now     int64
	booked  bool
	clipped bool // full is not what the word says
}

// bucketAt reads a word. A bucket cannot be emptier than empty, unless somebody reserved: what a lower rate owed is
// forgotten, and has to be written so, or it would be empty for as long as the lower rate says. That is done under the
// lock, with a time that nobody has seen a later one of.
func (r *rule) bucketAt(w uint64, now int64) bucket {
	b := bucket{full: max(bucketFull(w), now*ticks), now: now * ticks}
	if b.full > b.now+r.depth {
		b.booked = w&bucketBooked != 0
		if b.clipped = !b.booked && r.varies; b.clipped {
			b.full = b.now + r.depth
		}
	}
	return b
}

// retry returns after how long n units are there, 0 or less when they are.
func (b bucket) retry(r *rule, n int64) int64 { return b.full + n*r.interval - r.depth - b.now }

func (b bucket) left(r *rule) int64 {
	free := b.now + r.depth - b.full
	if free <= 0 {
		return 0
	}
	return quotient(free, r.interval, r.perTick)
}

func (b bucket) word() uint64 {
	w := bucketWord(b.full)
	if b.booked {
		w |= bucketBooked
	}
	return w
}

// takeBucket is the fast path: a bucket that has a slot, alone. It answers false when the other path has to be taken.
func (t *table) takeBucket(h uint64, r *rule, n, now int64, d *Decision) bool {
	i := t.find(h)
	if i < 0 {
		return false
	}
	s := &t.slots[i]
	for held := 0; ; {
		w := s.word.Load()
		if w&wordLock != 0 {
			if held++; held < patience {
				continue
			}
			return false
		}
		b := r.bucketAt(w, now)
		if wait := b.retry(r, n); wait > 0 {
			if b.clipped || s.hash.Load() != h {
				return false
			}
			d.denied(r, n, b.left(r), nanos(wait), nanos(b.full-b.now))
			if b.booked {
				d.Reason = ReasonReserved
			}
			return true
		}
		b.full += n * r.interval
		if !s.word.CompareAndSwap(w, bucketWord(b.full)) {
			continue
		}
		if s.hash.Load() != h {
			return false // another key's by now, which is charged for it: too much, never too little
		}
		d.allowed(r, n, b.left(r), nanos(b.full-b.now), now)
		return true
	}
}

// refund gives back n units that were taken at at, a nanosecond of the clock, less what the bucket has gained since:
// that is there already. It gives nothing back while somebody waits who reserved: his time is fixed.
func (b *bucket) refund(r *rule, n, at int64) {
	back := n*r.interval - (b.now - at*ticks)
	if back > 0 && !b.booked {
		b.full = max(b.full-back, b.now)
	}
}
