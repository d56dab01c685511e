// Package audit compares package audit with plain inserts, COPY, unwatched tables, and another way of writing audit
// triggers.
package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/migrations"
)

// Compare measures package audit.
func Compare(ctx context.Context, l *lab.Lab) (report.Section, error) {
	s := report.Section{Name: "audit", Text: text}
	for _, part := range []func(context.Context, *lab.Lab, *report.Section) error{
		compareRecord, compareTriggers, compareSealing, compareProof,
	} {
		if err := part(ctx, l, &s); err != nil {
			return s, err
		}
	}
	return s, nil
}

const text = `A record names a caller, a target and a payload of two columns before and after. Plain inserts and COPY write the very
same rows into a table with the same columns, indexes and partitioning, prepared beforehand, with nothing checked or
computed. Every contender's rows are counted before its figure counts, and what tenon wrote is sealed and verified.`

const (
	percent report.Unit = "%"
	seconds report.Unit = "s"
)

const tenants = 50

// world is a database with tenon's tables, and public.plain_log beside them.
type world struct {
	pool  *pgxpool.Pool
	store *auditpg.Store
	log   *audit.Log
}

const plainSQL = `
create table public.plain_log (like tenon.audit_log including all) partition by range (id);
create table public.plain_log_all partition of public.plain_log for values from (minvalue) to (maxvalue)`

func newWorld(ctx context.Context, l *lab.Lab, name string, opts *audit.Options) (*world, error) {
	pool, err := l.PoolOf(ctx, 16, name, migrations.Audit)
	if err != nil {
		return nil, err
	}
	w := &world{pool: pool, store: auditpg.New(pool, nil)}
	w.log = audit.NewLog(w.store, opts)
	_, err = w.pool.Exec(ctx, plainSQL)
	return w, err
}

func (w *world) count(ctx context.Context, table string) (n int64, err error) {
	err = w.pool.QueryRow(ctx, "select count(*) from "+table).Scan(&n)
	return n, err
}

// grew fails unless a table has n rows more than before.
func (w *world) grew(ctx context.Context, table string, before, n int64) error {
	after, err := w.count(ctx, table)
	if err == nil && after-before != n {
		err = fmt.Errorf("%s has %d rows more, not %d", table, after-before, n)
	}
	return err
}

// verified seals what is left and verifies everything.
func (w *world) verified(ctx context.Context) error {
	if _, err := w.log.Seal(ctx); err != nil {
		return err
	}
	r, err := w.log.Verify(ctx)
	if err != nil {
		return err
	}
	n, err := w.count(ctx, "tenon.audit_log")
	if err == nil && (!r.OK() || r.Checked != n) {
		err = fmt.Errorf("verified %d of %d: %w", r.Checked, n, r.Err())
	}
	return err
}

func asCaller(ctx context.Context) context.Context {
	return tenon.WithCaller(ctx, tenon.Caller{
		Actor: "ann@acme.test", IP: "192.0.2.7", UserAgent: "Mozilla/5.0 (X11; Linux x86_64)", RequestID: "5f1c9a7e20",
	})
}

func record(n int) audit.Record {
	return audit.Record{
		Tenant: fmt.Sprint("tenant-", n%tenants), Action: "quote.accepted", Targets: []audit.Target{{Type: "quote", ID: fmt.Sprint(n)}},
		Payload: json.RawMessage(fmt.Sprintf(`{"before":{"rate":%d,"status":"sent"},"after":{"rate":%d,"status":"accepted"}}`, n, n+50)),
	}
}

// entry is a record as it is stored, ready to be written.
func entry(n int) audit.Entry {
	r := record(n)
	r.At = tenon.Instant(time.Now())
	r.ID, r.Outcome = tenon.NewID(r.At), audit.Succeeded
	r.Actor, r.IP, r.UserAgent, r.RequestID = "ann@acme.test", "192.0.2.7", "Mozilla/5.0 (X11; Linux x86_64)", "5f1c9a7e20"
	return audit.Entry{Record: r, Seed: bytes.Repeat([]byte{byte(n), byte(n >> 8)}, audit.SeedSize/2)}
}
