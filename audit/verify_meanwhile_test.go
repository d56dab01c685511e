package audit_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/audit"
)

// busyStore does something else before the first leaves are read.
type busyStore struct {
	*audit.MemoryStore
	once sync.Once
	do   func()
}

func (s *busyStore) Sealed(ctx context.Context, q audit.Query, span audit.Span, limit int) ([]audit.Sealed, error) {
	s.once.Do(s.do)
	return s.MemoryStore.Sealed(ctx, q, span, limit)
}

// Checkpoints tells of those that were signed after verifying began, as it may where they are many.
func (s *busyStore) Checkpoints(ctx context.Context, after int64, limit int) ([]audit.Kept, error) {
	kept, err := s.MemoryStore.Checkpoints(ctx, after, limit)
	if limit > 0 && after < 0 {
		s.once.Do(s.do)
		return s.MemoryStore.Checkpoints(ctx, after, limit)
	}
	return kept, err
}

func TestWhatIsSignedWhileALogIsVerifiedIsNoFault(t *testing.T) {
	t.Parallel()
	log, store := newLog(t, audit.Options{})
	add := func() {
		for range 3 {
			_, err := log.Record(t.Context(), audit.Record{Tenant: "acme", Action: "a.b"})
			require.NoError(t, err)
		}
		_, err := log.Checkpoint(t.Context())
		require.NoError(t, err)
	}
	add()
	busy := &busyStore{MemoryStore: store, do: add}
	r, err := log.WithStore(busy).Verify(t.Context())
	require.NoError(t, err)
	require.NoError(t, r.Err())
}

// racedStore lets another instance seal and sign after each of the reads that signing begins with.
type racedStore struct {
	*audit.MemoryStore
	do func()
}

func (s *racedStore) Head(ctx context.Context) (audit.Head, error) {
	defer s.do()
	return s.MemoryStore.Head(ctx)
}

func (s *racedStore) Checkpoints(ctx context.Context, after int64, limit int) ([]audit.Kept, error) {
	defer s.do()
	return s.MemoryStore.Checkpoints(ctx, after, limit)
}

func TestWhatAnotherInstanceSignsMeanwhileIsNotMissing(t *testing.T) {
	t.Parallel()
	log, store := newLog(t, audit.Options{})
	grow := func() {
		_, err := log.Record(t.Context(), audit.Record{Tenant: "acme", Action: "a.b"})
		require.NoError(t, err)
		_, err = log.Checkpoint(t.Context())
		require.NoError(t, err)
	}
	grow()
	_, err := log.WithStore(&racedStore{MemoryStore: store, do: grow}).Checkpoint(t.Context())
	require.NoError(t, err)
	r, err := log.Verify(t.Context())
	require.NoError(t, err)
	require.NoError(t, r.Err())
}

func TestAMonthThatIsDroppedWhileALogIsVerifiedIsNoFault(t *testing.T) {
	t.Parallel()
	keep := func(context.Context, audit.Checkpoint) error { return nil }
	log, store := newLog(t, audit.Options{Keep: 40 * 24 * time.Hour, Anchors: map[string]audit.Anchor{"test": audit.AnchorFunc(keep)}})
	for range 3 {
		_, err := log.Record(t.Context(), audit.Record{Tenant: "acme", Action: "a.b", At: time.Now().AddDate(0, -4, 0)})
		require.NoError(t, err)
	}
	_, err := log.Checkpoint(t.Context())
	require.NoError(t, err)
	busy := &busyStore{MemoryStore: store, do: func() {
		dropped, err := log.Retain(t.Context())
		require.NoError(t, err)
		require.Len(t, dropped, 1)
	}}
	r, err := log.WithStore(busy).Verify(t.Context())
	require.NoError(t, err)
	require.NoError(t, r.Err())
	require.EqualValues(t, 3, r.Dropped)
}
