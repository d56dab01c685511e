package auditpg

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
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
	CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource) (int64, error)
}

// Options of a [Store]. The zero value of each field has the documented meaning.
type Options struct {
	// KeepKeys is how long callers' idempotency keys are kept; 0 means 90 days, negative for ever.
	KeepKeys time.Duration
	// Personal is audit.Options.Personal for [Store.Erase].
	Personal []string
}

// Store keeps an audit log in Postgres.
type Store struct {
	db      DB
	bound   bool // to a transaction of the caller's
	options Options
	noCopy  atomic.Bool // the role is under row level security, which knows no COPY
	turn    sync.Mutex  // a transaction's connection is for one reader at a time
}

var (
	_ audit.Sealer     = (*Store)(nil)
	_ audit.Notary     = (*Store)(nil)
	_ audit.Retainer   = (*Store)(nil)
	_ audit.Cursors    = (*Store)(nil)
	_ audit.Inspector  = (*Store)(nil)
	_ tenon.Starter    = (*Store)(nil)
	_ audit.Maintainer = (*Store)(nil)
	_ tenon.Eraser     = (*Store)(nil)
	_ tenon.Exporter   = (*Store)(nil)
)

// New returns a store on db. On a pgx.Tx every call is part of that transaction, and what was recorded holds when the
// caller commits. New does no I/O and starts nothing.
func New(db DB, opts *Options) *Store {
	s := &Store{db: db}
	if opts != nil {
		s.options = *opts
	}
	if s.options.KeepKeys == 0 {
		s.options.KeepKeys = 90 * 24 * time.Hour
	}
	_, s.bound = db.(pgx.Tx)
	return s
}

// Start implements [tenon.Starter]: row level security must not hide tenants.
func (s *Store) Start(ctx context.Context) error {
	if s.bound {
		return tenon.Invalid("db", "a store bound to a transaction does not run")
	}
	return translate(migrations.CheckNotFiltered(ctx, s.db))
}

// take waits until no other reader has the connection of a caller's transaction, and returns what gives it back.
func (s *Store) take() func() {
	if !s.bound {
		return func() {}
	}
	s.turn.Lock()
	return s.turn.Unlock
}

const auditLog = "tenon.audit_log"

// partitionsAhead is how many months are made ahead of the present one.
const partitionsAhead = 3

const pruneKeysSQL = `
delete from tenon.audit_keys
where id < tenon.id_floor($1)`

// Maintain implements [audit.Maintainer]: it makes partitions ahead and removes keys that are too old.
func (s *Store) Maintain(ctx context.Context, now time.Time) error {
	if err := migrations.EnsurePartitions(ctx, s.db, auditLog, now, partitionsAhead); err != nil {
		return translate(err)
	}
	if s.options.KeepKeys < 0 {
		return nil
	}
	_, err := s.db.Exec(ctx, pruneKeysSQL, now.Add(-s.options.KeepKeys))
	return translate(err)
}

func translate(err error) error { return pgerr.Translate(err, "Audit") }

// inTx runs f in a transaction of its own, and again while it loses races for locks, until ctx is done. In a caller's
// transaction f runs as it is, once.
func (s *Store) inTx(ctx context.Context, f func(tx pgx.Tx) error) error {
	return translate(pgtx.Run(ctx, s.db, pgerr.Retryable, f))
}
