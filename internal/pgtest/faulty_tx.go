package pgtest

import (
	"context"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// faultyTx is a transaction that a [Faulty] began. What it does not override is not a step.
type faultyTx struct {
	pgx.Tx
	faulty *Faulty
	nested bool // a savepoint
	ended  atomic.Bool
}

func (t *faultyTx) Begin(ctx context.Context) (pgx.Tx, error) { return t.faulty.Begin(ctx) }

func (t *faultyTx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return t.faulty.Exec(ctx, sql, args...)
}

func (t *faultyTx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return t.faulty.Query(ctx, sql, args...) //nolint:rowserrcheck // the caller reads it
}

func (t *faultyTx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return t.faulty.QueryRow(ctx, sql, args...)
}

func (t *faultyTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	return t.faulty.SendBatch(ctx, b)
}

func (t *faultyTx) CopyFrom(
	ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource,
) (int64, error) {
	return t.faulty.CopyFrom(ctx, table, columns, src)
}

func (t *faultyTx) Commit(ctx context.Context) error { return t.end(ctx, "commit", t.Tx.Commit) }

func (t *faultyTx) Rollback(ctx context.Context) error { return t.end(ctx, "rollback", t.Tx.Rollback) }

// end ends the transaction. The statement of a fault goes to the connection itself, since pgx would give a pool's
// connection back before it can be cut, perhaps to somebody else.
func (t *faultyTx) end(ctx context.Context, sql string, end func(context.Context) error) error {
	if t.ended.Swap(true) {
		return end(ctx)
	}
	err := t.faulty.step(ctx, t.Tx, func(h Handle) error {
		if t.nested {
			return end(ctx)
		}
		_, err := h.Exec(ctx, sql)
		return err
	})
	if err != nil {
		_ = t.Tx.Rollback(context.WithoutCancel(ctx)) // gives the connection back
		return err
	}
	return end(ctx)
}
