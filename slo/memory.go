package slo

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/transbotai/tenon/internal/tell"

	"github.com/transbotai/tenon"
)

// MemoryOptions of a [MemoryStore].
type MemoryOptions struct {
	Notifier tenon.Notifier // is told of alerts and freezes; its error undoes the change. Nil: nobody is
	Recorder tenon.Recorder // is told of changes; its error undoes the change. Nil: nobody is
}

// MemoryStore is a [Store] in memory: the readable specification of what a store does, and a store for tests. It
// forgets everything with the process.
type MemoryStore struct {
	options MemoryOptions

	mu      sync.Mutex
	state   State
	past    []Episode           // resolved
	minutes map[series][]Minute // by time and instance
}

var (
	_ Store     = (*MemoryStore)(nil)
	_ Historian = (*MemoryStore)(nil)
)

type series struct {
	Key
	measure string
}

// NewMemoryStore returns an empty store.
func NewMemoryStore(opts *MemoryOptions) *MemoryStore {
	s := &MemoryStore{minutes: map[series][]Minute{}}
	if opts != nil {
		s.options = *opts
	}
	return s
}

// Load implements [Store].
func (s *MemoryStore) Load(context.Context) (*State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Clone(), nil
}

// Clone returns a copy that shares nothing.
func (s *State) Clone() *State {
	c := *s
	c.Objectives = slices.Clone(s.Objectives)
	for i, o := range c.Objectives {
		c.Objectives[i].Tiers, c.Objectives[i].BudgetAlerts = slices.Clone(o.Tiers), slices.Clone(o.BudgetAlerts)
	}
	c.Exclusions, c.Episodes = slices.Clone(s.Exclusions), slices.Clone(s.Episodes)
	c.Overrides, c.Freeze.Because = slices.Clone(s.Overrides), slices.Clone(s.Freeze.Because)
	return &c
}

// Change implements [Store].
func (s *MemoryStore) Change(ctx context.Context, edit Edit) (*State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.state.Clone()
	effects, err := edit(next)
	if err != nil {
		return nil, err
	}
	if err := s.state.keptBy(next); err != nil {
		return nil, err
	}
	if err := effects.tell(ctx, s.options); err != nil {
		return nil, err
	}
	for _, e := range next.Episodes {
		if !e.ResolvedAt.IsZero() {
			s.past = append(s.past, e)
		}
	}
	next.Tidy()
	s.state = *next
	return s.state.Clone(), nil
}

// keptBy refuses what takes away an episode that is open, or an override that has not ended.
func (s *State) keptBy(next *State) error {
	for _, e := range s.Episodes {
		if !slices.ContainsFunc(next.Episodes, func(o Episode) bool { return o.ID == e.ID }) {
			return tenon.Invalid("episodes", "%s is open, and the edit took it away", e.ID)
		}
	}
	for _, v := range s.Overrides {
		if !slices.ContainsFunc(next.Overrides, func(o Override) bool { return o.ID == v.ID }) {
			return tenon.Invalid("overrides", "%s has not ended, and the edit took it away", v.ID)
		}
	}
	return nil
}

func (e Effects) tell(ctx context.Context, to MemoryOptions) error {
	return tell.Host(ctx, to.Recorder, to.Notifier, e.Changes, e.Notifications)
}

