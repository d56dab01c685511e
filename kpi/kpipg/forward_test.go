package kpipg_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpipg"
)

func telling(t *testing.T, pool *pgxpool.Pool) *kpipg.Options {
	t.Helper()
	pgtest.Tell(t, pool)
	return &kpipg.Options{Notifier: pgtest.Notifier, Forward: pgtest.Notifier, Registry: personal}
}

func TestEveryEventLeavesOnceWithWhatIsNotPersonal(t *testing.T) {
	t.Parallel()
	pool := database(t)
	store := kpipg.New(pool, telling(t, pool))
	track(t, pool, sent("acme", "1"), accepted("acme", "1"), sent("acme", "1"))
	for range 2 {
		require.NoError(t, store.Fold(t.Context()))
	}
	require.Equal(t, []string{"quote_accepted", "quote_sent"}, pgtest.List[string](t, pool, "select (body ->> 'text')::jsonb ->> 'event' from public.told order by 1"))
	require.EqualValues(t, 0, pgtest.One[int64](t, pool, "select count(*) from public.told where (body ->> 'text')::jsonb -> 'properties' ? 'amount'"))
	_, err := patient(store).Correct(t.Context(), accepted("acme", "1"))
	require.NoError(t, err)
	require.NoError(t, store.Fold(t.Context()))
	require.EqualValues(t, 3, pgtest.One[int64](t, pool, "select count(distinct key) from public.told"), "a correction leaves as an event of its own")
}

// full is an outbox that takes nothing.
type full struct{ err error }

func (f full) Notify(context.Context, tenon.Notification) error { return f.err }

func TestAnOutboxThatFailsHoldsUpFoldingAndNoFigure(t *testing.T) {
	t.Parallel()
	pool := database(t)
	define(t, pool)
	broken := errors.New("the disk is full")
	store := kpipg.New(pool, &kpipg.Options{Forward: func(pgx.Tx) tenon.Notifier { return full{broken} }})
	track(t, pool, sent("acme", "1"))
	require.ErrorIs(t, store.Fold(t.Context()), broken)
	require.Equal(t, "1 of 1, 0", figure(t, pool, "sent", "acme"))
	fold(t, pool)
	require.Equal(t, "1 of 1, 0", figure(t, pool, "sent", "acme"))
}

func TestAGoalThatIsCrossedIsToldOnceAcrossProcesses(t *testing.T) {
	t.Parallel()
	pool := database(t)
	opts := telling(t, pool)
	k := quotes[2]
	k.Goal = &kpi.Goal{Target: 0.5}
	require.NoError(t, board(kpipg.New(pool, nil)).Define(t.Context(), k))
	yesterday := sent("acme", "1")
	yesterday.At = when.AddDate(0, 0, -1)
	track(t, pool, yesterday)
	errs := make(chan error)
	for range 4 {
		go func() {
			_, err := board(kpipg.New(pool, opts)).Evaluate(t.Context())
			errs <- err
		}()
	}
	for range 4 {
		require.NoError(t, <-errs)
	}
	require.EqualValues(t, 1, pgtest.One[int64](t, pool, "select count(*) from public.told"))
}
