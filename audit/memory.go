package audit

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// MemoryStore keeps entries in memory: the readable specification of a [Store] and of what stores may do beside.
type MemoryStore struct {
	mu          sync.Mutex
	entries     map[Ref]*Entry
	order       []Ref // as they were committed
	keys        map[keyOf]string
	leaves      []memoryLeaf
	nodes       map[int][]Hash
	checkpoints []Kept // by size
	holds       []Hold
	cursors     map[string]*cursor
}

type keyOf struct{ tenant, key string }

type memoryLeaf struct {
	hash Hash
	ref  Ref
}

type cursor struct {
	next   int64
	holder string
	until  time.Time
}

var (
	_ Sealer   = (*MemoryStore)(nil)
	_ Notary   = (*MemoryStore)(nil)
	_ Retainer = (*MemoryStore)(nil)
	_ Cursors  = (*MemoryStore)(nil)
)

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore {
	return &MemoryStore{entries: map[Ref]*Entry{}, keys: map[keyOf]string{}, nodes: map[int][]Hash{}, cursors: map[string]*cursor{}}
}

func refOf(e *Entry) Ref { return Ref{Tenant: e.Tenant, ID: e.ID} }

// Append implements [Store].
func (m *MemoryStore) Append(ctx context.Context, entries []Entry) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.append(entries)
}

func (m *MemoryStore) append(entries []Entry) ([]string, error) {
	ids := make([]string, len(entries))
	var fresh []Entry
	for i := range entries {
		e := &entries[i]
		ids[i] = e.ID
		if m.entries[refOf(e)] != nil || slices.ContainsFunc(fresh, func(f Entry) bool { return refOf(&f) == refOf(e) }) {
			continue
		}
		earlier, err := m.keyed(fresh, e)
		if err != nil {
			return nil, err
		}
		if earlier != "" {
			ids[i] = earlier
			continue
		}
		fresh = append(fresh, copied(e))
	}
	for i := range fresh {
		m.add(&fresh[i])
	}
	return ids, nil
}

// keyed returns the id of the earlier record with the entry's key, if there is one.
func (m *MemoryStore) keyed(fresh []Entry, e *Entry) (string, error) {
	if e.Key == "" {
		return "", nil
	}
	for i := range fresh {
		if fresh[i].Tenant == e.Tenant && fresh[i].Key == e.Key {
			return fresh[i].ID, SameRecord(&fresh[i], e)
		}
	}
	id, ok := m.keys[keyOf{e.Tenant, e.Key}]
	if !ok {
		return "", nil
	}
	return id, SameRecord(m.entries[Ref{e.Tenant, id}], e)
}

func (m *MemoryStore) add(e *Entry) {
	m.entries[refOf(e)] = e
	m.order = append(m.order, refOf(e))
	if e.Key != "" {
		m.keys[keyOf{e.Tenant, e.Key}] = e.ID
	}
}

// SameRecord returns [ErrKeyReused] unless b says what a says, apart from id and time: it is for stores that find the
// key of b at a. A nil a, or a redacted one, cannot tell.
func SameRecord(a, b *Entry) error {
	if a == nil || len(a.Redacted) > 0 || a.Actor != b.Actor || a.OnBehalfOf != b.OnBehalfOf || a.Action != b.Action ||
		a.Outcome != b.Outcome || !slices.Equal(a.Targets, b.Targets) || (a.Payload == nil) != (b.Payload == nil) {
		return ErrKeyReused
	}
	if a.Payload != nil && !sameJSON(a.Payload, b.Payload) {
		return ErrKeyReused
	}
	return nil
}

// copied returns an entry that shares nothing with e.
func copied(e *Entry) Entry {
	c := e.clone()
	c.Payload = slices.Clone(e.Payload)
	c.Seed = slices.Clone(e.Seed)
	if e.Salts != nil {
		c.Salts = make(map[string][]byte, len(e.Salts))
		for path, salt := range e.Salts {
			c.Salts[path] = slices.Clone(salt)
		}
	}
	return c
}

// List implements [Store].
func (m *MemoryStore) List(ctx context.Context, q Query) ([]Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	found := m.matching(q)
	if len(found) > q.Limit {
		found = found[:q.Limit]
	}
	return found, nil
}

