package flagspg

import (
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/internal/pgtx"
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

// Listener tells of notifications; *listenpg.Listener is one. Fn is called with "" when some may have been missed.
type Listener interface {
	Subscribe(channel string, fn func(payload string)) (cancel func())
}

// Channel is the channel on which writes are told: the payload is the revision.
const Channel = "tenon_flags"

// Options of a [Store]. The zero value of each field has the documented meaning.
type Options struct {
	// Notifier makes the notifier that is told of ramps that moved, stopped or rolled back, in the transaction that
	// does it; its error undoes the write. Nil: nobody is told.
	Notifier func(pgx.Tx) tenon.Notifier
	// Recorder makes the recorder that is told of changes, in their transaction; its error undoes the write. Nil:
	// nobody is told.
	Recorder func(pgx.Tx) tenon.Recorder
	// Listener lets a Set learn at once what other processes write. Nil: the Set learns by asking.
	Listener Listener
}

// Store keeps flags in Postgres.
type Store struct {
	db      DB
	bound   bool // to a transaction of the caller's
	options Options
}

var (
	_ flags.Store    = (*Store)(nil)
	_ tenon.Clock    = (*Store)(nil)
	_ flags.Watcher  = (*Store)(nil)
	_ tenon.Exporter = (*Store)(nil)
	_ tenon.Eraser   = (*Store)(nil)
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

// Watch implements [flags.Watcher].
func (s *Store) Watch(changed func(revision int64)) (cancel func()) {
	if s.options.Listener == nil {
		return func() {}
	}
	return s.options.Listener.Subscribe(Channel, func(payload string) {
		revision, err := strconv.ParseInt(payload, 10, 64)
		if err != nil {
			revision = 0 // "" and what is none of ours: look
		}
		changed(revision)
	})
}

const clockSQL = `
select clock_timestamp()`

// Clock implements [tenon.Clock]: the database's time.
func (s *Store) Clock(ctx context.Context) (t time.Time, err error) {
	err = s.db.QueryRow(ctx, clockSQL).Scan(&t)
	return instant(t), translate(err)
}

// instant returns t as tenon keeps instants.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// inTx runs f in a transaction of its own, and again while it loses races for locks, until ctx is done. In a caller's
// transaction f runs as it is, once.
func (s *Store) inTx(ctx context.Context, f func(tx pgx.Tx) error) error {
	return translate(pgtx.Run(ctx, s.db, pgerr.Retryable, f))
}
