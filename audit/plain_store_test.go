package audit_test

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

// plainStore stores and can do nothing beside.
type plainStore struct{ audit.Store }

func TestAStoreThatOnlyStoresSaysWhatItCannotDo(t *testing.T) {
	t.Parallel()
	log := audit.NewLog(plainStore{audit.NewMemoryStore()}, &audit.Options{Signer: signer(t, "example.com/audit", 1)})
	id, err := log.Record(t.Context(), audit.Record{Tenant: "acme", Actor: "ann@acme.test", Action: "a.b"})
	require.NoError(t, err)
	for name, err := range map[string]error{
		"Seal":             second(log.Seal(t.Context())),
		"Checkpoint":       second(log.Checkpoint(t.Context())),
		"ProveInclusion":   second(log.ProveInclusion(t.Context(), audit.Ref{Tenant: "acme", ID: id})),
		"ProveConsistency": second(log.ProveConsistency(t.Context(), 0, 1)),
		"Verify":           second(log.Verify(t.Context())),
		"Export":           second(log.Export(t.Context(), &bytes.Buffer{}, audit.ExportOptions{})),
		"Hold":             second(log.Hold(t.Context(), audit.Hold{Tenant: "acme", Reason: "case"})),
		"Holds":            second(log.Holds(t.Context())),
		"Release":          log.Release(t.Context(), id, "closed"),
		"Retain":           second(log.Retain(t.Context())),
	} {
		require.ErrorIs(t, err, audit.ErrUnsupported, name)
	}
	erased, err := log.Erase(t.Context(), tenon.Subject{Tenant: "acme", User: "ann@acme.test"})
	require.NoError(t, err)
	require.EqualValues(t, 1, erased["tenon.audit_log"])
}

func second[T any](_ T, err error) error { return err }

func TestWhereNobodyKeepsLogsForEverNothingIsDropped(t *testing.T) {
	t.Parallel()
	log, _ := newLog(t, audit.Options{})
	_, err := log.Record(t.Context(), audit.Record{Tenant: "acme", Action: "a.b", At: time.Now().AddDate(-20, 0, 0)})
	require.NoError(t, err)
	_, err = log.Checkpoint(t.Context())
	require.NoError(t, err)
	dropped, err := log.Retain(t.Context())
	require.NoError(t, err)
	require.Empty(t, dropped, "Keep is not set")
}

// running runs the log until the test ends, within a bubble, and returns when it has nothing more to do at once.
func running(t *testing.T, log *audit.Log) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	synctest.Wait()
}

func TestASinkThatCannotBeToldIsNotPassedOverInSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sink := audit.SinkFunc(func(context.Context, []audit.Entry) error { return nil })
		log := audit.NewLog(plainStore{audit.NewMemoryStore()}, &audit.Options{Sinks: map[string]audit.Sink{"siem": sink}})
		running(t, log)
		require.Equal(t, audit.ErrUnsupported.Error(), log.Stats().LastError)
	})
}

// waking is a store that is not ready at once.
type waking struct {
	*audit.MemoryStore
	answers []error
}

func (w *waking) Start(context.Context) (err error) {
	if len(w.answers) > 0 {
		err, w.answers = w.answers[0], w.answers[1:]
	}
	return err
}

func TestRunWaitsForAStoreThatIsAwayAndEndsWhereItMayNotRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &waking{MemoryStore: audit.NewMemoryStore(), answers: []error{tenon.ErrUnavailable, tenon.ErrUnavailable}}
		log := audit.NewLog(store, &audit.Options{SealEvery: time.Minute})
		running(t, log)
		require.Equal(t, tenon.ErrUnavailable.Error(), log.Stats().LastError)
		require.True(t, log.Stats().LastLook.IsZero(), "nothing is done before the store is there")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.Empty(t, log.Stats().LastError)
		require.False(t, log.Stats().LastLook.IsZero())
	})
	filtered := &waking{MemoryStore: audit.NewMemoryStore(), answers: []error{tenon.ErrDenied}}
	require.ErrorIs(t, audit.NewLog(filtered, nil).Run(t.Context()), tenon.ErrDenied)
}
