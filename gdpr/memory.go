package gdpr

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/transbotai/tenon/internal/tell"

	"github.com/transbotai/tenon"
)

// MemoryOptions of a [MemoryStore].
type MemoryOptions struct {
	Notifier tenon.Notifier // is told of requests; its error undoes the change. Nil: nobody is
	Recorder tenon.Recorder // is told of changes; its error undoes the change. Nil: nobody is
}

// MemoryStore is a [Store] in memory: the readable specification of what a store does, and a store for tests. It
// forgets everything with the process.
type MemoryStore struct {
	options MemoryOptions

	mu    sync.Mutex
	cases map[string]*Case // by tenant
}

var _ Store = (*MemoryStore)(nil)

// NewMemoryStore returns an empty store.
func NewMemoryStore(opts *MemoryOptions) *MemoryStore {
	s := &MemoryStore{cases: map[string]*Case{}}
	if opts != nil {
		s.options = *opts
	}
	return s
}

func (s *MemoryStore) of(tenant string) *Case {
	if c, ok := s.cases[tenant]; ok {
		return c.Clone()
	}
	return &Case{Tenant: tenant}
}

// Load implements [Store].
func (s *MemoryStore) Load(_ context.Context, tenant string) (*Case, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of(tenant), nil
}

// Change implements [Store].
func (s *MemoryStore) Change(ctx context.Context, tenant string, edit Edit) (*Case, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.of(tenant)
	effects, err := edit(next)
	if err != nil {
		return nil, err
	}
	if err := effects.tell(ctx, s.options); err != nil {
		return nil, err
	}
	next.Tidy()
	delete(s.cases, tenant)
	s.cases[next.Tenant] = next
	return next.Clone(), nil
}

func (e Effects) tell(ctx context.Context, to MemoryOptions) error {
	return tell.Host(ctx, to.Recorder, to.Notifier, e.Changes, e.Notifications)
}

// List implements [Store].
func (s *MemoryStore) List(_ context.Context, q Query) ([]Request, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []Request{}
	for tenant, c := range s.cases {
		if q.Tenant != "" && tenant != q.Tenant {
			continue
		}
		for _, r := range c.Requests {
			if q.Open && r.State.Closed() || q.Before != "" && r.ID >= q.Before {
				continue
			}
			found = append(found, r.Clone())
		}
	}
	slices.SortFunc(found, func(a, b Request) int { return cmp.Compare(b.ID, a.ID) })
	return found[:min(len(found), q.Size())], nil
}

// Claim implements [Store].
func (s *MemoryStore) Claim(_ context.Context, c Claim) ([]Request, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []*Request
	for _, one := range s.cases {
		for i := range one.Requests {
			r := &one.Requests[i]
			if !r.NextAt.IsZero() && !r.NextAt.After(c.Now) && !r.LeaseUntil.After(c.Now) {
				due = append(due, r)
			}
		}
	}
	slices.SortFunc(due, func(a, b *Request) int { return cmp.Or(a.NextAt.Compare(b.NextAt), cmp.Compare(a.ID, b.ID)) })
	claimed := []Request{}
	for _, r := range due[:min(len(due), c.Limit)] {
		r.Lease, r.LeaseUntil = c.Lease, c.Until
		claimed = append(claimed, r.Clone())
	}
	return claimed, nil
}
