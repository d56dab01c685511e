package support

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/transbotai/tenon/internal/tell"

	"github.com/transbotai/tenon"
)

// MemoryOptions of a [MemoryStore].
type MemoryOptions struct {
	Notifier tenon.Notifier // is told of escalations, warnings and late findings; its error undoes the change. Nil: nobody is
	Recorder tenon.Recorder // is told of changes; its error undoes the change. Nil: nobody is
}

// MemoryStore is a [Store] in memory: the readable specification of what a store does, and a store for tests. It
// forgets everything with the process. Whoever is called back by it (an edit, a handler of timers) has the store to
// itself and must use the one that it is handed.
type MemoryStore struct {
	*memory
	bound bool // within a transaction: the lock is held
}

var (
	_ Store         = (*MemoryStore)(nil)
	_ TimerReviewer = (*MemoryStore)(nil)
)

// memory is what all views of a store share.
type memory struct {
	options MemoryOptions

	mu       sync.Mutex
	rules    Rules
	tickets  map[Ref]Ticket
	findings map[Ref]Finding
	timers   map[TimerRef]memoryTimer
	progress map[progressKey]Progress
	undo     []func() // what takes back the writes of the transaction, last first
}

type progressKey struct {
	Viewer
	tour string
}

// NewMemoryStore returns an empty store.
func NewMemoryStore(opts *MemoryOptions) *MemoryStore {
	m := &memory{
		rules: DefaultRules(), tickets: map[Ref]Ticket{}, findings: map[Ref]Finding{},
		timers: map[TimerRef]memoryTimer{}, progress: map[progressKey]Progress{},
	}
	if opts != nil {
		m.options = *opts
	}
	return &MemoryStore{memory: m}
}

// tx runs f with the store to itself, and takes back what f wrote when it fails or panics.
func (s *MemoryStore) tx(f func(s *MemoryStore) error) error {
	if !s.bound {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.undo = nil
	}
	begun, done := len(s.undo), false
	defer func() {
		if done {
			return
		}
		for _, back := range slices.Backward(s.undo[begun:]) {
			back()
		}
		s.undo = s.undo[:begun]
	}()
	if err := f(&MemoryStore{memory: s.memory, bound: true}); err != nil {
		return err
	}
	done = true
	return nil
}

// put writes one entry of a map, remove takes one out, so that tx can take it back.
func put[K comparable, V any](m *memory, to map[K]V, k K, v V) {
	restore(m, to, k)
	to[k] = v
}

func remove[K comparable, V any](m *memory, from map[K]V, k K) {
	restore(m, from, k)
	delete(from, k)
}

func restore[K comparable, V any](m *memory, in map[K]V, k K) {
	old, had := in[k]
	m.undo = append(m.undo, func() {
		if had {
			in[k] = old
		} else {
			delete(in, k)
		}
	})
}

// follow does what follows from a change.
func (s *MemoryStore) follow(ctx context.Context, e Effects) error {
	for _, t := range e.Timers {
		put(s.memory, s.timers, t.TimerRef, memoryTimer{Timer: t, ready: t.At})
	}
	for _, ref := range e.Cancel {
		remove(s.memory, s.timers, ref)
	}
	return tell.Host(ctx, s.options.Recorder, s.options.Notifier, e.Changes, e.Notifications)
}

// Tickets implements [TicketStore].
func (s *MemoryStore) Tickets(_ context.Context, q TicketQuery) (found []Ticket, err error) {
	err = s.tx(func(s *MemoryStore) error {
		for ref, t := range s.tickets {
			if q.wants(&t) {
				found = append(found, Replay(ref, slices.Clone(t.History)))
			}
		}
		return nil
	})
	slices.SortFunc(found, func(a, b Ticket) int { return compareNewest(a.Ref, b.Ref) })
	return pageOf(found, cmp.Or(q.Limit, 100), func(t Ticket) string { return t.ID }), err
}

func compareNewest(a, b Ref) int {
	return cmp.Or(cmp.Compare(b.ID, a.ID), cmp.Compare(a.Tenant, b.Tenant))
}

// pageOf returns the first n of all, and those that have the id of the last.
func pageOf[T any](all []T, n int, id func(T) string) []T {
	n = min(n, len(all))
	for n > 0 && n < len(all) && id(all[n]) == id(all[n-1]) {
		n++
	}
	return all[:n]
}

func (q *TicketQuery) wants(t *Ticket) bool {
	return (q.Tenant == "" || q.Tenant == t.Tenant) && (q.ID == "" || q.ID == t.ID) &&
		(len(q.States) == 0 || slices.Contains(q.States, t.State)) && (q.Before == "" || t.ID < q.Before) &&
		(q.OpenedSince.IsZero() || !t.OpenedAt.Before(q.OpenedSince)) &&
		(q.OpenedBefore.IsZero() || t.OpenedAt.Before(q.OpenedBefore))
}

