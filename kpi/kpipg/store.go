package kpipg

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/option"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/internal/pgrun"
	"github.com/transbotai/tenon/internal/pgtx"
	"github.com/transbotai/tenon/kpi"
)

// DB is what the store needs of pgx. A *pgxpool.Pool, a *pgx.Conn and a pgx.Tx are one; so may a host's wrapper be. A
// wrapper of a transaction is a pgx.Tx itself, or it is taken for a pool.
type DB interface {
	Begin(ctx context.Context) (pgx.Tx, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// Options of a [Store]. The zero value of each field has the documented meaning.
type Options struct {
	// Replica answers Cells and Scan; nil means the store's own handle. What it shows is as old as the replica is. A
	// store bound to a transaction does not use it.
	Replica DB
	// Notifier makes the notifier that is told of goals, in the transaction that decides them; its error undoes the
	// decision. Nil: nobody is told.
	Notifier func(pgx.Tx) tenon.Notifier
	// Recorder makes the recorder that is told of definitions, in their transaction; its error undoes the change. Nil:
	// nobody is told.
	Recorder func(pgx.Tx) tenon.Recorder
	// Forward makes the notifier, an outbox, that is handed every event when it is folded, in that transaction; its
	// error leaves the event unfolded. What it is handed says [kpi.Forward]. Nil: events stay here.
	Forward func(pgx.Tx) tenon.Notifier
	// Registry says which properties are about a person: erasing one empties them, and they are not forwarded. Nil:
	// none is.
	Registry *kpi.Registry
	// Every is how often Run folds; 0 means 2 seconds.
	Every time.Duration
	// KeepEvents is how long events are kept, by month of their recording; 0 means for ever. Rollups stay. Verify,
	// Rebuild and KPIs that are read from events know of no older ones, so it should exceed what they look back on.
	KeepEvents time.Duration
	// KeepKeys is how long callers' keys are kept; 0 means for ever. A retry that comes later counts twice.
	KeepKeys time.Duration
	// Logger is told what nobody is waiting for. Nil discards.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var v Options
	if o != nil {
		v = *o
	}
	v.Every = option.Positive(v.Every, 2*time.Second)
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

// Store keeps events, definitions and rollups in Postgres.
type Store struct {
	db      DB
	bound   bool // to a transaction of the caller's
	options Options
	stats   counts
	loop    pgrun.Loop
}

var (
	_ kpi.Store      = (*Store)(nil)
	_ tenon.Clock    = (*Store)(nil)
	_ kpi.Keeper     = (*Store)(nil)
	_ kpi.Asides     = (*Store)(nil)
	_ kpi.Explainer  = (*Store)(nil)
	_ tenon.Exporter = (*Store)(nil)
	_ tenon.Eraser   = (*Store)(nil)
)

// New returns a store on db. On a pgx.Tx every call is a statement of that transaction. New does no I/O and starts
// nothing; see [Store.Run].
func New(db DB, opts *Options) *Store {
	s := &Store{db: db, options: opts.withDefaults()}
	_, s.bound = db.(pgx.Tx)
	return s
}

// reader returns where figures are read.
func (s *Store) reader() DB {
	if s.options.Replica != nil && !s.bound {
		return s.options.Replica
	}
	return s.db
}

const clockSQL = `
select clock_timestamp()`

// Clock implements [tenon.Clock]: the database's time.
func (s *Store) Clock(ctx context.Context) (t time.Time, err error) {
	err = s.db.QueryRow(ctx, clockSQL).Scan(&t)
	return tenon.Instant(t), translate(err)
}

func translate(err error) error { return pgerr.Translate(err, "KPI") }

// inTx runs f in a transaction of its own, again when it lost a race, until ctx is done. In a caller's transaction f
// runs as it is.
func (s *Store) inTx(ctx context.Context, f func(tx pgx.Tx) error) error {
	return translate(pgtx.Run(ctx, s.db, s.lost, f))
}

// again runs f until it loses no race.
func (s *Store) again(ctx context.Context, f func() error) error {
	return translate(pgtx.Again(ctx, s.lost, f))
}

// lost says whether a transaction lost a race and may run again, and counts it.
func (s *Store) lost(err error) bool {
	lost := pgerr.Retryable(err)
	if lost {
		s.stats.retries.Add(1)
	}
	return lost
}
