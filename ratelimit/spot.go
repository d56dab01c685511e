package ratelimit

import "time"

// spot is one limit of one key while its slot is locked.
type spot struct {
	rule    *rule
	slot    *slot
	row     *row // nil for a TokenBucket
	word    uint64
	now     int64
	wall    time.Time // of a Calendar alone
	dirty   bool
	spilled bool // the slot is the overflow's

	// One of these, by the algorithm.
	bucket   bucket
	cells    cells
	calendar calendar
}

func (s *spot) read() {
	switch r := s.rule; r.Algorithm {
	case TokenBucket:
		s.bucket = r.bucketAt(s.word, s.now)
		s.dirty = s.bucket.clipped
	case Calendar:
		s.wall = time.Now()
		s.calendar = r.readCalendar(s.row, s.wall)
	default:
		s.cells = r.readCells(s.word, s.row, r.cell(s.now), s.now)
		s.cells.settle(r)
		s.cells.advance(s.cells.now)
	}
}

// wait returns after how long n units are free: 0 or less when they are, unknown, or never.
func (s *spot) wait(n int64) time.Duration {
	r := s.rule
	switch {
	case n == 0:
		return 0
	case n > r.ceiling:
		return never
	case r.Algorithm == TokenBucket:
		return nanos(s.bucket.retry(r, n))
	case r.Algorithm == Calendar:
		if s.calendar.used+n <= r.Max {
			return 0
		}
		return time.Duration(s.calendar.end - s.wall.UnixNano())
	}
	wait := time.Duration(s.cells.wait(r, n, s.now))
	if wait > 0 && r.Algorithm == Concurrency {
		return unknown // whoever holds them may give them back at any time
	}
	return wait
}

// take gives out n units that are free.
func (s *spot) take(n int64) {
	s.dirty = true
	switch r := s.rule; r.Algorithm {
	case TokenBucket:
		s.bucket.full += n * r.interval
	case Calendar:
		s.calendar.used += n
	default:
		s.cells.take(n)
	}
}

// book gives out n units that are free after wait.
func (s *spot) book(n int64, wait time.Duration) {
	if s.rule.Algorithm == TokenBucket {
		s.bucket.booked = true
	} else {
		s.cells.advance(s.rule.cell(s.now + int64(wait)))
		s.cells.booked = true
	}
	s.take(n)
}

// refund gives back n units that were taken at at, which is of the limiter's clock.
func (s *spot) refund(n, at int64) {
	s.dirty = true
	switch r := s.rule; r.Algorithm {
	case TokenBucket:
		s.bucket.refund(r, n, at)
	case Calendar:
		s.calendar.refund(n, s.wall.UnixNano()-(s.now-at))
	default:
		s.cells.refund(r, n, at)
	}
}

// clear forgets what was taken.
func (s *spot) clear() {
	s.dirty = true
	s.bucket = bucket{full: s.now * ticks, now: s.now * ticks}
	s.calendar.used = 0
	s.cells = cells{now: s.cells.now, head: s.cells.now, shift: s.rule.shift}
}

func (s *spot) left() int64 {
	switch r := s.rule; r.Algorithm {
	case TokenBucket:
		return s.bucket.left(r)
	case Calendar:
		return s.calendar.left(r)
	default:
		return s.cells.left(r)
	}
}

// booked says whether others have reserved what comes next.
func (s *spot) booked() bool { return s.bucket.booked || s.cells.booked }

// reset returns after how long everything is free.
func (s *spot) reset() time.Duration {
	var d time.Duration
	switch r := s.rule; r.Algorithm {
	case TokenBucket:
		d = nanos(s.bucket.full - s.bucket.now)
	case Calendar:
		if s.calendar.used > 0 {
			d = time.Duration(s.calendar.end - s.wall.UnixNano())
		}
	default:
		d = time.Duration(s.cells.reset(r) - s.now)
	}
	return max(d, 0)
}

// close writes what changed and unlocks.
func (s *spot) close() {
	w := s.word
	if s.dirty {
		switch r := s.rule; r.Algorithm {
		case TokenBucket:
			w = s.bucket.word()
		case Calendar:
			s.calendar.write(s.row, s.now, s.wall)
		default:
			w = s.cells.write(r, s.row)
		}
	}
	s.slot.unlock(w)
}
