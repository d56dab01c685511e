package notify

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// MemoryStore is a [Store] in memory: the readable specification of what a store does, and a store for tests. It
// forgets everything with the process.
type MemoryStore struct {
	mu      sync.Mutex
	entries []*memoryEntry // as written
	groups  map[group]*memoryGroup
	keys    map[memoryKey]bool
	tick    int64 // counts attempts, for LastError
}

var (
	_ Store    = (*MemoryStore)(nil)
	_ Reviewer = (*MemoryStore)(nil)
)

type memoryEntry struct {
	Entry
	tried int64 // the tick of its last attempt
}

type group struct{ tenant, destination, name string }

type memoryGroup struct {
	ready time.Time // what its head was put off to
	lease string
	until time.Time
}

type memoryKey struct{ tenant, destination, key string }

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore {
	return &MemoryStore{groups: map[group]*memoryGroup{}, keys: map[memoryKey]bool{}}
}

func (e *Entry) group() group { return group{e.Notification.Tenant, e.Destination, e.Group} }

func (e *Entry) key() memoryKey {
	return memoryKey{e.Notification.Tenant, e.Destination, e.Notification.Key}
}

// Add implements [Store].
func (s *MemoryStore) Add(_ context.Context, entries []Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entries {
		if s.keys[e.key()] {
			continue
		}
		s.keys[e.key()] = true
		e.Notification.Data = maps.Clone(e.Notification.Data)
		s.entries = append(s.entries, &memoryEntry{Entry: e})
		s.open(e.group())
	}
	return nil
}

// open makes sure that the group is there.
func (s *MemoryStore) open(id group) {
	if s.groups[id] == nil {
		s.groups[id] = &memoryGroup{}
	}
}

// Claim implements [Store].
func (s *MemoryStore) Claim(_ context.Context, c Claim) ([]Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	heads := s.heads(c.Destination)
	heads = slices.DeleteFunc(heads, func(e Entry) bool {
		g := s.groups[e.group()]
		return g.ready.After(c.Now) || g.until.After(c.Now)
	})
	slices.SortStableFunc(heads, func(a, b Entry) int { return s.groups[a.group()].ready.Compare(s.groups[b.group()].ready) })
	heads = heads[:min(len(heads), c.Limit)]
	for _, e := range heads {
		g := s.groups[e.group()]
		g.lease, g.until = c.Lease, c.Until
	}
	return heads, nil
}

// heads returns the first pending entry of each group.
func (s *MemoryStore) heads(destination string) []Entry {
	var heads []Entry
	seen := map[group]bool{}
	for _, e := range s.entries {
		if e.Destination == destination && e.State == Pending && !seen[e.group()] {
			seen[e.group()] = true
			heads = append(heads, e.copy())
		}
	}
	return heads
}

func (e *memoryEntry) copy() Entry {
	c := e.Entry
	c.Notification.Data = maps.Clone(c.Notification.Data)
	return c
}

// Settle implements [Store].
func (s *MemoryStore) Settle(_ context.Context, results []Result) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range results {
		e, g := s.find(r.Entry.Ref()), s.groups[r.Entry.group()]
		if e == nil || g == nil || g.lease != r.Lease {
			continue
		}
		s.tick++
		e.tried, e.State, e.LastError = s.tick, r.State, r.Error
		e.Attempts++
		*g = memoryGroup{ready: r.At}
		if r.State == Pending {
			g.ready = r.Due
		} else {
			e.SettledAt = r.At
		}
	}
	return nil
}

func (s *MemoryStore) find(ref Ref) *memoryEntry {
	i := slices.IndexFunc(s.entries, func(e *memoryEntry) bool { return e.Ref() == ref })
	if i < 0 {
		return nil
	}
	return s.entries[i]
}

// Tally implements [Store].
func (s *MemoryStore) Tally(context.Context) ([]Tally, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tallies, tried := map[string]*Tally{}, map[string]int64{}
	for _, e := range s.entries {
		t := tallies[e.Destination]
		if t == nil {
			t = &Tally{Destination: e.Destination}
			tallies[e.Destination] = t
		}
		switch e.State {
		case Pending:
			t.Pending++
			if t.Oldest.IsZero() || e.Since.Before(t.Oldest) {
				t.Oldest = e.Since
			}
		case Dead:
			t.Dead++
		}
		if e.LastError != "" && e.tried > tried[e.Destination] {
			t.LastError, tried[e.Destination] = e.LastError, e.tried
		}
	}
	list := make([]Tally, 0, len(tallies))
	for _, name := range slices.Sorted(maps.Keys(tallies)) {
		list = append(list, *tallies[name])
	}
	return list, nil
}

// Prune implements [Store].
func (s *MemoryStore) Prune(_ context.Context, before time.Time, limit int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pruned := 0
	s.entries = slices.DeleteFunc(s.entries, func(e *memoryEntry) bool {
		old := e.State != Pending && e.SettledAt.Before(before) && pruned < limit
		if old {
			pruned++
			delete(s.keys, e.key())
		}
		return old
	})
	return pruned, nil
}

// List implements [Reviewer].
func (s *MemoryStore) List(_ context.Context, q Query) ([]Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Entry
	for _, e := range s.entries {
		if q.wants(&e.Entry) {
			list = append(list, e.copy())
		}
	}
	if q.Newest {
		slices.Reverse(list)
	}
	return list[:min(len(list), cmp.Or(q.Limit, 100))], nil
}

func (q Query) wants(e *Entry) bool {
	return (q.Tenant == "" || q.Tenant == e.Notification.Tenant) &&
		(q.Destination == "" || q.Destination == e.Destination) && (q.State == "" || q.State == e.State)
}

// Replay implements [Reviewer].
func (s *MemoryStore) Replay(_ context.Context, ref Ref, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(ref)
	switch {
	case e == nil:
		return ErrUnknownEntry
	case e.State == Pending:
		return nil
	}
	e.State, e.Since, e.SettledAt, e.Attempts, e.LastError = Pending, now, time.Time{}, 0, ""
	s.open(e.group())
	return nil
}
