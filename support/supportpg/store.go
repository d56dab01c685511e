package supportpg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/internal/pgtx"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/support"
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
	// Notifier makes the notifier that is told of escalations, warnings and late findings, in the transaction that
	// decides them; its error undoes the decision. Nil: nobody is told.
	Notifier func(pgx.Tx) tenon.Notifier
	// Recorder makes the recorder that is told of changes, in their transaction; its error undoes the change. Nil:
	// nobody is told.
	Recorder func(pgx.Tx) tenon.Recorder
}

// Store keeps tickets, timers, tours and findings in Postgres.
type Store struct {
	db      DB
	bound   bool // to a transaction of the caller's
	options Options
}

var (
	_ support.Store         = (*Store)(nil)
	_ support.TimerReviewer = (*Store)(nil)
	_ tenon.Clock           = (*Store)(nil)
	_ tenon.Starter         = (*Store)(nil)
	_ tenon.Exporter        = (*Store)(nil)
	_ tenon.Eraser          = (*Store)(nil)
)

// New returns a store on db. On a pgx.Tx every call is a statement of that transaction, and what was written holds when
// the caller commits. New does no I/O and starts nothing; a Store keeps nothing in memory.
func New(db DB, opts *Options) *Store {
	s := &Store{db: db}
	if opts != nil {
		s.options = *opts
	}
	_, s.bound = db.(pgx.Tx)
	return s
}

const clockSQL = `
select clock_timestamp()`

// Clock implements [tenon.Clock]: the database's time.
func (s *Store) Clock(ctx context.Context) (t time.Time, err error) {
	err = s.db.QueryRow(ctx, clockSQL).Scan(&t)
	return tenon.Instant(t), translate(err)
}

// Start implements [tenon.Starter]: row level security must not hide tenants.
func (s *Store) Start(ctx context.Context) error {
	return translate(migrations.CheckNotFiltered(ctx, s.db))
}

func translate(err error) error { return pgerr.Translate(err, "Support") }

// inTx runs f in a transaction of its own, and again while it loses races for locks, until ctx is done. In a caller's
// transaction f runs as it is, once.
func (s *Store) inTx(ctx context.Context, f func(tx pgx.Tx) error) error {
	return translate(pgtx.Run(ctx, s.db, pgerr.Retryable, f))
}

// on returns the store in a transaction.
func (s *Store) on(tx pgx.Tx) *Store { return &Store{db: tx, bound: true, options: s.options} }

// follow does what follows from a change.
func (s *Store) follow(ctx context.Context, tx pgx.Tx, e support.Effects) error {
	if err := schedule(ctx, tx, e.Timers); err != nil {
		return err
	}
	if _, err := cancelTimers(ctx, tx, e.Cancel); err != nil {
		return err
	}
	return pgerr.Hosts(s.tellHost(ctx, tx, e))
}

func (s *Store) tellHost(ctx context.Context, tx pgx.Tx, e support.Effects) error {
	return pgtx.Tell(ctx, tx, s.options.Recorder, s.options.Notifier, e.Changes, e.Notifications)
}

// instants reads a time that may be null.
func instants(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return tenon.Instant(*t)
}

// orNull writes a time that may be zero.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
