package ops

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/slo/slohttp"
)

// logged bounds what waits to be written, and logEvery how long.
const (
	logged   = 10_000
	logEvery = 200 * time.Millisecond
)

// request is a row of api_requests.
type request struct {
	company, route string
	at             time.Time
	status         int
	took           time.Duration
}

// Log writes requests down, many at a time, so that no request waits for it. What cannot be written stays, and is
// written once Postgres is there again: an outage must not look like silence. What is in memory when the process dies is
// lost, and so is what comes while too much waits.
type Log struct {
	pool    *pgxpool.Pool
	logger  *slog.Logger
	waiting chan request
	kept    rows // taken and not yet written; perhaps written, and the answer was lost
}

func newLog(pool *pgxpool.Pool, logger *slog.Logger) *Log {
	return &Log{pool: pool, logger: logger, waiting: make(chan request, logged)}
}

// uncounted is where the context of a request says that nobody promised anything to who asks.
type uncounted struct{}

// Uncounted returns a context for requests of our own, which are not observed: they would let a service that nobody uses,
// or one that fails everybody else, look well.
func Uncounted(ctx context.Context) context.Context { return context.WithValue(ctx, uncounted{}, true) }

// Observe takes note of a request that was answered.
func (d *Desk) Observe(o slohttp.Observation) {
	if _, counts := o.Outcome(); !counts || o.Request.Context().Value(uncounted{}) != nil {
		return
	}
	if o.Panicked {
		o.Status = 500
	}
	c, _ := tenon.CallerFrom(o.Request.Context())
	select {
	case d.log.waiting <- request{company: c.Tenant, route: o.Route, at: o.Started.Add(o.Duration), status: o.Status, took: o.Duration}:
	default:
		d.logger.Warn("request not logged: too many wait")
	}
}

// Run writes until ctx is done, and then what still waits.
func (l *Log) Run(ctx context.Context) error {
	tick := time.NewTicker(logEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return l.drain(context.WithoutCancel(ctx))
		case <-tick.C:
			if err := l.write(ctx); err != nil && ctx.Err() == nil {
				l.logger.Warn("requests not logged yet", "waiting", len(l.kept.requests), "err", err)
			}
		}
	}
}

// drain writes what is left, as long as writeWithin.
func (l *Log) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	for {
		err := l.write(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d requests not logged: %w", len(l.kept.requests), err)
		case <-time.After(logEvery):
		}
	}
}

// take adds what waits to what is kept, as far as there is room.
func (l *Log) take() {
	for len(l.kept.requests) < logged {
		select {
		case r := <-l.waiting:
			l.kept.add(r)
		default:
			return
		}
	}
}

// The routes that make quotes.
var quoteRoutes = map[string]bool{"POST /api/quotes": true, "POST /companies/{company}/rates": true}

// The routes whose work an agent does.
var bulkRoutes = map[string]bool{"POST /api/quotes/bulk": true, "POST /companies/{company}/rates/bulk": true}

// writeWithin bounds one attempt to write.
const writeWithin = 5 * time.Second

// write writes what waits and what is kept.
func (l *Log) write(ctx context.Context) error {
	l.take()
	ctx, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	err := l.kept.copy(ctx, l.pool)
	if err == nil {
		l.kept = rows{}
	}
	return err
}

// add adds a request; those for quotes, and the tasks behind jobs, to tables of their own as well.
func (r *rows) add(one request) {
	r.request(one)
	if quoteRoutes[one.route] && one.status != 401 {
		r.quote(one)
	}
	if bulkRoutes[one.route] && (one.status < 400 || one.status >= 500) {
		r.task(task{company: one.company, created: one.at.Add(-one.took), started: one.at.Add(-one.took), ended: one.at, failed: one.status >= 500})
	}
}

// task is a row of agent_tasks. One that has not started or ended has a zero instant there.
type task struct {
	company                 string
	created, started, ended time.Time
	failed                  bool
}

// rows are for all three tables. Their ids are made once, so that what is written twice is there once.
type rows struct{ requests, quotes, tasks [][]any }

func (r *rows) request(one request) {
	r.requests = append(r.requests, []any{one.company, tenon.NewID(one.at), one.at, one.route, one.status, millis(one.took)})
}

func (r *rows) quote(one request) {
	r.quotes = append(r.quotes, []any{one.company, tenon.NewID(one.at), one.at, one.status, millis(one.took)})
}

func (r *rows) task(t task) {
	status := "queued"
	switch {
	case !t.ended.IsZero() && t.failed:
		status = "failed"
	case !t.ended.IsZero():
		status = "succeeded"
	case !t.started.IsZero():
		status = "running"
	}
	r.tasks = append(r.tasks, []any{
		t.company, tenon.NewID(t.created), "rate_lanes", t.created, orNull(t.started), orNull(t.ended), status,
	})
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func millis(d time.Duration) float64 { return max(float64(d)/float64(time.Millisecond), 0) }

// copy writes all rows in one transaction.
func (r *rows) copy(ctx context.Context, pool *pgxpool.Pool) error {
	if len(r.requests)+len(r.quotes)+len(r.tasks) == 0 {
		return nil
	}
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		for _, into := range []struct {
			table   string
			columns []string
			rows    [][]any
		}{
			{"api_requests", []string{"company_id", "id", "at", "route", "status", "response_ms"}, r.requests},
			{"quote_requests", []string{"company_id", "id", "at", "status", "response_ms"}, r.quotes},
			{"agent_tasks", []string{"company_id", "id", "kind", "created_at", "started_at", "ended_at", "status"}, r.tasks},
		} {
			if len(into.rows) == 0 {
				continue
			}
			if err := insert(ctx, tx, into.table, into.columns, into.rows); err != nil {
				return err
			}
		}
		return nil
	})
}

// insert adds rows in one statement. A copy would be refused: Postgres has none into tables with row level security.
func insert(ctx context.Context, tx pgx.Tx, table string, columns []string, rows [][]any) error {
	objects := make([]map[string]any, len(rows))
	for i, row := range rows {
		objects[i] = make(map[string]any, len(columns))
		for j, c := range columns {
			objects[i][c] = row[j]
		}
	}
	list := strings.Join(columns, ", ")
	_, err := tx.Exec(ctx, "insert into public."+table+" ("+list+") select "+list+
		" from jsonb_populate_recordset(null::public."+table+", $1) on conflict do nothing", objects)
	return err
}
