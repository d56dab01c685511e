package ratelimit

import (
	"context"
	"sync"
	"time"

	"github.com/transbotai/tenon"
)

// MemoryOptions of a [MemoryStore].
type MemoryOptions struct {
	// Now is the store's clock; nil is [time.Now].
	Now func() time.Time
}

// MemoryStore is a [Store] in memory: the readable specification of what a store does, and a store for tests. A
// [Limiter] without a store is faster and bounded.
type MemoryStore struct {
	now func() time.Time

	mu       sync.Mutex
	accounts map[Key]*Account
	sweepAt  int // of how many keys on those that have expired are looked for
}

var _ Store = (*MemoryStore)(nil)

// NewMemoryStore returns an empty store.
func NewMemoryStore(opts *MemoryOptions) *MemoryStore {
	s := &MemoryStore{now: time.Now, accounts: map[Key]*Account{}, sweepAt: 1024}
	if opts != nil && opts.Now != nil {
		s.now = opts.Now
	}
	return s
}

// Settle implements [Store].
func (s *MemoryStore) Settle(ctx context.Context, ops []Op) ([]Outcome, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	outcomes := make([]Outcome, len(ops))
	for i, op := range ops {
		a := s.accounts[op.Key]
		if a == nil {
			a = &Account{}
			s.accounts[op.Key] = a
		}
		outcomes[i] = a.Settle(op, s.now())
	}
	s.sweep()
	return outcomes, nil
}

// sweep forgets what has expired each time the keys have doubled, so that it costs each key little.
func (s *MemoryStore) sweep() {
	if len(s.accounts) < s.sweepAt {
		return
	}
	now := s.now()
	for key, a := range s.accounts {
		if !a.Expires().After(now) {
			delete(s.accounts, key)
		}
	}
	s.sweepAt = max(2*len(s.accounts), 1024)
}

// Erase implements [tenon.Eraser]. Its one table is "ratelimits".
func (s *MemoryStore) Erase(ctx context.Context, subject tenon.Subject) (map[string]int64, error) {
	if subject.Tenant == "" {
		return nil, tenon.Invalid("tenant", "is empty")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	erased := int64(0)
	for key := range s.accounts {
		if key.Belongs(subject) {
			delete(s.accounts, key)
			erased++
		}
	}
	return map[string]int64{"ratelimits": erased}, nil
}