// matching returns copies of all entries that q asks for after q.After, in its order.
func (m *MemoryStore) matching(q Query) []Entry {
	var found []Entry
	for _, e := range m.entries {
		after := q.After == "" || q.OldestFirst && e.ID > q.After || !q.OldestFirst && e.ID < q.After
		if after && q.Matches(e) {
			found = append(found, copied(e))
		}
	}
	slices.SortFunc(found, func(a, b Entry) int {
		if q.OldestFirst {
			return cmp.Compare(a.ID, b.ID)
		}
		return cmp.Compare(b.ID, a.ID)
	})
	return found
}

// redactPage is how many entries are redacted at once.
const redactPage = 500

// Redact implements [Store].
func (m *MemoryStore) Redact(ctx context.Context, q Query, f func(page []Entry) (changed, records []Entry, err error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, h := range m.holds {
		if h.overlaps(q.Tenant, q.From, q.To) {
			return ErrHeld
		}
	}
	q.OldestFirst = true
	for page := range slices.Chunk(m.matching(q), redactPage) {
		if err := ctx.Err(); err != nil {
			return err
		}
		changed, records, err := f(page)
		if err != nil {
			return err
		}
		if _, err := m.append(records); err != nil {
			return err
		}
		for i := range changed {
			e := copied(&changed[i])
			if was := m.entries[refOf(&e)]; was.Key != e.Key {
				delete(m.keys, keyOf{was.Tenant, was.Key})
			}
			m.entries[refOf(&e)] = &e
		}
	}
	return nil
}

// PutHold implements [Retainer].
func (m *MemoryStore) PutHold(_ context.Context, h Hold, told Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.append([]Entry{told}); err != nil {
		return err
	}
	m.holds = slices.DeleteFunc(m.holds, func(o Hold) bool { return o.ID == h.ID })
	m.holds = append(m.holds, h)
	return nil
}

// Holds implements [Retainer].
func (m *MemoryStore) Holds(context.Context) ([]Hold, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	held := slices.DeleteFunc(slices.Clone(m.holds), func(h Hold) bool { return !h.Released.IsZero() })
	slices.SortFunc(held, func(a, b Hold) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	return held, nil
}

// Drop implements [Retainer].
func (m *MemoryStore) Drop(_ context.Context, before time.Time, anchored int64, told func(Dropped) (Entry, error)) ([]Dropped, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var dropped []Dropped
	for {
		month, ok := m.oldestMonth()
		to := month.AddDate(0, 1, 0)
		if !ok || to.After(before) || !m.droppable(month, to, anchored) {
			return dropped, nil
		}
		d := Dropped{Name: month.Format("audit_log_y2006m01"), From: month, To: to, Checked: anchored}
		gone := m.within(month, to)
		d.Records = int64(len(gone))
		record, err := told(d)
		if err != nil {
			return dropped, err
		}
		for _, ref := range gone {
			delete(m.entries, ref) // its key stays used
		}
		if _, err := m.append([]Entry{record}); err != nil {
			return dropped, err
		}
		d.RecordID = record.ID
		dropped = append(dropped, d)
	}
}

func (m *MemoryStore) oldestMonth() (time.Time, bool) {
	var oldest time.Time
	for ref := range m.entries {
		if at := idTime(ref.ID); oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	return time.Date(oldest.Year(), oldest.Month(), 1, 0, 0, 0, 0, time.UTC), !oldest.IsZero()
}

func (m *MemoryStore) within(from, to time.Time) (refs []Ref) {
	for ref := range m.entries {
		if at := idTime(ref.ID); !at.Before(from) && at.Before(to) {
			refs = append(refs, ref)
		}
	}
	return refs
}

// droppable says whether all of a month is in the anchored tree and nothing of it is held.
func (m *MemoryStore) droppable(from, to time.Time, anchored int64) bool {
	sealed := map[Ref]bool{}
	for _, leaf := range m.leaves[:min(int64(len(m.leaves)), anchored)] {
		sealed[leaf.ref] = true
	}
	for _, ref := range m.within(from, to) {
		held := slices.ContainsFunc(m.holds, func(h Hold) bool { return h.overlaps(ref.Tenant, from, to) })
		if !sealed[ref] || held {
			return false
		}
	}
	return true
}
