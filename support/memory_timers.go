package support

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// memoryTimer is a timer and how it does.
type memoryTimer struct {
	Timer
	ready    time.Time // when it is to be tried next
	attempts int
	lease    string
	until    time.Time // when the lease ends
	reason   string    // of the last failure
	deadAt   time.Time
}

func (t *memoryTimer) free(now time.Time) bool { return t.deadAt.IsZero() && !t.until.After(now) }
func (t *memoryTimer) due(now time.Time) bool  { return t.free(now) && !t.ready.After(now) }

// Schedule implements [TimerStore].
func (s *MemoryStore) Schedule(ctx context.Context, timers []Timer) error {
	return s.tx(func(s *MemoryStore) error { return s.follow(ctx, Effects{Timers: timers}) })
}

// Cancel implements [TimerStore].
func (s *MemoryStore) Cancel(_ context.Context, refs []TimerRef) (cancelled int, err error) {
	err = s.tx(func(s *MemoryStore) error {
		for _, ref := range refs {
			if _, ok := s.timers[ref]; ok {
				remove(s.memory, s.timers, ref)
				cancelled++
			}
		}
		return nil
	})
	return cancelled, err
}

// Claim implements [TimerStore].
func (s *MemoryStore) Claim(_ context.Context, c Claim) (got Claimed, err error) {
	err = s.tx(func(s *MemoryStore) error {
		got.Now, got.Next = tenon.Instant(time.Now()), -1
		var due []memoryTimer
		for _, t := range s.timers {
			if !slices.Contains(c.Kinds, t.Kind) || !t.free(got.Now) {
				continue
			}
			if wait := t.ready.Sub(got.Now); wait > 0 {
				if got.Next < 0 || wait < got.Next {
					got.Next = wait
				}
				continue
			}
			due = append(due, t)
		}
		for _, t := range choose(due, c.Limit) {
			t.lease, t.until, t.attempts = c.Lease, got.Now.Add(c.For), t.attempts+1
			put(s.memory, s.timers, t.TimerRef, t)
			got.Timers = append(got.Timers, Held{Timer: t.Timer, Attempts: t.attempts})
		}
		return nil
	})
	return got, err
}

// choose returns the timers of the kind of the oldest, or the oldest alone when it was tried before.
func choose(due []memoryTimer, limit int) []memoryTimer {
	if len(due) == 0 {
		return nil
	}
	slices.SortFunc(due, func(a, b memoryTimer) int {
		return cmp.Or(a.ready.Compare(b.ready), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Key, b.Key))
	})
	if due[0].attempts > 0 {
		return due[:1]
	}
	kind := due[0].Kind
	due = slices.DeleteFunc(due, func(t memoryTimer) bool { return t.Kind != kind || t.attempts > 0 })
	return due[:min(len(due), limit)]
}

// Work implements [TimerStore].
func (s *MemoryStore) Work(
	ctx context.Context, lease string, held []Held, f func(ctx context.Context, s Store) error,
) error {
	return s.tx(func(s *MemoryStore) error {
		for _, h := range held {
			if s.timers[h.TimerRef].lease != lease {
				return ErrLost
			}
		}
		if err := f(ctx, s); err != nil {
			return err
		}
		for _, h := range held {
			if s.timers[h.TimerRef].lease == lease { // else f scheduled it anew, or cancelled it
				remove(s.memory, s.timers, h.TimerRef)
			}
		}
		return nil
	})
}

// Fail implements [TimerStore].
func (s *MemoryStore) Fail(_ context.Context, lease string, failures []Failure) error {
	return s.tx(func(s *MemoryStore) error {
		now := tenon.Instant(time.Now())
		for _, f := range failures {
			t, ok := s.timers[f.Held.TimerRef]
			if !ok || t.lease != lease {
				continue
			}
			t.lease, t.until = "", time.Time{}
			switch {
			case f.Undo:
				t.attempts--
			case f.Dead:
				t.reason, t.deadAt = f.Reason, now
			default:
				t.reason, t.ready = f.Reason, tenon.Instant(now.Add(f.After))
			}
			put(s.memory, s.timers, t.TimerRef, t)
		}
		return nil
	})
}

// TallyTimers implements [TimerReviewer].
func (s *MemoryStore) TallyTimers(context.Context) (tallies []TimerTally, err error) {
	err = s.tx(func(s *MemoryStore) error {
		now := tenon.Instant(time.Now())
		for _, t := range s.timers {
			i := slices.IndexFunc(tallies, func(o TimerTally) bool { return o.Kind == t.Kind })
			if i < 0 {
				i, tallies = len(tallies), append(tallies, TimerTally{Kind: t.Kind})
			}
			tallies[i].count(&t, now)
		}
		return nil
	})
	slices.SortFunc(tallies, func(a, b TimerTally) int { return cmp.Compare(a.Kind, b.Kind) })
	return tallies, err
}

func (c *TimerTally) count(t *memoryTimer, now time.Time) {
	if !t.deadAt.IsZero() {
		c.Dead++
		return
	}
	c.Waiting++
	if t.due(now) {
		c.Due++
		c.Oldest = max(c.Oldest, now.Sub(t.ready))
	}
}

// DeadTimers implements [TimerReviewer].
func (s *MemoryStore) DeadTimers(_ context.Context, limit int) (dead []DeadTimer, err error) {
	err = s.tx(func(s *MemoryStore) error {
		for _, t := range s.timers {
			if !t.deadAt.IsZero() {
				dead = append(dead, DeadTimer{Timer: t.Timer, Attempts: t.attempts, Reason: t.reason, DeadAt: t.deadAt})
			}
		}
		return nil
	})
	slices.SortFunc(dead, func(a, b DeadTimer) int {
		return cmp.Or(a.DeadAt.Compare(b.DeadAt), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Key, b.Key))
	})
	return dead[:min(len(dead), limit)], err
}

// ReviveTimer implements [TimerReviewer].
func (s *MemoryStore) ReviveTimer(_ context.Context, ref TimerRef) error {
	return s.tx(func(s *MemoryStore) error {
		t, ok := s.timers[ref]
		if !ok || t.deadAt.IsZero() {
			return ErrUnknownTimer
		}
		t.deadAt, t.attempts, t.reason, t.ready = time.Time{}, 0, "", tenon.Instant(time.Now())
		put(s.memory, s.timers, ref, t)
		return nil
	})
}
