package audit

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// Seal implements [Sealer]. What is in the order of commits is sealed in it.
func (m *MemoryStore) Seal(
	ctx context.Context, limit int, add func(size int64, entries []Entry, read Hashes) (Sealing, error),
) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	refs := m.waiting()
	refs = refs[:min(limit, len(refs))]
	if len(refs) == 0 {
		return 0, nil
	}
	entries := make([]Entry, len(refs))
	for i, ref := range refs {
		entries[i] = copied(m.entries[ref])
	}
	sealing, err := add(int64(len(m.leaves)), entries, m.hashes)
	if err != nil {
		return 0, err
	}
	for i, ref := range refs {
		m.leaves = append(m.leaves, memoryLeaf{sealing.Leaves[i], ref})
	}
	for _, n := range sealing.Nodes {
		m.nodes[n.Level] = append(m.nodes[n.Level], n.Hash)
	}
	m.order = m.order[len(refs):]
	return len(refs), nil
}

// waiting returns what has no leaf. Only what is sealed is ever dropped.
func (m *MemoryStore) waiting() []Ref { return m.order }

// Hashes implements [Sealer].
func (m *MemoryStore) Hashes(ctx context.Context, level int, from, to int64) ([]Hash, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.hashes(ctx, level, from, to)
}

func (m *MemoryStore) hashes(_ context.Context, level int, from, to int64) ([]Hash, error) {
	if level != 0 {
		stored := m.nodes[level]
		return slices.Clone(stored[min(from, int64(len(stored))):min(to, int64(len(stored)))]), nil
	}
	var found []Hash
	for _, leaf := range m.leaves[min(from, int64(len(m.leaves))):min(to, int64(len(m.leaves)))] {
		found = append(found, leaf.hash)
	}
	return found, nil
}

// Sealed implements [Sealer].
func (m *MemoryStore) Sealed(_ context.Context, q Query, span Span, limit int) ([]Sealed, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Sealed
	for i := max(span.From, 0); i < min(span.To, int64(len(m.leaves))) && len(found) < limit; i++ {
		leaf := m.leaves[i]
		s := Sealed{Index: i, Leaf: leaf.hash, Ref: leaf.ref}
		e := m.entries[leaf.ref]
		if e != nil && q.Matches(e) {
			c := copied(e)
			s.Entry = &c
		}
		if s.Entry != nil || e == nil && q.NamesNoMore() && (q.AllTenants || leaf.ref.Tenant == q.Tenant) {
			found = append(found, s)
		}
	}
	return found, nil
}

// NamesNoMore says whether q asks for all of a tenant's records, or of every tenant's.
func (q *Query) NamesNoMore() bool {
	return q.ID == "" && q.Actor == "" && q.Action == "" && q.Target == (Target{}) && q.From.IsZero() && q.To.IsZero() &&
		q.Text == "" && q.Mentions == ""
}

// Index implements [Sealer].
func (m *MemoryStore) Index(_ context.Context, ref Ref) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, leaf := range m.leaves {
		if leaf.ref == ref {
			return int64(i), nil
		}
	}
	if m.entries[ref] != nil {
		return 0, ErrNotSealed
	}
	return 0, ErrUnknownRecord
}

// Head implements [Sealer].
func (m *MemoryStore) Head(context.Context) (Head, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := Head{Size: int64(len(m.leaves)), Waiting: int64(len(m.waiting()))}
	for _, ref := range m.waiting() {
		if at := m.entries[ref].At; h.Oldest.IsZero() || at.Before(h.Oldest) {
			h.Oldest = at
		}
	}
	return h, nil
}

// PutCheckpoint implements [Notary].
func (m *MemoryStore) PutCheckpoint(_ context.Context, c Checkpoint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.checkpoints {
		if k.Size == c.Size && k.Root != c.Root {
			return fmt.Errorf("%w: another checkpoint of %d records", ErrTampered, c.Size)
		}
		if k.Size == c.Size {
			return nil
		}
	}
	m.checkpoints = append(m.checkpoints, Kept{Checkpoint: c})
	slices.SortFunc(m.checkpoints, func(a, b Kept) int { return cmp.Compare(a.Size, b.Size) })
	return nil
}

// Checkpoints implements [Notary].
func (m *MemoryStore) Checkpoints(_ context.Context, after int64, limit int) ([]Kept, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Kept
	for _, k := range m.checkpoints {
		if k.Size > after {
			found = append(found, k)
		}
	}
	if limit < 0 {
		slices.Reverse(found)
		limit = -limit
	}
	return found[:min(limit, len(found))], nil
}

// Anchored implements [Notary].
func (m *MemoryStore) Anchored(_ context.Context, size int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.checkpoints {
		if m.checkpoints[i].Size == size {
			m.checkpoints[i].Anchored = true
		}
	}
	return nil
}

// Claim implements [Cursors].
func (m *MemoryStore) Claim(_ context.Context, sink, holder string, lease time.Duration) (int64, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.cursors[sink]
	if c == nil {
		c = &cursor{}
		m.cursors[sink] = c
	}
	if now := time.Now(); c.holder == holder || !now.Before(c.until) {
		c.holder, c.until = holder, now.Add(lease)
		return c.next, true, nil
	}
	return 0, false, nil
}

// Advance implements [Cursors].
func (m *MemoryStore) Advance(_ context.Context, sink, holder string, next int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.cursors[sink]; c != nil && c.holder == holder {
		c.next = next
	}
	return nil
}
