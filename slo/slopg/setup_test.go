package slopg_test

import (
	"context"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slopg"
	"github.com/transbotai/tenon/slo/slotest"
)

// soak says whether the long versions of the loops were asked for.
func soak() bool { return os.Getenv("TENON_SOAK") != "" }

func database(t *testing.T) *pgxpool.Pool {
	t.Helper()
	return pgtest.Pool(t, migrations.SLO)
}

func mustExec(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	_, err := pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func list[T any](t *testing.T, pool *pgxpool.Pool, sql string, args ...any) []T {
	t.Helper()
	rows, err := pool.Query(t.Context(), sql, args...)
	require.NoError(t, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[T])
	require.NoError(t, err)
	return found
}

func one[T any](t *testing.T, pool *pgxpool.Pool, sql string, args ...any) T {
	t.Helper()
	found := list[T](t, pool, sql, args...)
	require.Len(t, found, 1)
	return found[0]
}

// options of a store that tells n and r.
func telling(n tenon.Notifier, r tenon.Recorder) *slopg.Options {
	return &slopg.Options{
		Notifier: func(pgx.Tx) tenon.Notifier { return n },
		Recorder: func(pgx.Tx) tenon.Recorder { return r },
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	slotest.TestStore(t, func(t *testing.T) slo.Store { return slopg.New(database(t), nil) })
}

func TestStoreTells(t *testing.T) {
	t.Parallel()
	slotest.TestEffects(t, func(t *testing.T, n tenon.Notifier, r tenon.Recorder) slo.Store {
		return slopg.New(database(t), telling(n, r))
	})
}

// turns lets goroutines take turns with a store that is bound to a transaction, which is one connection.
type turns struct {
	*slopg.Store
	free chan struct{}
}

func (s turns) take() func() {
	s.free <- struct{}{}
	return func() { <-s.free }
}

func (s turns) Load(ctx context.Context) (*slo.State, error) {
	defer s.take()()
	return s.Store.Load(ctx)
}

func (s turns) Change(ctx context.Context, edit slo.Edit) (*slo.State, error) {
	defer s.take()()
	return s.Store.Change(ctx, edit)
}

func (s turns) Count(ctx context.Context, spans []slo.Span) ([]slo.Count, error) {
	defer s.take()()
	return s.Store.Count(ctx, spans)
}

// bound returns a store in a transaction that is rolled back in the end. A statement that failed would abort it, so that
// all that follows failed too: no expected outcome may be an SQL error.
func bound(t *testing.T, opts *slopg.Options) slo.Store {
	t.Helper()
	tx, err := database(t).Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return turns{slopg.New(tx, opts), make(chan struct{}, 1)}
}

func TestStoreInACallersTransaction(t *testing.T) {
	t.Parallel()
	slotest.TestStore(t, func(t *testing.T) slo.Store { return bound(t, nil) })
}

func TestStoreTellsInACallersTransaction(t *testing.T) {
	t.Parallel()
	slotest.TestEffects(t, func(t *testing.T, n tenon.Notifier, r tenon.Recorder) slo.Store { return bound(t, telling(n, r)) })
}
