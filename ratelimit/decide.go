package ratelimit

import "time"

// take decides in this process. It allocates nothing.
func (l *local) take(key uint64, rules []*rule, n int64) (d Decision) {
	if len(rules) != 1 || !l.takeFast(key, rules[0], n, l.clock.now(), &d) {
		l.takeSlow(key, rules, n, &d)
	}
	return d
}

// takeSlow is in a function of its own so that who needs it not, needs not its stack.
//
//go:noinline
func (l *local) takeSlow(key uint64, rules []*rule, n int64, d *Decision) {
	*d = l.decide(&visit{local: l, key: key}, rules, n)
}

// takeFast answers false when the other path has to be taken. What it decides is decided as of now, a moment ago: a
// later time that somebody else saw meanwhile is in the slot, and holds.
func (l *local) takeFast(key uint64, r *rule, n, now int64, d *Decision) bool {
	if n > r.ceiling || n == 0 {
		return false
	}
	switch r.Algorithm {
	case TokenBucket:
		if t := l.buckets.Load(); t != nil {
			return t.takeBucket(slotHash(key, r), r, n, now, d)
		}
	case Strict, Concurrency:
		if t := l.windows.Load(); t != nil {
			return t.takeCells(slotHash(key, r), r, n, now, d)
		}
	}
	return false
}

// peek says what take would answer.
func (l *local) peek(key uint64, rules []*rule, n int64) Decision {
	return l.decide(&visit{local: l, key: key, looks: true}, rules, n)
}

func (l *local) decide(v *visit, rules []*rule, n int64) Decision {
	d := Decision{Cost: n}
	v.open(rules)
	if !v.refuse(n, &d) {
		for i := range v.spots() {
			if !v.looks && n > 0 {
				v.array[i].take(n)
			}
		}
		v.allow(&d)
	}
	v.close()
	return d
}

// refuse fills d in when a limit denies n units: the one that does so for longest.
func (v *visit) refuse(n int64, d *Decision) bool {
	denier := -1
	longest := d.RetryAfter
	for i := range v.spots() {
		if wait := v.array[i].wait(n); wait > longest {
			denier, longest = i, wait
		}
	}
	if denier < 0 {
		return false
	}
	s := &v.array[denier]
	d.denied(s.rule, n, s.left(), longest, v.reset())
	switch {
	case longest == never:
		d.Reason, d.RetryAfter = ReasonTooMuch, 0
	case longest == unknown:
		d.RetryAfter = 0
	case s.booked():
		d.Reason = ReasonReserved
	}
	return true
}

// allow fills d in with the limit that has least left. Who only looks has nothing that could be given back.
func (v *visit) allow(d *Decision) {
	d.Allowed, d.Limit, d.Remaining, d.Policy = true, -1, -1, "unlimited"
	if !v.looks {
		d.at = v.now
	}
	for i := range v.spots() {
		s := &v.array[i]
		d.spilled = d.spilled || s.spilled
		if left := s.left(); d.Remaining < 0 || left < d.Remaining {
			d.Limit, d.Remaining, d.Policy = s.rule.ceiling, left, s.rule.policy
		}
	}
	d.ResetAfter = v.reset()
}

// reset returns after how long all limits are free.
func (v *visit) reset() (longest time.Duration) {
	for i := range v.spots() {
		longest = max(longest, v.array[i].reset())
	}
	return longest
}

// refund gives back what d took. What was taken in the overflow and has no slot now is there still: a slot that the key
// had since then would not have passed before it.
func (l *local) refund(key uint64, rules []*rule, d Decision) {
	v := visit{local: l, key: key, looks: true, spilled: d.spilled}
	v.open(rules)
	for i := range v.spots() {
		v.array[i].refund(d.Cost, d.at)
	}
	v.close()
}

// reset forgets what was taken.
func (l *local) reset(key uint64, rules []*rule) {
	v := visit{local: l, key: key, looks: true}
	v.open(rules)
	for i := range v.spots() {
		v.array[i].clear()
	}
	v.close()
}

// reserve takes n units as soon as they are free, when that is within patience; d.RetryAfter is then the time until
// they may be used. full is when a bucket is full with them, for unreserve.
func (l *local) reserve(key uint64, r *rule, n int64, patience time.Duration) (d Decision, full int64) {
	v := visit{local: l, key: key}
	v.open([]*rule{r})
	d = Decision{Cost: n}
	wait := max(v.array[0].wait(n), 0)
	switch {
	case wait == 0:
		v.array[0].take(n)
	case wait <= patience && wait < unknown:
		v.array[0].book(n, wait)
	default:
		v.refuse(n, &d)
		v.close()
		return d, 0
	}
	v.allow(&d)
	d.at += int64(wait)
	d.RetryAfter = wait
	full = v.array[0].bucket.full
	v.close()
	return d, full
}

// unreserve gives back units that were reserved for at and are not used. Whoever reserved later keeps his time, so a
// bucket gives back only what nobody built upon; the cells of the others give back all.
func (l *local) unreserve(key uint64, r *rule, n, at, full int64) {
	v := visit{local: l, key: key, looks: true}
	v.open([]*rule{r})
	s := &v.array[0]
	if r.Algorithm == TokenBucket {
		s.dirty = true
		s.bucket.full = max(s.bucket.full-max(n*r.interval-(s.bucket.full-full), 0), s.bucket.now)
		s.bucket.booked = s.bucket.full > s.bucket.now+r.depth
	} else {
		s.refund(n, at)
	}
	v.close()
}
