package directorypg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/internal/pgtx"
	"github.com/transbotai/tenon/migrations"
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
	// Notifier makes the notifier that is told of papers, in the transaction that notes it; its error undoes the note.
	// Nil: nobody is told.
	Notifier func(pgx.Tx) tenon.Notifier
	// Recorder makes the recorder that is told of changes, in their transaction; its error undoes the change. Nil:
	// nobody is told.
	Recorder func(pgx.Tx) tenon.Recorder
	// Replica answers searches; nil means the store's own handle. What it shows is as old as the replica is. A store
	// bound to a transaction does not use it.
	Replica DB
}

// Store keeps the directory in Postgres.
type Store struct {
	db      DB
	read    DB
	bound   bool // to a transaction of the caller's
	options Options
}

var (
	_ directory.Store    = (*Store)(nil)
	_ tenon.Clock        = (*Store)(nil)
	_ directory.Digester = (*Store)(nil)
	_ tenon.Starter      = (*Store)(nil)
	_ tenon.Exporter     = (*Store)(nil)
	_ tenon.Eraser       = (*Store)(nil)
)

// New returns a store on db. On a pgx.Tx every call is a statement of that transaction. New does no I/O and starts
// nothing.
func New(db DB, opts *Options) *Store {
	s := &Store{db: db, read: db}
	if opts != nil {
		s.options = *opts
	}
	_, s.bound = db.(pgx.Tx)
	if s.options.Replica != nil && !s.bound {
		s.read = s.options.Replica
	}
	return s
}

const clockSQL = `
select clock_timestamp()`

// Clock implements [tenon.Clock]: the database's time.
func (s *Store) Clock(ctx context.Context) (t time.Time, err error) {
	err = s.db.QueryRow(ctx, clockSQL).Scan(&t)
	return t, translate(err)
}

// Start implements [tenon.Starter]: row level security must not hide tenants.
func (s *Store) Start(ctx context.Context) error {
	return translate(migrations.CheckNotFiltered(ctx, s.db))
}

// inTx runs f in a transaction of its own, again when it lost a race, until ctx is done. In a caller's transaction f
// runs as it is.
func (s *Store) inTx(ctx context.Context, f func(tx pgx.Tx) error) error {
	return translate(pgtx.Run(ctx, s.db, pgerr.Retryable, f))
}

// tell hands the effects of an edit on. It comes before anything is written, so that an error of the host's leaves a
// caller's transaction as it was.
func (s *Store) tell(ctx context.Context, tx pgx.Tx, e directory.Effects) error {
	return pgerr.Hosts(pgtx.Tell(ctx, tx, s.options.Recorder, s.options.Notifier, e.Changes, e.Notifications))
}
