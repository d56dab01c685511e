package directory

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/transbotai/tenon/internal/tell"

	"github.com/transbotai/tenon"
)

// MemoryOptions of a [MemoryStore]. The zero value of each field has the documented meaning.
type MemoryOptions struct {
	// Notifier is told of papers; its error undoes the change. Nil: nobody is told.
	Notifier tenon.Notifier
	// Recorder is told of changes; its error undoes the change. Nil: nobody is told.
	Recorder tenon.Recorder
}

// MemoryStore keeps the directory in memory: the readable specification of a [Store], and what tests use. It looks at
// every partner for each search.
type MemoryStore struct {
	options MemoryOptions

	mu       sync.Mutex
	partners map[Ref]*Dossier
	digested Date
}

var (
	_ Store    = (*MemoryStore)(nil)
	_ Digester = (*MemoryStore)(nil)
)

// NewMemoryStore returns an empty store.
func NewMemoryStore(opts *MemoryOptions) *MemoryStore {
	m := &MemoryStore{partners: map[Ref]*Dossier{}}
	if opts != nil {
		m.options = *opts
	}
	return m
}

// Load implements [Store].
func (m *MemoryStore) Load(ctx context.Context, ref Ref) (*Dossier, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, ok := m.partners[ref]
	if !ok {
		return nil, cmp.Or(ctx.Err(), ErrUnknownPartner)
	}
	return m.copied(d), ctx.Err()
}

// copied returns a copy that knows how many the tenant lists.
func (m *MemoryStore) copied(d *Dossier) *Dossier {
	c := d.Clone()
	c.TenantListed = 0
	for ref, other := range m.partners {
		if ref.Tenant == d.Tenant && other.Listed() {
			c.TenantListed++
		}
	}
	return c
}

// Change implements [Store]. The recorder and the notifier are called while the store is locked, as in a transaction:
// they must not call it.
func (m *MemoryStore) Change(ctx context.Context, ref Ref, edit Edit) (*Dossier, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d, ok := m.partners[ref]
	if !ok {
		d = &Dossier{Partner: Partner{Ref: ref}}
	}
	next, effects, err := m.edited(d, edit)
	if err == nil {
		err = effects.tell(ctx, m.options)
	}
	if err != nil {
		return nil, err
	}
	if next.Version > 0 {
		m.partners[ref] = next
	}
	return m.copied(next), nil
}

func (m *MemoryStore) edited(d *Dossier, edit Edit) (*Dossier, Effects, error) {
	next := m.copied(d)
	effects, err := edit(next)
	next.Tidy()
	return next, effects, err
}

func (e Effects) tell(ctx context.Context, to MemoryOptions) error {
	return tell.Host(ctx, to.Recorder, to.Notifier, e.Changes, e.Notifications)
}

// ChangeDue implements [Store].
func (m *MemoryStore) ChangeDue(ctx context.Context, due Due, edit Edit) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all Effects
	changed := map[Ref]*Dossier{}
	for _, d := range m.sorted() {
		if len(changed) == due.Limit {
			break
		}
		if !d.due(due) {
			continue
		}
		bare := d.Clone()
		bare.Log = nil
		next, effects, err := m.edited(bare, edit)
		if err != nil {
			return 0, err
		}
		next.Log = d.Log
		changed[d.Ref] = next
		all.Changes = append(all.Changes, effects.Changes...)
		all.Notifications = append(all.Notifications, effects.Notifications...)
	}
	if err := cmp.Or(ctx.Err(), all.tell(ctx, m.options)); err != nil {
		return 0, err
	}
	for ref, d := range changed {
		m.partners[ref] = d
	}
	return len(changed), nil
}

func (d *Dossier) due(due Due) bool {
	return d.DeletedAt.IsZero() && (d.Policy != due.Policy || !d.NextAt.IsZero() && !d.NextAt.After(due.Now))
}

// sorted returns the partners in the order of their ids.
func (m *MemoryStore) sorted() []*Dossier {
	var all []*Dossier
	for _, d := range m.partners {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b *Dossier) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// List implements [Store].
func (m *MemoryStore) List(ctx context.Context, q ListQuery) ([]*Dossier, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []*Dossier
	for _, d := range m.sorted() {
		if len(found) == q.Limit {
			break
		}
		if !q.wants(d) {
			continue
		}
		c := m.copied(d)
		c.Log, c.TenantListed = nil, 0
		c.Documents = slices.CompactFunc(c.Documents, func(a, b Document) bool { return a.Kind == b.Kind })
		found = append(found, c)
	}
	return found, ctx.Err()
}

func (q ListQuery) wants(d *Dossier) bool {
	switch {
	case !d.DeletedAt.IsZero(), q.Tenant != "" && q.Tenant != d.Tenant, q.Status != "" && q.Status != d.Status,
		q.After >= d.ID:
		return false
	}
	return q.StaleAt.IsZero() || slices.ContainsFunc(d.Papers(q.StaleAt), func(p Paper) bool { return p.Status != Valid })
}

// Search implements [Store].
func (m *MemoryStore) Search(ctx context.Context, q *Query) (*Found, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var entries []Entry
	for _, d := range m.partners {
		if e, ok := d.Entry(); ok {
			entries = append(entries, e)
		}
	}
	return q.Answer(entries), ctx.Err()
}

// Digest implements [Digester].
func (m *MemoryStore) Digest(ctx context.Context, now time.Time, day Date, tell func(Digest) Effects) (Digest, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var sum Digest
	for _, d := range m.partners {
		if d.DeletedAt.IsZero() {
			sum.add(d.Papers(now))
		}
	}
	if m.digested == day {
		return sum, false, ctx.Err()
	}
	if err := cmp.Or(ctx.Err(), tell(sum).tell(ctx, m.options)); err != nil {
		return Digest{}, false, err
	}
	m.digested = day
	return sum, true, nil
}

func (d *Digest) add(papers []Paper) {
	for _, p := range papers {
		switch p.Status {
		case Missing:
			d.Missing++
		case Expired:
			d.Expired++
		case ExpiringSoon:
			d.ExpiringSoon++
		case Valid:
		}
	}
}
