package kpi

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/transbotai/tenon/internal/tell"

	"github.com/transbotai/tenon"
)

// MemoryOptions of a [MemoryStore].
type MemoryOptions struct {
	Notifier tenon.Notifier // is told of goals; its error undoes the change. Nil: nobody is
	Recorder tenon.Recorder // is told of changes; its error undoes the change. Nil: nobody is
}

// MemoryStore is a [Store] in memory: the readable specification of what a store does, and a store for tests. It keeps
// no rollups but counts events whenever it is asked, and forgets everything with the process.
type MemoryStore struct {
	options MemoryOptions

	mu     sync.Mutex
	state  State
	events map[string]Event  // by id
	keys   map[Ref]memoryKey // never forgotten
	ids    map[Ref]bool      // of events that were ever stored, without a key; never forgotten
	asides map[string]Aside  // by id
}

// memoryKey is what a key stands for.
type memoryKey struct {
	first string // the id of the first event that had it
	now   string // the id of the event that has it now; "" when it was retracted
}

var (
	_ Store  = (*MemoryStore)(nil)
	_ Asides = (*MemoryStore)(nil)
)

// NewMemoryStore returns an empty store.
func NewMemoryStore(opts *MemoryOptions) *MemoryStore {
	s := &MemoryStore{events: map[string]Event{}, keys: map[Ref]memoryKey{}, ids: map[Ref]bool{}, asides: map[string]Aside{}}
	if opts != nil {
		s.options = *opts
	}
	return s
}

// Track implements [Store].
func (s *MemoryStore) Track(_ context.Context, entries []Entry) ([]Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	receipts := make([]Receipt, len(entries))
	for i, e := range entries {
		receipts[i] = s.carryOut(e)
	}
	return receipts, nil
}

func (s *MemoryStore) carryOut(e Entry) Receipt {
	if e.Event.Read(e.Event.JSON) != nil { // the Tracker wrote it
		e.Event.Properties = nil
	}
	ref := Ref{e.Event.Tenant, e.Event.Key}
	key, taken := s.keys[ref]
	switch e.Kind {
	case Add:
		return s.add(e.Event, ref, key, taken)
	case Correct, Retract:
		if key.now == "" {
			return Receipt{Outcome: Unknown}
		}
		delete(s.events, key.now)
		if e.Kind == Retract {
			s.keys[ref] = memoryKey{first: key.first}
			return Receipt{Outcome: Retracted, ID: key.now}
		}
		s.events[e.Event.ID] = e.Event
		s.keys[ref] = memoryKey{first: key.first, now: e.Event.ID}
		return Receipt{Outcome: Corrected, ID: e.Event.ID}
	default:
		s.asides[e.Event.ID] = Aside{Event: e.Event, Reason: e.Reason}
		return Receipt{Outcome: Quarantined, ID: e.Event.ID, Reason: e.Reason}
	}
}

func (s *MemoryStore) add(e Event, ref Ref, key memoryKey, taken bool) Receipt {
	if taken {
		return Receipt{Outcome: Duplicate, ID: key.first}
	}
	if ref.Key == "" {
		id := Ref{e.Tenant, e.ID}
		if s.ids[id] {
			return Receipt{Outcome: Duplicate, ID: e.ID}
		}
		s.ids[id] = true
	} else {
		s.keys[ref] = memoryKey{first: e.ID, now: e.ID}
	}
	s.events[e.ID] = e
	return Receipt{Outcome: Accepted, ID: e.ID}
}

// Load implements [Store].
func (s *MemoryStore) Load(context.Context) (*State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Clone(), nil
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
	if err := s.tell(ctx, effects); err != nil {
		return nil, err
	}
	s.state = *next.Clone()
	return next, nil
}

func (s *MemoryStore) tell(ctx context.Context, e Effects) error {
	return tell.Host(ctx, s.options.Recorder, s.options.Notifier, e.Changes, e.Notifications)
}

// Quarantined implements [Asides].
func (s *MemoryStore) Quarantined(_ context.Context, q AsideQuery) ([]Aside, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Aside
	for _, id := range slices.Sorted(maps.Keys(s.asides)) {
		a := s.asides[id]
		if id > q.After && (q.Tenant == "" || q.Tenant == a.Event.Tenant) && len(found) < q.Page() {
			found = append(found, a)
		}
	}
	return found, nil
}

// Page returns how many events the query gives at most.
func (q AsideQuery) Page() int {
	if q.Limit == 0 {
		return 100
	}
	return min(max(q.Limit, 1), 1000)
}

// Release implements [Asides].
func (s *MemoryStore) Release(_ context.Context, tenant, id string) (Aside, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.asides[id]
	if !ok || a.Event.Tenant != tenant {
		return Aside{}, ErrUnknownEvent
	}
	delete(s.asides, id)
	return a, nil
}

// view returns the events of a tenant, or all, and what it says of them.
func (s *MemoryStore) view(tenant string) ([]Event, Cells) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var events []Event
	var cells Cells
	for _, e := range s.events {
		if tenant != "" && tenant != e.Tenant {
			continue
		}
		events = append(events, e)
		if e.ReceivedAt.After(cells.Newest) {
			cells.Newest = e.ReceivedAt
		}
	}
	return events, cells
}

// Cells implements [Store].
func (s *MemoryStore) Cells(_ context.Context, q CellQuery) (Cells, error) {
	events, answer := s.view(q.Tenant)
	counter := NewCounter(q)
	for i := range events {
		counter.Add(&events[i])
	}
	var err error
	answer.Cells, err = counter.Cells()
	return answer, err
}

// Scan implements [Store].
func (s *MemoryStore) Scan(_ context.Context, q ScanQuery) (Cells, error) {
	events, answer := s.view(q.Tenant)
	slices.SortFunc(events, func(a, b Event) int {
		x, _ := q.Subject().Of(&a)
		y, _ := q.Subject().Of(&b)
		return cmp.Or(strings.Compare(a.Tenant, b.Tenant), strings.Compare(x, y))
	})
	scanner := NewScanner(q)
	for i := range events {
		scanner.Add(&events[i])
	}
	answer.Cells = scanner.Cells()
	return answer, nil
}
