package entitlements

import (
	"sync/atomic"
	"time"
)

// slot holds an answer: the first one in place, where it takes no further look, and what replaced it. It is as long as
// a cache line, since what a check takes is the time to get here.
type slot struct {
	next  atomic.Pointer[answer]
	first answer
}

// answer is a Decision and how long it may serve, packed: what differs between tenants on one plan, and what does not.
type answer struct {
	common    *Decision // without the fields below; it never changes
	at        int64     // the store's time when it was true, in nanoseconds since 1970
	until     int64     // when it changes by itself, or never; negative once something else changed
	used      int64
	held      int64
	remaining int64
	resets    int64 // ResetsAt in nanoseconds since 1970; 0: as in common
}

// known are the Decisions that answers about one feature have lately shared.
type known struct {
	decisions [8]atomic.Pointer[Decision] // of as many plans, say
	turn      atomic.Uint32
}

// pack makes an answer of what was decided.
func (k *known) pack(d Decision, at, until int64) answer {
	a := answer{at: at, until: until}
	a.used, a.held, a.remaining = d.Used, d.Held, d.Remaining
	d.Used, d.Held, d.Remaining = 0, 0, 0
	if ns := d.ResetsAt.UnixNano(); time.Unix(0, ns).Equal(d.ResetsAt) && d.ResetsAt.Location() == time.UTC {
		a.resets, d.ResetsAt = ns, time.Time{}
	}
	a.common = k.share(d)
	return a
}

// share returns a Decision that is d.
func (k *known) share(d Decision) *Decision {
	for i := range k.decisions {
		if other := k.decisions[i].Load(); other != nil && *other == d {
			return other
		}
	}
	own := d
	k.decisions[k.turn.Add(1)%uint32(len(k.decisions))].Store(&own)
	return &own
}

func (s *slot) load() *answer {
	if next := s.next.Load(); next != nil {
		return next
	}
	return &s.first
}

// change replaces the answer by what f makes of it, unless f declines.
func (s *slot) change(f func(a answer) (answer, bool)) {
	for {
		old := s.next.Load()
		next, ok := f(*s.load())
		if !ok || s.next.CompareAndSwap(old, &next) {
			return
		}
	}
}

// stale says whether something changed that the answer does not know of.
func (a *answer) stale() bool { return a.until < 0 }

// lasts returns until when the answer holds if nothing changed.
func (a *answer) lasts() int64 { return max(a.until, -a.until) }

// serves says whether the answer may be given. One that is stale has ended before any time.
func (a *answer) serves(now int64, maxAge time.Duration) bool {
	return now-a.at <= int64(maxAge) && now < a.until
}

// read puts the Decision into d.
func (a *answer) read(d *Decision) {
	*d = *a.common
	d.Used, d.Held, d.Remaining = a.used, a.held, a.remaining
	if a.resets != 0 {
		d.ResetsAt = time.Unix(0, a.resets).UTC()
	}
}

// tell puts the Decision with its age into d.
func (a *answer) tell(now int64, d *Decision) {
	a.read(d)
	d.Age = time.Duration(max(now-a.at, 1))
}