// ChangeTicket implements [TicketStore].
func (s *MemoryStore) ChangeTicket(
	ctx context.Context, ref Ref, edit func(t *Ticket, r Rules) (Effects, error),
) (changed Ticket, err error) {
	err = s.tx(func(s *MemoryStore) error {
		changed = Replay(ref, slices.Clone(s.tickets[ref].History))
		before := len(changed.History)
		e, err := edit(&changed, s.rules.clone())
		if err != nil {
			return err
		}
		if len(changed.History) > before {
			put(s.memory, s.tickets, ref, Replay(ref, slices.Clone(changed.History)))
		}
		return s.follow(ctx, e)
	})
	if err != nil {
		return Ticket{}, err
	}
	return changed, nil
}

// clone returns a copy of the maps and lists; what they hold is shared, and nobody changes it.
func (r Rules) clone() Rules {
	r.Policies, r.Plans, r.Calendars = slices.Clone(r.Policies), maps.Clone(r.Plans), maps.Clone(r.Calendars)
	return r
}

// Rules implements [TicketStore].
func (s *MemoryStore) Rules(context.Context) (r Rules, err error) {
	err = s.tx(func(s *MemoryStore) error {
		r = s.rules.clone()
		return nil
	})
	return r, err
}

// ChangeRules implements [TicketStore].
func (s *MemoryStore) ChangeRules(ctx context.Context, edit func(r *Rules) (Effects, error)) (changed Rules, err error) {
	err = s.tx(func(s *MemoryStore) error {
		changed = s.rules.clone()
		e, err := edit(&changed)
		if err != nil {
			return err
		}
		old := s.rules
		s.undo = append(s.undo, func() { s.rules = old })
		s.rules = changed.clone()
		return s.follow(ctx, e)
	})
	if err != nil {
		return Rules{}, err
	}
	return changed, nil
}

// Progress implements [TourStore].
func (s *MemoryStore) Progress(_ context.Context, v Viewer) (kept []Progress, err error) {
	err = s.tx(func(s *MemoryStore) error {
		for k, p := range s.progress {
			if k.Viewer == v {
				kept = append(kept, p)
			}
		}
		return nil
	})
	slices.SortFunc(kept, func(a, b Progress) int { return cmp.Compare(a.Tour, b.Tour) })
	return kept, err
}

// KeepProgress implements [TourStore].
func (s *MemoryStore) KeepProgress(_ context.Context, p Progress) (kept Progress, err error) {
	err = s.tx(func(s *MemoryStore) error {
		k := progressKey{p.Viewer, p.Tour}
		var changed bool
		if kept, changed = p.Over(s.progress[k]); changed {
			put(s.memory, s.progress, k, kept)
		}
		return nil
	})
	return kept, err
}

// Findings implements [FindingStore].
func (s *MemoryStore) Findings(_ context.Context, q FindingQuery) (found []Finding, err error) {
	err = s.tx(func(s *MemoryStore) error {
		for _, f := range s.findings {
			if q.wants(&f) {
				found = append(found, f.clone())
			}
		}
		return nil
	})
	slices.SortFunc(found, func(a, b Finding) int { return compareNewest(a.Ref, b.Ref) })
	return pageOf(found, cmp.Or(q.Limit, 100), func(f Finding) string { return f.ID }), err
}

func (q *FindingQuery) wants(f *Finding) bool {
	return (q.Tenant == "" || q.Tenant == f.Tenant) && (q.ID == "" || q.ID == f.ID) &&
		(len(q.States) == 0 || slices.Contains(q.States, f.State)) && (q.Before == "" || f.ID < q.Before)
}

// clone returns a copy that shares nothing.
func (f Finding) clone() Finding {
	f.History = slices.Clone(f.History)
	if f.Accepted != nil {
		a := *f.Accepted
		f.Accepted = &a
	}
	return f
}

// ChangeFinding implements [FindingStore].
func (s *MemoryStore) ChangeFinding(
	ctx context.Context, ref Ref, edit func(f *Finding) (Effects, error),
) (changed Finding, err error) {
	err = s.tx(func(s *MemoryStore) error {
		changed = s.findings[ref].clone()
		changed.Ref = ref
		e, err := edit(&changed)
		if err != nil {
			return err
		}
		if len(changed.History) > 0 {
			put(s.memory, s.findings, ref, changed.clone())
		}
		return s.follow(ctx, e)
	})
	if err != nil {
		return Finding{}, err
	}
	return changed, nil
}
