package slopg_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slopg"
)

// names are those of the objectives that a board knows.
func names(t *testing.T, b *slo.Board) []string {
	t.Helper()
	objectives, err := b.Objectives(t.Context())
	require.NoError(t, err)
	found := []string{}
	for _, o := range objectives {
		found = append(found, o.String())
	}
	return found
}

func TestABoardInACallersTransaction(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Tell(t, pool)
	board := slo.NewBoard(slopg.New(pool, outboxes(nil)), nil)
	for _, commit := range []bool{false, true} {
		tx := pgtest.Begin(t, pool)
		inside := board.WithStore(slopg.New(tx, outboxes(nil)))
		_, err := inside.Define(t.Context(), uptime(), latency())
		require.NoError(t, err)
		require.Len(t, names(t, inside), 2)
		require.Empty(t, names(t, board), "nobody else sees them yet")
		want := []string{}
		if commit {
			want = []string{"95% within 500ms over 1h0m0s", "99.9% good over 24h0m0s"}
			require.NoError(t, tx.Commit(t.Context()))
		} else {
			require.NoError(t, tx.Rollback(t.Context()))
		}
		require.Equal(t, want, names(t, board))
		require.EqualValues(t, len(want), pgtest.One[int64](t, pool, "select count(*) from public.told"))
	}
}

// A host may bound how long its statements wait for locks.
func TestAChangeThatWaitsTooLongForItsTurnStartsOver(t *testing.T) {
	t.Parallel()
	pool := database(t)
	config := pool.Config()
	config.ConnConfig.RuntimeParams["lock_timeout"] = "20ms"
	hurried, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	defer hurried.Close()
	store := slopg.New(hurried, nil)
	board := slo.NewBoard(store, &slo.Options{Timeout: time.Minute})
	turn := pgtest.Begin(t, pool)
	pgtest.Exec(t, turn, "select from tenon.slo_state for update")
	defined := make(chan error, 1)
	go func() {
		_, err := board.Define(t.Context(), uptime())
		defined <- err
	}()
	require.Eventually(t, func() bool { return store.Stats().Retries > 1 }, time.Minute, 5*time.Millisecond)
	require.NoError(t, turn.Rollback(t.Context()))
	require.NoError(t, <-defined)
	require.Equal(t, []string{"99.9% good over 24h0m0s"}, names(t, board))
}
