package slopg_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slopg"
	"github.com/transbotai/tenon/slo/slotest"
)

func database(t *testing.T) *pgxpool.Pool {
	t.Helper()
	return pgtest.Pool(t, migrations.SLO)
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
	pgtest.Turns
}

func (s *turns) Load(ctx context.Context) (*slo.State, error) {
	defer s.Take()()
	return s.Store.Load(ctx)
}

func (s *turns) Change(ctx context.Context, edit slo.Edit) (*slo.State, error) {
	defer s.Take()()
	return s.Store.Change(ctx, edit)
}

func (s *turns) Count(ctx context.Context, spans []slo.Span) ([]slo.Count, error) {
	defer s.Take()()
	return s.Store.Count(ctx, spans)
}

// bound returns a store in a transaction that is rolled back in the end. A statement that failed would abort it, so that
// all that follows failed too: no expected outcome may be an SQL error.
func bound(t *testing.T, opts *slopg.Options) slo.Store {
	t.Helper()
	return &turns{Store: slopg.New(pgtest.Begin(t, database(t)), opts)}
}

func TestStoreInACallersTransaction(t *testing.T) {
	t.Parallel()
	slotest.TestStore(t, func(t *testing.T) slo.Store { return bound(t, nil) })
}

func TestStoreTellsInACallersTransaction(t *testing.T) {
	t.Parallel()
	slotest.TestEffects(t, func(t *testing.T, n tenon.Notifier, r tenon.Recorder) slo.Store { return bound(t, telling(n, r)) })
}
