package pgtx_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/internal/pgtx"
)

func TestOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t)
	_, err := pool.Exec(t.Context(), "create table public.notes (n int)")
	require.NoError(t, err)
	add := func(ctx context.Context, n int, after func() error) error {
		return pgtx.Once(ctx, pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "insert into public.notes values ($1)", n); err != nil {
				return err
			}
			return after()
		})
	}
	require.NoError(t, add(t.Context(), 1, func() error { return nil }))
	failed := errors.New("the work failed")
	require.ErrorIs(t, add(t.Context(), 2, func() error { return failed }), failed)
	require.Panics(t, func() { _ = add(t.Context(), 3, func() error { panic("the work broke") }) })
	ctx, cancel := context.WithCancel(t.Context())
	require.ErrorIs(t, add(ctx, 4, func() error { cancel(); return failed }), failed)

	rows, err := pool.Query(t.Context(), "select n from public.notes")
	require.NoError(t, err)
	kept, err := pgx.CollectRows(rows, pgx.RowTo[int])
	require.NoError(t, err)
	require.Equal(t, []int{1}, kept)
	require.Zero(t, pool.Stat().AcquiredConns(), "every connection is back")
}

func TestALostRaceIsRunAgainUntilTheCallerLeaves(t *testing.T) {
	t.Parallel()
	errLost := errors.New("lost")
	lost := func(err error) bool { return errors.Is(err, errLost) }
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	require.NoError(t, pgtx.Again(ctx, lost, func() error {
		if n++; n < 3 {
			return errLost
		}
		return nil
	}))
	require.Equal(t, 3, n)

	n = 0
	err := pgtx.Again(ctx, lost, func() error {
		if n++; n == 2 {
			cancel()
		}
		return errLost
	})
	require.ErrorIs(t, err, errLost)
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	require.Equal(t, 2, n)

	other := errors.New("other")
	require.Equal(t, other, pgtx.Again(t.Context(), lost, func() error { return other }))
}
