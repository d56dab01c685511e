// Package ops is the platform's operation: what it promises, what it keeps of its own doings, and the drills in which it
// is broken on purpose.
package ops

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slopg"
)

// The objectives.
const (
	Uptime       = "uptime"
	QuoteLatency = "quote_p95_latency_ms"
	AgentSuccess = "agent_success_rate"
	QueueWait    = "queue_wait"
)

// Named are the objectives in the answer of /api/slo/current, by field.
var Named = map[string]string{"uptime": Uptime, "quoteLatency": QuoteLatency, "agentSuccess": AgentSuccess}

// objectives are what the platform promises. That the p95 of quotes is at most 500 ms is that 95 % take no longer.
func objectives() []slo.Objective {
	return []slo.Objective{
		{
			Key: slo.Key{Name: Uptime}, Description: "Requests are answered without an error of ours",
			Kind: slo.Ratio, Target: 999_000, Window: slo.Window{Length: 24 * time.Hour},
		},
		{
			Key: slo.Key{Name: QuoteLatency}, Description: "95 of 100 quotes take at most 500 ms",
			Kind: slo.Latency, Target: 950_000, Threshold: 500 * time.Millisecond, Window: slo.Window{Length: time.Hour},
		},
		{
			Key: slo.Key{Name: AgentSuccess}, Description: "Tasks of the agents succeed",
			Kind: slo.Ratio, Target: 980_000, Window: slo.Window{Length: time.Hour},
		},
		{
			Key: slo.Key{Name: QueueWait}, Description: "The oldest task in the queue has waited for less than a minute",
			Kind: slo.Freshness, Target: 990_000, Threshold: time.Minute - time.Microsecond, Window: slo.Window{Length: time.Hour},
		},
	}
}

// tables say where the objectives are counted. The queue's wait is sampled, since a queue from which nothing comes out
// leaves no rows.
func tables() map[string]slopg.Table {
	at := slopg.Col("at")
	return map[string]slopg.Table{
		Uptime: slopg.FromTable(pgx.Identifier{"public", "api_requests"}, slopg.Columns{
			At: at, Good: slopg.Expr("status < 500"), Duration: slopg.Col("response_ms"),
		}),
		QuoteLatency: slopg.FromTable(pgx.Identifier{"public", "quote_requests"}, slopg.Columns{
			At: at, Duration: slopg.Col("response_ms"),
		}),
		AgentSuccess: slopg.FromTable(pgx.Identifier{"public", "agent_tasks"}, slopg.Columns{
			At: slopg.Col("ended_at"), Good: slopg.Expr("status = 'succeeded'"),
		}),
	}
}

// The destinations of notifications: who is on call, and who listens to the database.
const (
	onCall = "oncall"
	byWire = "channel"
)

// Channel is the channel of Postgres on which on-call hears of what happens.
const Channel = "transbot_ops"

// Tell makes the notifier of a transaction: what it is told commits with the transaction, and the outbox delivers it.
func Tell(tx pgx.Tx) tenon.Notifier { return notifypg.New(tx, &notifypg.Options{Routing: routing}) }

var routing = notify.Routing{To: notify.To(onCall, byWire)}

// Desk watches over the platform.
type Desk struct {
	Board  *slo.Board
	Policy *slo.ReleasePolicy
	Outbox *notify.Outbox

	pool   *pgxpool.Pool
	store  *slopg.Store
	log    *Log
	logger *slog.Logger
	broken atomic.Bool // as of the last look
}

// New returns a desk that keeps everything in pool. Who is on call is told by the notifier.
func New(pool *pgxpool.Pool, oncall tenon.Notifier, logger *slog.Logger) *Desk {
	store := slopg.New(pool, &slopg.Options{Tables: tables(), Notifier: Tell, Every: 2 * time.Second, Logger: logger})
	board := slo.NewBoard(store, &slo.Options{Every: 5 * time.Second, Logger: logger})
	outbox := notify.NewOutbox(notifypg.New(pool, nil), map[string]tenon.Notifier{
		onCall: oncall, byWire: notifypg.Channel(pool, Channel),
	}, &notify.Options{Routing: routing, Logger: logger})
	return &Desk{
		Board: board, Policy: slo.NewReleasePolicy(board), Outbox: outbox,
		pool: pool, store: store, log: newLog(pool, logger), logger: logger,
	}
}

// Told returns what on-call was told or will be, the newest first.
func (d *Desk) Told(ctx context.Context, limit int) ([]notify.Entry, error) {
	return d.Outbox.List(ctx, notify.Query{Destination: onCall, Newest: true, Limit: limit})
}

// Prepare declares the objectives.
func (d *Desk) Prepare(ctx context.Context) error {
	_, err := d.Board.Define(ctx, objectives()...)
	return err
}

const oldestWaitSQL = `
select coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::float8
from agent_tasks
where started_at is null`

// wait returns how long the oldest task has waited.
func (d *Desk) wait(ctx context.Context) (time.Duration, error) {
	var seconds float64
	err := d.pool.QueryRow(ctx, oldestWaitSQL).Scan(&seconds)
	return time.Duration(max(seconds, 0) * float64(time.Second)), err
}

// OldestWait returns how long the task that is first in the queue has waited; 0 when none is.
func (d *Desk) OldestWait(ctx context.Context) (time.Duration, error) { return d.wait(ctx) }

// Jobs are what runs as long as the program, by name.
func (d *Desk) Jobs() (map[string]func(context.Context) error, error) {
	var sampled []slo.Objective
	for _, o := range objectives() {
		if o.Name == QueueWait {
			sampled = append(sampled, o)
		}
	}
	rec, err := slo.NewRecorder(d.store, sampled, &slo.RecorderOptions{Gauge: d.wait, Sample: 2 * time.Second, Flush: 2 * time.Second, Logger: d.logger})
	if err != nil {
		return nil, err
	}
	return map[string]func(context.Context) error{
		"slo store": d.store.Run, "slo board": d.Board.Run, "slo recorder": rec.Run, "outbox": d.Outbox.Run, "request log": d.log.Run,
	}, nil
}
