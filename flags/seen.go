package flags

import (
	"context"
	"slices"
	"sync/atomic"
	"time"
)

// seen remembers which variants were served since it was last swept: a bit for each, the first for the caller's default.
// An evaluation writes only when its bit is not set yet, so that processors share the line without passing it around.
type seen struct{ bits *atomic.Uint64 }

func newSeen() seen {
	padded := new(struct {
		bits atomic.Uint64
		_    [56]byte // a cache line of its own
	})
	return seen{&padded.bits}
}

func (s seen) note(variant int16) {
	if bit := uint64(1) << uint16(variant+1); s.bits.Load()&bit == 0 {
		s.bits.Or(bit)
	}
}

// follow takes over what was seen of the flag's former variants.
func (c *compiled) follow(old *compiled) {
	served := old.seen.bits.Load()
	for i := range old.variants {
		if served&(1<<(i+1)) == 0 {
			continue
		}
		now := slices.IndexFunc(c.variants, func(v variant) bool { return v.name == old.variants[i].name })
		if now >= 0 { // a variant that is gone is not the caller's default
			c.seen.note(int16(now))
		}
	}
	if served&1 != 0 {
		c.seen.note(-1)
	}
}

// sweep takes what was seen and returns it as marks.
func (snap *snapshot) sweep(now time.Time) []Mark {
	var marks []Mark
	for _, key := range snap.keys() {
		c := snap.flags[key]
		served := c.seen.bits.Swap(0)
		if served&1 != 0 {
			marks = append(marks, Mark{Flag: key, Seen: now})
		}
		for i := range c.variants {
			if served&(1<<(i+1)) != 0 {
				marks = append(marks, Mark{Flag: key, Variant: c.variants[i].name, Seen: now})
			}
		}
	}
	return marks
}

// mark writes down what was seen. When that fails it is seen again at the next time.
func (s *Set) mark(ctx context.Context) error {
	now, err := s.clock.Now(ctx, s.store)
	if err != nil {
		return err
	}
	snap := s.live.Load()
	marks := snap.sweep(now)
	if len(marks) == 0 {
		return nil
	}
	if err := s.store.Mark(ctx, marks); err != nil {
		s.live.Load().restore(marks)
		return err
	}
	return nil
}

// restore notes marks again, of what there is by now.
func (snap *snapshot) restore(marks []Mark) {
	for _, m := range marks {
		c := snap.flags[m.Flag]
		if c == nil {
			continue
		}
		i := slices.IndexFunc(c.variants, func(v variant) bool { return v.name == m.Variant })
		if i >= 0 || m.Variant == "" {
			c.seen.note(int16(i))
		}
	}
}

// StaleFlag is a flag that code or people may be done with.
type StaleFlag struct {
	Key      string
	Owner    string
	Expired  bool // past its Expires
	Unseen   bool // not evaluated anywhere for Options.Unseen
	Constant bool // evaluated, and gave one variant alone for Options.Constant
	LastSeen time.Time
	Variant  string // of a constant flag; empty: the caller's default
	Changed  time.Time
}

// Stale returns the flags that are stale, by key; those that are marked NeverStale are not. Marks are as old as
// Options.MarkEvery in every process that evaluates.
func (s *Set) Stale(ctx context.Context) ([]StaleFlag, error) {
	if err := s.refresh(ctx); err != nil {
		return nil, err
	}
	marks, err := s.store.Marks(ctx)
	if err != nil {
		return nil, err
	}
	now, err := s.clock.Now(ctx, s.store)
	if err != nil {
		return nil, err
	}
	byFlag := map[string][]Mark{}
	for _, m := range marks {
		byFlag[m.Flag] = append(byFlag[m.Flag], m)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var stale []StaleFlag
	for _, key := range s.live.Load().keys() {
		e := s.state.entries[recordKey{KindFlag, key}]
		if e == nil || e.flag == nil || e.flag.NeverStale {
			continue
		}
		if f := s.staleness(e, byFlag[key], now); f.Expired || f.Unseen || f.Constant {
			stale = append(stale, f)
		}
	}
	return stale, nil
}

func (s *Set) staleness(e *entry, marks []Mark, now time.Time) StaleFlag {
	f := StaleFlag{Key: e.record.Key, Owner: e.flag.Owner, Changed: e.record.At}
	f.Expired = !e.flag.Expires.IsZero() && now.After(e.flag.Expires)
	recent := 0
	for _, m := range marks {
		if now.Sub(m.Seen) < s.options.Constant {
			recent++
		}
		if m.Seen.After(f.LastSeen) {
			f.LastSeen, f.Variant = m.Seen, m.Variant
		}
	}
	settled := now.Sub(e.record.At)
	f.Unseen = settled >= s.options.Unseen && now.Sub(f.LastSeen) >= s.options.Unseen
	f.Constant = settled >= s.options.Constant && recent == 1
	if !f.Constant {
		f.Variant = ""
	}
	return f
}
