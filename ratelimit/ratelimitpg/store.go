package ratelimitpg

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
	"github.com/transbotai/tenon/ratelimit"
)

// DB is what the store needs of pgx. A *pgxpool.Pool, a *pgx.Conn and a pgx.Tx are one; so may a host's wrapper be. A
// wrapper of a transaction is a pgx.Tx itself, or it is taken for a pool.
type DB interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Options of a [Store]. The zero value of each field has the documented meaning.
type Options struct {
	// Every is how often Run works; 0 means 1 minute.
	Every time.Duration
	// Now is the time in place of the server's, for tests. Nil: the server's.
	Now func() time.Time
	// Logger is told what nobody is waiting for. Nil discards.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var v Options
	if o != nil {
		v = *o
	}
	v.Every = option.Positive(v.Every, time.Minute)
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

// Store shares limits through Postgres.
type Store struct {
	db      DB
	bound   bool // to a transaction of the caller's
	options Options
	stats   counts
	loop    pgrun.Loop
}

var (
	_ ratelimit.Store = (*Store)(nil)
	_ tenon.Exporter  = (*Store)(nil)
	_ tenon.Eraser    = (*Store)(nil)
)

// New returns a store on db. On a pgx.Tx what is taken is taken when the caller commits, and until then whoever takes
// under the same key waits. New does no I/O and starts nothing.
func New(db DB, opts *Options) *Store {
	s := &Store{db: db, options: opts.withDefaults()}
	_, s.bound = db.(pgx.Tx)
	return s
}

const settleSQL = `
select tenon.settle_ratelimits($1::text[], $2::text[], $3::text[], $4::bigint[])`

// Settle implements [ratelimit.Store], in one statement.
func (s *Store) Settle(ctx context.Context, ops []ratelimit.Op) ([]ratelimit.Outcome, error) {
	if len(ops) == 0 {
		return nil, nil
	}
	c := newCall(ops, s.options.Now)
	for {
		var answer []int64
		err := s.db.QueryRow(ctx, settleSQL, c.tenants, c.names, c.limitIDs, c.numbers).Scan(&answer)
		switch {
		case err == nil:
			return outcomes(answer, len(ops))
		case s.bound || !pgerr.Retryable(err) || ctx.Err() != nil:
			return nil, translate(err)
		}
		s.stats.retries.Add(1)
	}
}
