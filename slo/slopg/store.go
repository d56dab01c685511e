package slopg

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/option"
	"github.com/transbotai/tenon/internal/pgrun"
	"github.com/transbotai/tenon/internal/pgtx"
	"github.com/transbotai/tenon/slo"
)

// DB is what the store needs of pgx. A *pgxpool.Pool, a *pgx.Conn and a pgx.Tx are one; so may a host's wrapper be. A
// wrapper of a transaction is a pgx.Tx itself, or it is taken for a pool.
type DB interface {
	Begin(ctx context.Context) (pgx.Tx, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Options of a [Store]. The zero value of each field has the documented meaning; a negative value means the same, but where it
// says otherwise.
type Options struct {
	// Tables are the host's tables from which objectives are counted, by the objective's name. Where a Table has a
	// Tenant, the objectives of tenants by that name are counted from their rows; the system's from all.
	Tables map[string]Table
	// Notifier makes the notifier that is told of alerts and freezes, in the transaction that decides them; its error
	// undoes the decision. Nil: nobody is told.
	Notifier func(pgx.Tx) tenon.Notifier
	// Recorder makes the recorder that is told of objectives, exclusions, overrides and freezes, in their
	// transaction; its error undoes the change. Nil: nobody is told.
	Recorder func(pgx.Tx) tenon.Recorder
	// Lookback is how late a row of a table may come, or change, and still be counted; 0 means 1 hour. A minute is
	// counted again when it is 1, 2, 4, … minutes old, and for the last time when it is as old as this.
	Lookback time.Duration
	// Every is how often Run folds tables into rollups; 0 means 10 seconds. Where that would take more than a twentieth of
	// the time, it does so less often, but every 10 seconds if Every allows that.
	Every time.Duration
	// Keep is how long counts are kept; 0 means 100 days, negative for ever. It must exceed the longest window.
	Keep time.Duration
	// Logger is told what nobody is waiting for. Nil discards.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var v Options
	if o != nil {
		v = *o
	}
	v.Lookback = option.Positive(v.Lookback, time.Hour)
	v.Every = option.Positive(v.Every, 10*time.Second)
	v.Keep = cmp.Or(v.Keep, 100*24*time.Hour)
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

// Store keeps objectives and counts in Postgres.
type Store struct {
	db      DB
	bound   bool // to a transaction of the caller's
	options Options
	stats   counts
	loop    pgrun.Loop
}

var (
	_ slo.Store      = (*Store)(nil)
	_ slo.Historian  = (*Store)(nil)
	_ tenon.Clock    = (*Store)(nil)
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

const clockSQL = `
select clock_timestamp()`

// Clock implements [tenon.Clock]: the database's time.
func (s *Store) Clock(ctx context.Context) (t time.Time, err error) {
	err = s.db.QueryRow(ctx, clockSQL).Scan(&t)
	return tenon.Instant(t), translate(err)
}

// inTx runs f in a transaction of its own, again when it lost a race, until ctx is done. In a caller's transaction f
// runs as it is.
func (s *Store) inTx(ctx context.Context, f func(tx pgx.Tx) error) error {
	return translate(pgtx.Run(ctx, s.db, s.lost, f))
}

// lost says whether a transaction lost a race and may run again, and counts it.
func (s *Store) lost(err error) bool {
	lost := retryable(err)
	if lost {
		s.stats.retries.Add(1)
	}
	return lost
}
