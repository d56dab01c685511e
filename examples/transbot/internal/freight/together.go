package freight

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// Together is a transaction that sends what is queued along with the next query, before it: one round trip for both. A
// query goes by as it is when nothing is queued.
type Together struct {
	pgx.Tx
	queued pgx.Batch
}

// Query implements [pgx.Tx]. Its rows must be closed, as readers of rows do, before the transaction is used again.
func (t *Together) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if t.queued.Len() == 0 {
		return t.Tx.Query(ctx, sql, args...) //nolint:rowserrcheck // the caller reads it
	}
	batch := t.queued
	t.queued = pgx.Batch{}
	batch.Queue(sql, args...)
	results := t.SendBatch(ctx, &batch)
	for _, q := range batch.QueuedQueries[:batch.Len()-1] {
		if err := q.Fn(results); err != nil {
			return nil, errors.Join(err, results.Close())
		}
	}
	rows, err := results.Query() //nolint:rowserrcheck // the caller reads it
	if err != nil {
		return nil, errors.Join(err, results.Close())
	}
	return &lastRows{Rows: rows, results: results}, nil
}

// lastRows are the rows of a batch's last statement; the batch ends with them.
type lastRows struct {
	pgx.Rows
	results pgx.BatchResults
	err     error
}

func (r *lastRows) Close() {
	r.Rows.Close()
	r.err = r.results.Close()
}

func (r *lastRows) Err() error { return errors.Join(r.Rows.Err(), r.err) }

// QueueQuote is [Store.AddQuotes] for one quote, as a part of what t sends along. Added is told whether the quote is new.
func (t *Together) QueueQuote(company string, q Quote, added *bool) {
	args := append([]any{company}, columns([]Quote{q}).args()...)
	t.queued.Queue(insertQuotes, args...).Query(func(rows pgx.Rows) error {
		ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
		*added = len(ids) == 1
		return translate(err)
	})
}
