package audit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

// bent is a store whose answers somebody bends.
type bent struct {
	*audit.MemoryStore
	hashes func(level int, found []audit.Hash) []audit.Hash
	sealed func(found []audit.Sealed) []audit.Sealed
	strays []audit.Ref
}

func (b *bent) Hashes(ctx context.Context, level int, from, to int64) ([]audit.Hash, error) {
	found, err := b.MemoryStore.Hashes(ctx, level, from, to)
	if b.hashes != nil {
		found = b.hashes(level, found)
	}
	return found, err
}

func (b *bent) Sealed(ctx context.Context, q audit.Query, span audit.Span, limit int) ([]audit.Sealed, error) {
	found, err := b.MemoryStore.Sealed(ctx, q, span, limit)
	if b.sealed != nil {
		found = b.sealed(found)
	}
	return found, err
}

func (b *bent) Strays(context.Context, int) ([]audit.Ref, error) { return b.strays, nil }

// bare returns entries that say as little as they can, many of which are soon made.
func bare(n int) []audit.Entry {
	at := tenon.Instant(time.Now())
	entries := make([]audit.Entry, n)
	for i := range entries {
		entries[i] = audit.Entry{
			Record: audit.Record{ID: tenon.NewID(at), Tenant: "acme", At: at, Action: "a.b", Outcome: audit.Succeeded},
			Seed:   make([]byte, audit.SeedSize),
		}
	}
	return entries
}

// holding returns a log of n bare entries that are sealed.
func holding(t *testing.T, n int) (*audit.Log, *audit.MemoryStore) {
	t.Helper()
	log, store := newLog(t, audit.Options{})
	for ; n > 0; n -= 16 {
		_, err := store.Append(t.Context(), bare(min(n, 16)))
		require.NoError(t, err)
	}
	_, err := log.Seal(t.Context())
	require.NoError(t, err)
	return log, store
}

func TestLeavesThatAreGoneFromTheEndAreMissing(t *testing.T) {
	t.Parallel()
	log, store := holding(t, 300)
	cut := func(found []audit.Sealed) []audit.Sealed { return found[:len(found)-2] }
	r, err := log.WithStore(&bent{MemoryStore: store, sealed: cut}).Verify(t.Context())
	require.NoError(t, err)
	require.Equal(t, []audit.Fault{{From: 298, To: 300, What: "their leaves are missing"}}, r.Faults)
	require.ErrorContains(t, r.Err(), "records 298 to 299: their leaves are missing")
}

func TestAStrayRecordIsNamedWithoutAPlace(t *testing.T) {
	t.Parallel()
	log, store := holding(t, 3)
	ref := audit.Ref{Tenant: "acme", ID: tenon.NewID(time.Now())}
	r, err := log.WithStore(&bent{MemoryStore: store, strays: []audit.Ref{ref}}).Verify(t.Context())
	require.NoError(t, err)
	require.Len(t, r.Faults, 1)
	require.Equal(t, fmt.Sprintf(`record %s of "acme": it was put in behind the sealing`, ref.ID), r.Faults[0].String())
}

func TestVerifyingEndsWhereNearlyEverythingIsAtFault(t *testing.T) {
	t.Parallel()
	const n = 5000
	log, store := holding(t, n)
	gone := func(found []audit.Sealed) []audit.Sealed {
		for i := range found {
			found[i].Entry = nil
		}
		return found
	}
	r, err := log.WithStore(&bent{MemoryStore: store, sealed: gone}).Verify(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(r.Faults), 1000)
	require.Less(t, len(r.Faults), n, "a thousand say enough")
}

func TestTheUpperLevelsOfTheTreeAreVerifiedToo(t *testing.T) {
	t.Parallel()
	log, store := holding(t, 1<<16+300)
	r, err := log.Verify(t.Context())
	require.NoError(t, err)
	require.NoError(t, r.Err())
	flip := func(level int, found []audit.Hash) []audit.Hash {
		if level == 16 {
			found[0][7] ^= 1
		}
		return found
	}
	r, err = log.WithStore(&bent{MemoryStore: store, hashes: flip}).Verify(t.Context())
	require.NoError(t, err)
	require.Equal(t, []audit.Fault{{From: 0, To: 1 << 16, What: "the node of level 16 above them is not theirs"}}, r.Faults)
}

func TestARecordThatCannotBeReadIsNamedAndSealsNothing(t *testing.T) {
	t.Parallel()
	log, store := newLog(t, audit.Options{})
	entries := bare(3)
	entries[1].Payload = json.RawMessage(`{`)
	_, err := store.Append(t.Context(), entries)
	require.NoError(t, err)
	n, err := log.Seal(t.Context())
	require.ErrorIs(t, err, audit.ErrTampered)
	require.ErrorContains(t, err, entries[1].ID)
	require.Zero(t, n)
	head, err := store.Head(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3, head.Waiting)
}

func TestALogThatLostWhatWasSignedIsNotSignedAgain(t *testing.T) {
	t.Parallel()
	log, store := holding(t, 3)
	was := signer(t, "example.com/audit", 1).Checkpoint(9, audit.Hash{1}, time.Now())
	require.NoError(t, store.PutCheckpoint(t.Context(), was))
	_, err := log.Checkpoint(t.Context())
	require.ErrorIs(t, err, audit.ErrTampered)
	require.ErrorContains(t, err, "the log holds 3 records, and 9 were signed")
	kept, err := store.Checkpoints(t.Context(), -1, 10)
	require.NoError(t, err)
	require.Len(t, kept, 1)
}

func TestTheCheckpointOfAnEmptyLogIsMadeOnceAndBeginsEveryLaterOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var kept []audit.Checkpoint
		anchor := audit.AnchorFunc(func(_ context.Context, c audit.Checkpoint) error { kept = append(kept, c); return nil })
		log, _ := newLog(t, audit.Options{Anchors: map[string]audit.Anchor{"test": anchor}})
		empty, err := log.Checkpoint(t.Context())
		require.NoError(t, err)
		require.Equal(t, audit.EmptyRoot(), empty.Root)
		time.Sleep(time.Minute)
		again, err := log.Checkpoint(t.Context())
		require.NoError(t, err)
		require.Equal(t, empty, again)
		require.Len(t, kept, 1)
		_, err = log.Record(t.Context(), audit.Record{Tenant: "acme", Action: "a.b"})
		require.NoError(t, err)
		_, err = log.Checkpoint(t.Context())
		require.NoError(t, err)
		r, err := log.Verify(t.Context(), kept...)
		require.NoError(t, err)
		require.NoError(t, r.Err())
		require.Equal(t, 4, r.Checkpoints, "two of them stored, and the same two anchored")
		forged := empty
		forged.Root = audit.Hash{1}
		r, err = log.Verify(t.Context(), forged)
		require.NoError(t, err)
		require.ErrorIs(t, r.Err(), audit.ErrTampered)
	})
}
