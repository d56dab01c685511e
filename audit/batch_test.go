package audit_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, b, 0o600))
}

// moody is a store that is away while it is told to.
type moody struct {
	*audit.MemoryStore
	away    atomic.Bool
	refuses atomic.Pointer[string] // an action
}

func (m *moody) Append(ctx context.Context, entries []audit.Entry) ([]string, error) {
	if m.away.Load() {
		return nil, tenon.ErrUnavailable
	}
	for _, e := range entries {
		if refused := m.refuses.Load(); refused != nil && e.Action == *refused {
			return nil, tenon.Invalid("action", "refused")
		}
	}
	return m.MemoryStore.Append(ctx, entries)
}

func enqueue(t *testing.T, log *audit.Log, n int) {
	t.Helper()
	for range n {
		_, err := log.Enqueue(tenon.WithCaller(t.Context(), caller), audit.Record{Tenant: "acme", Action: "a.b"})
		require.NoError(t, err)
	}
}

func count(t *testing.T, log *audit.Log) (n int) {
	t.Helper()
	for _, err := range log.All(t.Context(), audit.Query{Tenant: "acme", OldestFirst: true}) {
		require.NoError(t, err)
		n++
	}
	return n
}

func TestQueuedRecordsAreStoredSoonAndAllAtTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := audit.NewLog(audit.NewMemoryStore(), &audit.Options{Batch: 10})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- log.Run(ctx) }()
		enqueue(t, log, 35)
		time.Sleep(60 * time.Millisecond)
		require.Equal(t, 35, count(t, log))
		enqueue(t, log, 25)
		cancel()
		require.NoError(t, <-done)
		require.Equal(t, 60, count(t, log))
		require.Zero(t, log.Stats().Queued)
		require.EqualValues(t, 60, log.Stats().Recorded)
	})
}

func TestAFullQueueWaitsOrRefusesAndNeverDrops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := audit.NewLog(audit.NewMemoryStore(), &audit.Options{Queue: 5, OnFull: audit.Refuse})
		enqueue(t, log, 5)
		_, err := log.Enqueue(t.Context(), audit.Record{Tenant: "acme", Action: "a.b"})
		require.ErrorIs(t, err, audit.ErrFull)
		require.ErrorIs(t, err, tenon.ErrUnavailable)
		require.NoError(t, log.Flush(t.Context()))
		enqueue(t, log, 1)
		require.Equal(t, 5, count(t, log))
		require.EqualValues(t, 1, log.Stats().Refused)

		log = audit.NewLog(audit.NewMemoryStore(), &audit.Options{Queue: 5})
		enqueue(t, log, 5)
		waited := make(chan error, 1)
		go func() {
			_, err := log.Enqueue(t.Context(), audit.Record{Tenant: "acme", Action: "a.b"})
			waited <- err
		}()
		synctest.Wait()
		require.Empty(t, waited)
		require.NoError(t, log.Flush(t.Context()))
		require.NoError(t, <-waited)
		require.NoError(t, log.Flush(t.Context()))
		require.Equal(t, 6, count(t, log))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		enqueue(t, log, 5)
		_, err = log.Enqueue(ctx, audit.Record{Tenant: "acme", Action: "a.b"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestWhileTheStoreIsAwayRecordsGoToDiskAndComeBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := &moody{MemoryStore: audit.NewMemoryStore()}
	store.away.Store(true)
	opts := &audit.Options{Spool: dir, Batch: 10, Linger: time.Millisecond, SealEvery: time.Millisecond, Drain: 50 * time.Millisecond}
	log := audit.NewLog(store, opts)
	enqueue(t, log, 25)
	require.NoError(t, log.Flush(t.Context()))
	require.Equal(t, 25, log.Stats().OnDisk)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, log.Run(ctx), tenon.ErrUnavailable, "it says what is left")

	store.away.Store(false)
	store.refuses.Store(new("bad"))
	next := audit.NewLog(store, opts) // the process was restarted
	_, err := next.Enqueue(t.Context(), audit.Record{Tenant: "acme", Action: "bad"})
	require.NoError(t, err)
	enqueue(t, next, 3)
	torn := filepath.Join(dir, "torn.audit")
	writeFile(t, torn, []byte("00000000 {\"half\":"))
	ctx, cancel = context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- next.Run(ctx) }()
	require.Eventually(t, func() bool { s := next.Stats(); return s.Recorded == 28 && s.SetAside == 2 }, 30*time.Second, time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	require.Equal(t, 28, count(t, next))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 2, "what could not be read, and what the store did not take")
	for _, f := range left {
		require.True(t, strings.HasSuffix(f.Name(), ".refused"), f.Name())
	}
}

func TestAReplayedSpoolStoresEveryRecordOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := &moody{MemoryStore: audit.NewMemoryStore()}
	store.away.Store(true)
	log := audit.NewLog(store, &audit.Options{Spool: dir})
	enqueue(t, log, 5)
	require.NoError(t, log.Flush(t.Context()))
	files, err := filepath.Glob(filepath.Join(dir, "*.audit"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	writeFile(t, files[0]+"-copy.audit", readFile(t, files[0])) // a crash between storing and removing
	store.away.Store(false)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	require.Eventually(t, func() bool {
		left, err := os.ReadDir(dir)
		return err == nil && len(left) == 0
	}, 30*time.Second, time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	require.Equal(t, 5, count(t, log))
}

func TestEnqueueTakesNoKey(t *testing.T) {
	t.Parallel()
	log, _ := newLog(t, audit.Options{})
	_, err := log.Enqueue(t.Context(), audit.Record{Action: "a.b", Key: "k"})
	require.ErrorIs(t, err, tenon.ErrInvalid)
	require.False(t, errors.Is(err, audit.ErrFull))
}
