package slo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slopg"
)

// field is a day of requests in Postgres, and the same folded into rollups.
type field struct {
	pool  *pgxpool.Pool
	store *slopg.Store
	end   time.Time // of the day
	rows  int
	took  map[string]time.Duration // to insert and to fold the day
}

// requests is the host's table as all objectives are counted from it.
var requests = slopg.FromTable(pgx.Identifier{"public", "api_requests"}, slopg.Columns{
	At: slopg.Col("created_at"), Good: slopg.Expr("status < 500"), Duration: slopg.Col("took_ms"),
})

const tableSQL = `
create table public.api_requests (
  id bigint generated always as identity primary key,
  created_at timestamptz not null,
  company_id uuid not null,
  route text not null,
  status int not null,
  took_ms double precision not null
)`

// daySQL inserts the rows from the $1-th to before the $2-th of $3, spread over the day before $4.
const daySQL = `
insert into public.api_requests (created_at, company_id, route, status, took_ms)
select $4::timestamptz - interval '24 hours' * (1 - i::float8 / $3::int),
  ('00000000-0000-7000-8000-' || lpad((i % 500)::text, 12, '0'))::uuid,
  '/v1/quotes/' || i % 20,
  case when random() < 0.0004 then 503 else 200 end,
  -120 * ln(1 - random())
from generate_series($1::int, $2::int - 1) i`

// all are the customer's objectives, each counted from the one table.
func all() []slo.Objective {
	agents := objectives()[0]
	agents.Name, agents.Target, agents.Window.Length = "agent_success_rate", 980_000, time.Hour
	queue := objectives()[1]
	queue.Name, queue.Kind, queue.Threshold = "queue_wait", slo.Freshness, time.Minute
	return append(objectives(), agents, queue)
}

func newField(ctx context.Context, l *lab.Lab) (*field, error) {
	pool, err := l.Pool(ctx, "slo", migrations.SLO)
	if err != nil {
		return nil, err
	}
	f := &field{pool: pool, rows: l.Many(10_000_000), took: map[string]time.Duration{}}
	tables := map[string]slopg.Table{}
	for _, o := range all() {
		tables[o.Name] = requests
	}
	f.store = slopg.New(f.pool, &slopg.Options{Tables: tables, Every: time.Second})
	l.Say("slo: inserting %d requests", f.rows)
	if err := errors.Join(f.fill(ctx), f.fold(ctx)); err != nil {
		f.pool.Close()
		return nil, err
	}
	return f, nil
}

const writers = 4

func (f *field) fill(ctx context.Context) error {
	var err error
	if f.end, err = f.store.Clock(ctx); err != nil {
		return err
	}
	for _, sql := range []string{tableSQL, "create index on public.api_requests (created_at)"} {
		if _, err := f.pool.Exec(ctx, sql); err != nil {
			return err
		}
	}
	began := time.Now()
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for w := range writers {
		wg.Go(func() {
			_, errs[w] = f.pool.Exec(ctx, daySQL, f.rows*w/writers, f.rows*(w+1)/writers, f.rows, f.end)
		})
	}
	wg.Wait()
	f.took["insert"] = time.Since(began)
	_, err = f.pool.Exec(ctx, "vacuum analyze public.api_requests")
	return errors.Join(errors.Join(errs...), err)
}

func (f *field) fold(ctx context.Context) error {
	if _, err := f.board(nil).Define(ctx, all()...); err != nil {
		return err
	}
	began := time.Now()
	if err := f.store.Fold(ctx, f.end); err != nil {
		return err
	}
	f.took["fold"] = time.Since(began)
	_, err := f.pool.Exec(ctx, "vacuum analyze tenon.slo_rollups, tenon.slo_sketches")
	return err
}

// still is the store at the end of the day, which remembers what was asked.
type still struct {
	slo.Store
	now   time.Time
	asked *[]slo.Span
}

// Clock implements [tenon.Clock].
func (s still) Clock(context.Context) (time.Time, error) { return s.now, nil }

// Count passes on and remembers.
func (s still) Count(ctx context.Context, spans []slo.Span) ([]slo.Count, error) {
	if s.asked != nil {
		*s.asked = spans
	}
	return s.Store.Count(ctx, spans)
}

func (f *field) board(asked *[]slo.Span) *slo.Board {
	return slo.NewBoard(still{f.store, f.end, asked}, &slo.Options{Timeout: time.Minute})
}

// plainSQL counts raw rows. A threshold of 0 counts by status.
const plainSQL = `
select count(*) filter (where %s), count(*)
from public.api_requests
where created_at >= $1
  and created_at < $2`

// plain counts the spans from the raw rows.
func (f *field) plain(ctx context.Context, spans []slo.Span) ([]slo.Count, error) {
	good := map[string]string{"outcome": "status < 500", "within 500ms": "took_ms <= 500", "within 1m0s": "took_ms <= 60000"}
	counts := make([]slo.Count, len(spans))
	for i, s := range spans {
		row := f.pool.QueryRow(ctx, fmt.Sprintf(plainSQL, good[s.Measure]), s.From, s.To)
		if err := row.Scan(&counts[i].Good, &counts[i].Valid); err != nil {
			return nil, err
		}
	}
	return counts, nil
}