// Tidy removes what is over and puts the rest in order, as stores keep it.
func (s *State) Tidy() {
	s.Episodes = slices.DeleteFunc(s.Episodes, func(e Episode) bool { return !e.ResolvedAt.IsZero() })
	s.Overrides = slices.DeleteFunc(s.Overrides, func(o Override) bool { return !o.EndedAt.IsZero() })
	slices.SortFunc(s.Objectives, func(a, b Objective) int { return compareKeys(a.Key, b.Key) })
	slices.SortFunc(s.Episodes, func(a, b Episode) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(s.Overrides, func(a, b Override) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(s.Exclusions, func(a, b Exclusion) int { return cmp.Compare(a.ID, b.ID) })
}

// Record implements [Store].
func (s *MemoryStore) Record(_ context.Context, minutes []Minute) error {
	for _, m := range minutes {
		if err := m.Check(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range minutes {
		of := series{m.Key, m.Measure}
		m.At, m.Sketch = m.At.UTC(), m.Sketch.Clone()
		all := s.minutes[of]
		i, found := slices.BinarySearchFunc(all, m, func(a, b Minute) int {
			return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Instance, b.Instance))
		})
		if !found {
			s.minutes[of] = slices.Insert(all, i, m)
			continue
		}
		closed := all[i].Closed || m.Closed
		if m.Valid >= all[i].Valid {
			all[i] = m
		}
		all[i].Closed = closed
	}
	return nil
}

// Check returns a [tenon.ErrInvalid] that names the field at fault. Every store asks it.
func (m Minute) Check() error {
	switch {
	case m.Name == "":
		return tenon.Invalid("name", "is empty")
	case m.Measure == "":
		return tenon.Invalid("measure", "is empty")
	case m.Instance == "":
		return tenon.Invalid("instance", "is empty")
	case m.At.IsZero() || !m.At.Truncate(time.Minute).Equal(m.At):
		return tenon.Invalid("at", "is not the beginning of a minute")
	case m.Good < 0 || m.Good > m.Valid:
		return tenon.Invalid("good", "is negative or more than valid")
	}
	return nil
}

// within returns the minutes of a span by time.
func (s *MemoryStore) within(span Span) []Minute {
	all := s.minutes[series{span.Key, span.Measure}]
	before := func(m Minute, at time.Time) int { return m.At.Compare(at) }
	from, _ := slices.BinarySearchFunc(all, span.From, before)
	to, _ := slices.BinarySearchFunc(all, span.To, before)
	return all[from:max(from, to)]
}

// Count implements [Store].
func (s *MemoryStore) Count(_ context.Context, spans []Span) ([]Count, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := make([]Count, len(spans))
	for i, span := range spans {
		var minute Count // of all instances
		minutes := s.within(span)
		for n, m := range minutes {
			minute = minute.plus(Count{Good: m.Good, Valid: m.Valid})
			if !m.Closed && m.At.Before(span.To.Add(-Settle)) {
				minute.Open++
			}
			if n+1 == len(minutes) || !minutes[n+1].At.Equal(m.At) {
				counts[i], minute = counts[i].plus(minute.sliced(span.Slice)), Count{}
			}
		}
	}
	return counts, nil
}

// sliced makes one of a minute, when minutes are what is counted.
func (c Count) sliced(slice PPM) Count {
	if slice == 0 {
		return c
	}
	minute := Count{Open: c.Open}
	if c.Valid > 0 {
		minute.Valid = 1
	}
	if c.Valid > 0 && compareProducts(c.Good, int64(Whole), c.Valid, int64(slice)) >= 0 {
		minute.Good = 1
	}
	return minute
}

// Sketch implements [Store].
func (s *MemoryStore) Sketch(_ context.Context, spans []Span) ([]Sketch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sketches := make([]Sketch, len(spans))
	for i, span := range spans {
		for _, m := range s.within(span) {
			sketches[i] = sketches[i].Merge(m.Sketch)
		}
	}
	return sketches, nil
}

// Episodes implements [Historian].
func (s *MemoryStore) Episodes(_ context.Context, since time.Time, limit int) ([]Episode, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := slices.DeleteFunc(slices.Concat(s.past, s.state.Episodes), func(e Episode) bool {
		return !e.ResolvedAt.IsZero() && !e.ResolvedAt.After(since)
	})
	slices.SortFunc(found, func(a, b Episode) int { return cmp.Compare(a.ID, b.ID) })
	return found[:min(len(found), limit)], nil
}
