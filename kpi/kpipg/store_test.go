package kpipg_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpipg"
	"github.com/transbotai/tenon/kpi/kpitest"
)

// suited returns a database with partitions for the times of the suite.
func suited(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := database(t)
	pgtest.Exec(t, pool, "select tenon.ensure_partitions('tenon.events', '2026-02-01Z', 6)")
	return pool
}

func TestStore(t *testing.T) {
	t.Parallel()
	kpitest.TestStore(t, func(t *testing.T) kpi.Store {
		return kpipg.New(suited(t), nil)
	})
}

func TestEffects(t *testing.T) {
	t.Parallel()
	kpitest.TestEffects(t, func(t *testing.T, n tenon.Notifier, r tenon.Recorder) kpi.Store {
		return kpipg.New(suited(t), &kpipg.Options{
			Notifier: func(pgx.Tx) tenon.Notifier { return n }, Recorder: func(pgx.Tx) tenon.Recorder { return r },
		})
	})
}

func TestAnEventIsThereWhenItsTransactionCommits(t *testing.T) {
	t.Parallel()
	pool := database(t)
	define(t, pool)
	for _, commit := range []bool{false, true} {
		tx := pgtest.Begin(t, pool)
		track(t, tx, sent("acme", "1"), accepted("acme", "1"))
		require.Equal(t, "1 of 1, 0", figure(t, tx, "quote_book", "acme"), "its own transaction sees it")
		require.Equal(t, "0 of 0, 0", figure(t, pool, "quote_book", "acme"))
		if commit {
			require.NoError(t, tx.Commit(t.Context()))
		} else {
			require.NoError(t, tx.Rollback(t.Context()))
		}
	}
	require.Equal(t, "1 of 1, 0", figure(t, pool, "quote_book", "acme"))
	fold(t, pool)
	require.Equal(t, "1 of 1, 0", figure(t, pool, "quote_book", "acme"))
	consistent(t, pool)
}

func TestADuplicateLeavesTheCallersTransactionWhole(t *testing.T) {
	t.Parallel()
	pool := database(t)
	track(t, pool, sent("acme", "1"))
	tx := pgtest.Begin(t, pool)
	require.Equal(t, kpi.Duplicate, track(t, tx, sent("acme", "1"))[0].Outcome)
	require.Equal(t, kpi.Accepted, track(t, tx, sent("acme", "2"))[0].Outcome)
	require.NoError(t, tx.Commit(t.Context()))
	require.EqualValues(t, 2, pgtest.One[int64](t, pool, "select count(*) from tenon.events"))
}

const monthsAgo = `
select tenon.ensure_partitions('tenon.events', now() - interval '3 months', 5)`

func TestARetryAfterThePartitionHasChangedCountsOnce(t *testing.T) {
	t.Parallel()
	pool := database(t)
	define(t, pool)
	pgtest.Exec(t, pool, monthsAgo)
	first := track(t, pool, sent("acme", "1"))[0]
	const back = `
with moved as (
  delete from tenon.events
  returning *
)
insert into tenon.events
select tenant_id, overlay(id::text placing left(tenon.id_floor(now() - interval '2 months')::text, 13) from 1 for 13)::uuid,
  user_id, event_name, properties, occurred_at - interval '2 months', received_at - interval '2 months'
from moved`
	pgtest.Exec(t, pool, back)
	pgtest.Exec(t, pool, "update tenon.event_keys set id = (select id from tenon.events)")
	pgtest.Exec(t, pool, "delete from tenon.kpi_pending")
	partitions := "select count(distinct tableoid) from tenon.events"
	require.EqualValues(t, 1, pgtest.One[int64](t, pool, partitions))
	again := track(t, pool, sent("acme", "1"))[0]
	require.Equal(t, kpi.Duplicate, again.Outcome)
	require.NotEqual(t, first.ID, again.ID, "the old month's")
	require.EqualValues(t, 1, pgtest.One[int64](t, pool, "select count(*) from tenon.events"))
	track(t, pool, sent("acme", "2"))
	require.EqualValues(t, 2, pgtest.One[int64](t, pool, partitions))
}

func TestANewMeasureIsRightBeforeAndAfterItsRollupsAreMade(t *testing.T) {
	t.Parallel()
	pool := database(t)
	for i := range 5 {
		track(t, pool, sent("acme", fmt.Sprint(i)))
	}
	track(t, pool, accepted("acme", "2"))
	fold(t, pool)
	define(t, pool)
	require.Equal(t, "1 of 5, 0", figure(t, pool, "quote_book", "acme"))
	track(t, pool, accepted("acme", "3"))
	require.Equal(t, "2 of 5, 0", figure(t, pool, "quote_book", "acme"))
	fold(t, pool)
	require.Equal(t, "2 of 5, 0", figure(t, pool, "quote_book", "acme"))
	require.Positive(t, pgtest.One[int64](t, pool, "select count(*) from tenon.kpi_rollups"))
	consistent(t, pool)
	require.NoError(t, board(kpipg.New(pool, nil)).Retire(t.Context(), "quote_book", "unused"))
	fold(t, pool)
	require.EqualValues(t, 0, pgtest.One[int64](t, pool, "select count(*) from tenon.kpi_subjects"), "nobody needs them")
}

func TestVerifyFindsWhatSomebodyWroteByHandAndRebuildMendsIt(t *testing.T) {
	t.Parallel()
	pool := database(t)
	define(t, pool)
	track(t, pool, sent("acme", "1"), sent("zenith", "1"), accepted("acme", "1"))
	fold(t, pool)
	consistent(t, pool)
	pgtest.Exec(t, pool, "update tenon.kpi_rollups set count = count + 2 where tenant_id = 'zenith' and numbers = 0 and took = 0 and grp = 'north'")
	store := kpipg.New(pool, nil)
	drifts, err := store.Verify(t.Context())
	require.NoError(t, err)
	require.Len(t, drifts, 1)
	require.Equal(t, []any{"zenith", "count", int64(3), int64(1)}, []any{drifts[0].Tenant, drifts[0].What, drifts[0].Stored, drifts[0].Counted})
	require.NoError(t, store.Rebuild(t.Context()))
	consistent(t, pool)
}

func TestGoalsAndDefinitionsFailWithTheHost(t *testing.T) {
	t.Parallel()
	pool := database(t)
	broken := errors.New("the log is full")
	store := kpipg.New(pool, &kpipg.Options{Recorder: func(pgx.Tx) tenon.Recorder { return refusing{broken} }})
	require.ErrorIs(t, board(store).Define(t.Context(), quotes...), broken)
	require.Zero(t, pgtest.One[int64](t, pool, "select count(*) from tenon.kpis"))
}
