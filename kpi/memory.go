package kpi

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

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
	s := &MemoryStore{events: map[string]Event{}, keys: map[Ref]memoryKey{}, asides: map[string]Aside{}}
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
	s.events[e.ID] = e
	if ref.Key != "" {
		s.keys[ref] = memoryKey{first: e.ID, now: e.ID}
	}
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
	for _, c := range e.Changes {
		if s.options.Recorder == nil {
			break
		}
		if err := s.options.Recorder.RecordChange(ctx, c); err != nil {
			return err
		}
	}
	for _, n := range e.Notifications {
		if s.options.Notifier == nil {
			break
		}
		if err := s.options.Notifier.Notify(ctx, n); err != nil {
			return err
		}
	}
	return nil
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

// view is the events of a tenant, or all, in order; and what it says of them.
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
	slices.SortFunc(events, func(a, b Event) int { return a.compare(&b) })
	return events, cells
}

// Cells implements [Store].
func (s *MemoryStore) Cells(_ context.Context, q CellQuery) (Cells, error) {
	events, answer := s.view(q.Tenant)
	count := counting{edges: q.Edges, split: q.Split, cells: map[place]*Cell{}}
	if q.Measure.Pair != nil {
		count.pairs(q.Measure, events)
		answer.Cells = count.sorted()
		return answer, nil
	}
	for i := range events {
		if err := count.tally(q.Measure, &events[i]); err != nil {
			return Cells{}, err
		}
	}
	answer.Cells = count.sorted()
	return answer, nil
}

// Scan implements [Store].
func (s *MemoryStore) Scan(_ context.Context, q ScanQuery) (Cells, error) {
	events, answer := s.view(q.Tenant)
	count := counting{edges: q.Edges, split: q.Split, cells: map[place]*Cell{}}
	switch {
	case q.Unique != nil:
		count.unique(q.Unique, events)
	case q.Cohort != nil:
		count.cohort(q.Cohort, events)
	default:
		count.funnel(q.Funnel, events)
	}
	answer.Cells = count.sorted()
	return answer, nil
}

// counting fills cells.
type counting struct {
	edges []time.Time
	split bool
	cells map[place]*Cell
}

type place struct {
	period int
	group  string
}

// at returns the cell that holds t and group, or nil when t lies outside of the periods.
func (c *counting) at(t time.Time, group string) *Cell {
	period, ok := periodOf(c.edges, t)
	if !ok {
		return nil
	}
	if !c.split {
		group = ""
	}
	p := place{period, group}
	if c.cells[p] == nil {
		c.cells[p] = &Cell{Period: period, Group: group}
	}
	return c.cells[p]
}

func (c *counting) sorted() []Cell {
	var cells []Cell
	for _, cell := range c.cells {
		cells = append(cells, *cell)
	}
	slices.SortFunc(cells, func(a, b Cell) int {
		return cmp.Or(cmp.Compare(a.Period, b.Period), cmp.Compare(a.Group, b.Group))
	})
	return cells
}

func (c *counting) tally(m Measure, e *Event) error {
	d, ok := m.Tally(e)
	if !ok {
		return nil
	}
	cell := c.at(e.At, d.Group)
	if cell == nil {
		return nil
	}
	sum, fits := cell.Sum.plus(d.Sum)
	if !fits {
		return errSum
	}
	cell.Count, cell.Numbers, cell.Sum = cell.Count+1, cell.Numbers+d.Numbers, sum
	return nil
}

// who is a subject of a tenant.
type who struct{ tenant, subject string }

// pairs counts who started and who converted. Events are in order, so that the first sighting of each is the one.
func (c *counting) pairs(m Measure, events []Event) {
	starts, converts := map[who]Sighting{}, map[who]time.Time{}
	for i := range events {
		s, ok := m.Sight(&events[i])
		if !ok {
			continue
		}
		w := who{s.Tenant, s.Subject}
		if _, seen := starts[w]; s.Starts && !seen {
			starts[w] = s
		}
		if _, seen := converts[w]; s.Converts && !seen {
			converts[w] = s.At
		}
	}
	for w, start := range starts {
		cell := c.at(start.At, start.Group)
		if cell == nil {
			continue
		}
		cell.Count++
		if at, converted := converts[w]; converted {
			if took, ok := m.Pair.Converts(start.At, at); ok {
				cell.Converted++
				cell.Took += took
			}
		}
	}
}

func (c *counting) unique(u *Unique, events []Event) {
	type once struct {
		who
		cell *Cell
	}
	seen := map[once]bool{}
	for i := range events {
		e := &events[i]
		subject, ok := u.Subject.Of(e)
		if !ok || !u.Of.Fits(e) {
			continue
		}
		cell := c.at(e.At, e.group(u.Breakdown))
		if k := (once{who{e.Tenant, subject}, cell}); cell != nil && !seen[k] {
			seen[k] = true
			cell.Count++
		}
	}
}

func (c *counting) cohort(cohort *Cohort, events []Event) {
	for _, path := range bySubject(cohort.Subject, events) {
		i := slices.IndexFunc(path, func(e *Event) bool { return cohort.Start.Fits(e) })
		if i < 0 {
			continue
		}
		start := path[i]
		cell := c.at(start.At, start.group(cohort.Breakdown))
		if cell == nil {
			continue
		}
		if cell.Reached == nil {
			cell.Reached = make([]int64, cohort.Ages())
		}
		cell.Count++
		cell.age(cohort, start, path)
	}
}

// age counts the ages in which the subject had an event after start.
func (c *Cell) age(cohort *Cohort, start *Event, path []*Event) {
	ages := map[int64]bool{}
	for _, e := range path {
		since := e.At.Sub(start.At)
		if e != start && since >= 0 && since < time.Duration(cohort.Window) && cohort.Convert.Fits(e) {
			ages[int64(since)/int64(cohort.every())] = true
		}
	}
	for age := range ages {
		c.Reached[age]++
	}
	if len(ages) > 0 {
		c.Converted++
	}
}

// bySubject returns the events of each subject, in order.
func bySubject(subject Subject, events []Event) map[who][]*Event {
	paths := map[who][]*Event{}
	for i := range events {
		e := &events[i]
		if s, ok := subject.Of(e); ok {
			w := who{e.Tenant, s}
			paths[w] = append(paths[w], e)
		}
	}
	return paths
}
