package audit

import (
	"context"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
)

const (
	recordCallers = 4
	perTx         = 10 // records in one transaction
	batchRecords  = 50_000
	batchSize     = 1000
)

var names = []string{
	"tenant_id", "id", "ts", "actor", "on_behalf_of", "action", "target", "target_id", "outcome", "payload", "ip_address",
	"user_agent", "request_id", "seed",
}

const insertSQL = `
insert into public.plain_log (tenant_id, id, ts, actor, on_behalf_of, action, target, target_id, outcome, payload,
  ip_address, user_agent, request_id, seed)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`

func row(e *audit.Entry) []any {
	return []any{
		e.Tenant, e.ID, e.At, e.Actor, e.OnBehalfOf, e.Action, e.Targets[0].Type, e.Targets[0].ID, string(e.Outcome), e.Payload,
		e.IP, e.UserAgent, e.RequestID, e.Seed,
	}
}

// compareRecord measures records in the caller's transaction and batched ones.
func compareRecord(ctx context.Context, l *lab.Lab, s *report.Section) error {
	w, err := newWorld(ctx, l, "record", &audit.Options{Queue: batchRecords, Batch: batchSize})
	if err != nil {
		return err
	}
	defer w.pool.Close()
	l.Say("audit: records")
	one, err := measure.Interleave(ctx, l.Rounds,
		func(ctx context.Context) (float64, error) {
			return w.transactions(ctx, l, "tenon.audit_log", func(ctx context.Context, tx pgx.Tx, n int) error {
				_, err := w.log.WithStore(auditpg.New(tx, nil)).Record(asCaller(ctx), record(n))
				return err
			})
		},
		func(ctx context.Context) (float64, error) {
			return w.transactions(ctx, l, "public.plain_log", func(ctx context.Context, tx pgx.Tx, n int) error {
				e := entry(n)
				_, err := tx.Exec(ctx, insertSQL, row(&e)...)
				return err
			})
		})
	if err != nil {
		return err
	}
	n := l.Size(batchRecords)
	many, err := measure.Interleave(ctx, l.Rounds,
		func(ctx context.Context) (float64, error) { return w.batched(ctx, n) },
		func(ctx context.Context) (float64, error) { return w.copied(ctx, n) })
	if err != nil {
		return err
	}
	if err := w.verified(ctx); err != nil {
		return err
	}
	s.Tables = append(s.Tables, report.Table{
		Title: "Recording", Columns: []string{"tenon", "beside it"},
		Text: "Of the rate of plain inserts: transactions of ten, four callers. Of the rate of COPY: as many rows a time, over one connection.",
		Rows: []report.Row{
			report.Ratio("in the caller's transaction, to a plain insert", one[0], one[1], 0.9),
			report.Ratio("batched, to bare COPY", many[0], many[1], 0.8),
		},
	})
	s.Samples = append(s.Samples,
		report.Sample{Name: "record/tenon", Unit: report.PerSecond, Series: one[0]},
		report.Sample{Name: "record/plain", Unit: report.PerSecond, Series: one[1]},
		report.Sample{Name: "batch/tenon", Unit: report.PerSecond, Series: many[0]},
		report.Sample{Name: "batch/copy", Unit: report.PerSecond, Series: many[1]})
	return nil
}

// transactions returns how many records a second are written in transactions of several.
func (w *world) transactions(
	ctx context.Context, l *lab.Lab, table string, write func(ctx context.Context, tx pgx.Tx, n int) error,
) (float64, error) {
	before, err := w.count(ctx, table)
	if err != nil {
		return 0, err
	}
	load, err := measure.Run(ctx, recordCallers, l.Length, func(ctx context.Context, caller, n int) error {
		return pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
			for i := range perTx {
				if err := write(ctx, tx, caller+recordCallers*(n*perTx+i)); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return 0, err
	}
	return load.Rate() * perTx, w.grew(ctx, table, before, int64(load.Calls)*perTx)
}

// batched returns how many queued records a second are stored.
func (w *world) batched(ctx context.Context, n int) (float64, error) {
	before, err := w.count(ctx, "tenon.audit_log")
	if err != nil {
		return 0, err
	}
	stored := w.log.Stats().Recorded
	caller := asCaller(ctx)
	records := make([]audit.Record, n)
	for i := range records {
		records[i] = record(i)
	}
	start := time.Now()
	go func() {
		for _, r := range records {
			if _, err := w.log.Enqueue(caller, r); err != nil {
				return // the count tells
			}
		}
	}()
	for w.log.Stats().Recorded-stored < int64(n) {
		if err := w.log.Flush(ctx); err != nil {
			return 0, err
		}
		runtime.Gosched() // to the one who fills the queue
	}
	rate := float64(n) / time.Since(start).Seconds()
	return rate, w.grew(ctx, "tenon.audit_log", before, int64(n))
}

// copied returns how many rows a second bare COPY stores.
func (w *world) copied(ctx context.Context, n int) (float64, error) {
	before, err := w.count(ctx, "public.plain_log")
	if err != nil {
		return 0, err
	}
	rows := make([][]any, n)
	for i := range rows {
		e := entry(i)
		rows[i] = row(&e)
		var id pgtype.UUID
		if err := id.Scan(e.ID); err != nil {
			return 0, err
		}
		rows[i][1] = id
	}
	start := time.Now()
	if err := copyRows(ctx, w.pool, rows); err != nil {
		return 0, err
	}
	rate := float64(n) / time.Since(start).Seconds()
	return rate, w.grew(ctx, "public.plain_log", before, int64(n))
}

func copyRows(ctx context.Context, pool *pgxpool.Pool, rows [][]any) error {
	for len(rows) > 0 {
		n := min(batchSize, len(rows))
		_, err := pool.CopyFrom(ctx, pgx.Identifier{"public", "plain_log"}, names, pgx.CopyFromRows(rows[:n]))
		if err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}
