package pgtest_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
)

// faults are those after which the work has not gone as asked.
var faults = []pgtest.Fault{pgtest.Fail, pgtest.CutBefore, pgtest.CutAfter}

// statements are the steps that a handle itself can take; each adds one row to t.
var statements = map[string]func(context.Context, pgtest.Handle) error{
	"exec": func(ctx context.Context, h pgtest.Handle) error {
		_, err := h.Exec(ctx, "insert into t values ($1)", 1)
		return err
	},
	"query": func(ctx context.Context, h pgtest.Handle) error {
		rows, err := h.Query(ctx, "insert into t values ($1) returning n", 1)
		if err != nil {
			return err
		}
		_, err = pgx.CollectRows(rows, pgx.RowTo[int])
		return err
	},
	"query row": func(ctx context.Context, h pgtest.Handle) error {
		var n int
		return h.QueryRow(ctx, "insert into t values ($1) returning n", 1).Scan(&n)
	},
	"batch": func(ctx context.Context, h pgtest.Handle) error {
		b := &pgx.Batch{}
		b.Queue("insert into t values ($1)", 1)
		b.Queue("select 1")
		return h.SendBatch(ctx, b).Close()
	},
	"copy": func(ctx context.Context, h pgtest.Handle) error {
		_, err := h.CopyFrom(ctx, pgx.Identifier{"t"}, []string{"n"}, pgx.CopyFromRows([][]any{{1}}))
		return err
	},
}

func tablePool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := pgtest.Pool(t)
	exec1(t, pool, "create table t (n int)")
	return pool
}

func count(t *testing.T, h pgtest.Handle) int {
	t.Helper()
	return read[int](t, h, "select count(*) from t")
}

func TestFaultyStatementOnAPool(t *testing.T) {
	t.Parallel()
	for name, statement := range statements {
		for _, fault := range faults {
			t.Run(name+"/"+fault.String(), func(t *testing.T) {
				t.Parallel()
				pool := tablePool(t)
				f := pgtest.NewFaulty(pool, 2, fault)
				require.NoError(t, statement(t.Context(), f), "the first step")
				requireFault(t, fault, statement(t.Context(), f))
				want := 1
				if fault == pgtest.CutAfter {
					want = 2 // executed, though the caller cannot know
				}
				require.Equal(t, want, count(t, pool))
				require.NoError(t, statement(t.Context(), f), "once and no more")
				require.Equal(t, want+1, count(t, pool))
				require.Equal(t, 3, f.Steps())
				require.True(t, f.Fired())
			})
		}
	}
}

// requireFault checks that err is the one that pgx gives.
func requireFault(t *testing.T, fault pgtest.Fault, err error) {
	t.Helper()
	switch fault {
	case pgtest.Fail:
		var pg *pgconn.PgError
		require.ErrorAs(t, err, &pg)
		require.Equal(t, "53000", pg.Code)
	case pgtest.CutAfter:
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.False(t, pgconn.SafeToRetry(err), "the server may have executed it")
	default:
		require.Error(t, err)
		var pg *pgconn.PgError
		require.False(t, errors.As(err, &pg), "not the server's: %v", err)
	}
}

func TestFaultyStatementInATransactionOfTheCaller(t *testing.T) {
	t.Parallel()
	for name, statement := range statements {
		for _, fault := range faults {
			t.Run(name+"/"+fault.String(), func(t *testing.T) {
				t.Parallel()
				pool := tablePool(t)
				tx, err := pool.Begin(t.Context())
				require.NoError(t, err)
				conn := tx.Conn()
				requireFault(t, fault, statement(t.Context(), pgtest.NewFaulty(tx, 1, fault)))
				require.Equal(t, fault != pgtest.Fail, conn.IsClosed())
				_ = tx.Rollback(t.Context())
				require.Zero(t, count(t, pool))
			})
		}
	}
}

// twoRows is work in a transaction with a savepoint: seven steps.
func twoRows(ctx context.Context, h pgtest.Handle) error {
	return pgx.BeginFunc(ctx, h, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "insert into t values (1)"); err != nil {
			return err
		}
		if err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { return statements["batch"](ctx, tx) }); err != nil {
			return err
		}
		return statements["query row"](ctx, tx)
	})
}

func TestFaultyAtEveryStepOfATransaction(t *testing.T) {
	t.Parallel()
	const commit = 7
	for _, fault := range faults {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			pool := tablePool(t)
			for n := 1; ; n++ {
				exec1(t, pool, "truncate t")
				f := pgtest.NewFaulty(pool, n, fault)
				err := twoRows(t.Context(), f)
				if !f.Fired() {
					require.NoError(t, err)
					require.Equal(t, commit, f.Steps())
					require.Equal(t, commit+1, n)
					break
				}
				requireFault(t, fault, err)
				want := 0
				if n == commit && fault == pgtest.CutAfter {
					want = 3
				}
				require.Equal(t, want, count(t, pool), "step %d", n)
				requireGivenBack(t, pool)
			}
		})
	}
}

// requireGivenBack waits a moment: a pool drops broken connections in the background.
func requireGivenBack(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	back := func() bool { return pool.Stat().AcquiredConns() == 0 }
	require.Eventually(t, back, time.Minute, time.Millisecond, "the connection is given back")
}

func TestFaultyRollback(t *testing.T) {
	t.Parallel()
	for _, fault := range faults {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			pool := tablePool(t)
			tx, err := pgtest.NewFaulty(pool, 3, fault).Begin(t.Context())
			require.NoError(t, err)
			exec1(t, tx, "insert into t values (1)")
			requireFault(t, fault, tx.Rollback(t.Context()))
			require.ErrorIs(t, tx.Rollback(t.Context()), pgx.ErrTxClosed)
			requireGivenBack(t, pool)
			require.Zero(t, count(t, pool))
		})
	}
}

func TestFaultyDelay(t *testing.T) {
	t.Parallel()
	pool := tablePool(t)
	const wait = 50 * time.Millisecond
	f := pgtest.NewFaulty(pool, 1, pgtest.Delay(wait))
	began := time.Now()
	require.NoError(t, statements["exec"](t.Context(), f))
	require.GreaterOrEqual(t, time.Since(began), wait)
	require.Equal(t, 1, count(t, pool))
}

func TestFaultyDelayEndsWithItsContext(t *testing.T) {
	t.Parallel()
	pool := tablePool(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	err := statements["exec"](ctx, pgtest.NewFaulty(pool, 1, pgtest.Delay(time.Hour)))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Zero(t, count(t, pool))
}

func TestFaultyOnlyCountsWithoutAStep(t *testing.T) {
	t.Parallel()
	f := pgtest.NewFaulty(tablePool(t), 0, pgtest.Fail)
	require.NoError(t, twoRows(t.Context(), f))
	require.Equal(t, 7, f.Steps())
	require.False(t, f.Fired())
}

// late is a pool whose callers' contexts end once they have a connection.
type late struct{ *pgxpool.Pool }

func (l late) Acquire(ctx context.Context) (*pgxpool.Conn, error) {
	return l.Pool.Acquire(context.WithoutCancel(ctx))
}

func TestAConnectionThatWasCutIsNotLentAgainWhenTheContextEndedFirst(t *testing.T) {
	t.Parallel()
	config, err := pgxpool.ParseConfig(pgtest.Database(t))
	require.NoError(t, err)
	config.MaxConns = 1
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = pgtest.NewFaulty(late{pool}, 1, pgtest.CutBefore).Exec(gone, "select 1")
	require.ErrorIs(t, err, context.Canceled)
	_, err = pool.Exec(t.Context(), "select 1")
	require.NoError(t, err)
}
