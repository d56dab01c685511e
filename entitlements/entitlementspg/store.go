package entitlementspg

import (
	"cmp"
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/internal/option"
	"github.com/transbotai/tenon/internal/pgrun"
	"github.com/transbotai/tenon/internal/pgtx"
)

// DB is what the store needs of pgx. A *pgxpool.Pool, a *pgx.Conn and a pgx.Tx are one; so may a host's wrapper be. A
// wrapper of a transaction is a pgx.Tx itself, or it is taken for a pool. Under row level security a pool that serves
// requests names no tenant and sees none: give the app role's store the transaction that does.
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

// Channel is the channel on which changes are told: the payload is a tenant, or empty when the catalogue changed.
const Channel = "tenon_entitlements"

// Options of a [Store]. The zero value of each field has the documented meaning; a negative value means the same, but where it
// says otherwise.
type Options struct {
	// Notifier makes the notifier that is told of thresholds, in the transaction that crosses them; its error undoes
	// the operation. Nil: nobody is told.
	Notifier func(pgx.Tx) tenon.Notifier
	// Recorder makes the recorder that is told of changes to plans, rights and the catalogue, in their transaction;
	// its error undoes the change. Nil: nobody is told.
	Recorder func(pgx.Tx) tenon.Recorder
	// Listener lets a Gate learn at once what other processes change. Nil: the Gate learns by asking.
	Listener Listener
	// Connections bounds how many connections of the pool group commits use at once; 0 means 4.
	Connections int
	// Batch bounds how many operations one statement settles; 0 means 1,000.
	Batch int
	// Timeout bounds one group commit; 0 means 5 seconds.
	Timeout time.Duration
	// KeepKeys is how long keys and closed holds are kept; 0 means 90 days, negative for ever.
	KeepKeys time.Duration
	// KeepEvents is how long events are kept, at least until the end of the month; 0 or negative means for ever.
	// It must exceed the longest period of any plan, or late counts go wrong.
	KeepEvents time.Duration
	// TrialReminders are how long before the end of a trial the Notifier is told of it; nil means 72 hours, empty never.
	TrialReminders []time.Duration
	// Every is how often Run works; 0 means 1 minute.
	Every time.Duration
	// Logger is told what nobody is waiting for. Nil discards.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var v Options
	if o != nil {
		v = *o
	}
	v.Connections = option.Positive(v.Connections, 4)
	v.Batch = option.Positive(v.Batch, 1000)
	v.Timeout = option.Positive(v.Timeout, 5*time.Second)
	v.KeepKeys = cmp.Or(v.KeepKeys, 90*24*time.Hour)
	v.Every = option.Positive(v.Every, time.Minute)
	if v.TrialReminders == nil {
		v.TrialReminders = []time.Duration{72 * time.Hour}
	}
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

// Store keeps entitlements in Postgres.
type Store struct {
	db          DB
	bound       bool // to a transaction of the caller's
	options     Options
	group       *group // nil when bound
	leases      *convoy[entitlements.LeaseRequest, entitlements.Lease]
	conclusions *convoy[entitlements.Conclusion, concluded]
	versions    atomic.Pointer[entitlements.Versions]
	stats       counts
	loop        pgrun.Loop
}

var (
	_ entitlements.Store    = (*Store)(nil)
	_ entitlements.Reporter = (*Store)(nil)
	_ tenon.Clock           = (*Store)(nil)
	_ entitlements.Watcher  = (*Store)(nil)
	_ tenon.Exporter        = (*Store)(nil)
	_ tenon.Eraser          = (*Store)(nil)

	_ entitlements.BillingStore  = (*Store)(nil)
	_ entitlements.UsageOutbox   = (*Store)(nil)
	_ entitlements.TrialReminder = (*Store)(nil)
)

// New returns a store on db. On a pool, concurrent calls are settled together; on a pgx.Tx every call is a statement
// of that transaction, nothing is kept in memory, and what was accepted holds when the caller commits. New does no
// I/O and starts nothing.
func New(db DB, opts *Options) *Store {
	s := &Store{db: db, options: opts.withDefaults()}
	_, s.bound = db.(pgx.Tx)
	if !s.bound {
		s.group = newGroup(s)
		s.leases = &convoy[entitlements.LeaseRequest, entitlements.Lease]{
			run: s.leaseAll, keys: leaseKeys, most: s.options.Batch, timeout: s.options.Timeout,
		}
		s.conclusions = &convoy[entitlements.Conclusion, concluded]{
			run: s.concludeTogether, keys: concludeKeys, most: s.options.Batch, timeout: s.options.Timeout,
		}
	}
	return s
}

// Watch implements [entitlements.Watcher].
func (s *Store) Watch(changed func(tenant string)) (cancel func()) {
	if s.options.Listener == nil {
		return func() {}
	}
	return s.options.Listener.Subscribe(Channel, changed)
}

const clockSQL = `
select clock_timestamp()`

// Clock implements [tenon.Clock]: the database's time.
func (s *Store) Clock(ctx context.Context) (t time.Time, err error) {
	err = s.db.QueryRow(ctx, clockSQL).Scan(&t)
	return t, translate(err)
}

// inTx runs f in a transaction of its own. One that lost a race for locks, or waits for one longer than patience, runs
// again until ctx is done: a caller's transaction may hold a counter and want the tenant's row, which f holds while it
// wants the counter, and only f can start over.
//
// In a caller's transaction f runs as it is; it asks the host's notifier and recorder before it writes.
func (s *Store) inTx(ctx context.Context, f func(tx pgx.Tx) error) error {
	if s.bound {
		return translate(f(s.db.(pgx.Tx)))
	}
	return translate(pgtx.Again(ctx, s.lost, func() error { return s.patiently(ctx, f) }))
}

// lost says whether a transaction lost a race and may run again, and counts it.
func (s *Store) lost(err error) bool {
	lost := retryable(err)
	if lost {
		s.stats.retries.Add(1)
	}
	return lost
}

// patiently runs f once in a transaction of its own, which gives way to others.
func (s *Store) patiently(ctx context.Context, f func(tx pgx.Tx) error) error {
	return pgtx.Once(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, patienceSQL); err != nil {
			return err
		}
		return f(tx)
	})
}

// patienceSQL is less than Postgres waits before it looks for a deadlock (deadlock_timeout, 1 second), so that it is f
// that gives way.
const patienceSQL = `
select set_config('lock_timeout', '300ms', true)`
