package gdprpg

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/transbotai/tenon/internal/pgtx"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/migrations"
)

// Options of a [Store]. The zero value of each field has the documented meaning.
type Options struct {
	// Notifier makes the notifier that is told of requests, in the transaction that changes them; its error undoes the
	// change. Nil: nobody is told.
	Notifier func(pgx.Tx) tenon.Notifier
	// Recorder makes the recorder that is told of each step, in its transaction; its error undoes the change. Nil:
	// nobody is told.
	Recorder func(pgx.Tx) tenon.Recorder
}

// Store keeps requests and legal holds in Postgres.
type Store struct {
	db      DB
	options Options
}

var (
	_ gdpr.Store     = (*Store)(nil)
	_ tenon.Clock    = (*Store)(nil)
	_ tenon.Starter  = (*Store)(nil)
	_ tenon.Exporter = (*Store)(nil)
	_ tenon.Eraser   = (*Store)(nil)
)

// New returns a store on db. On a pgx.Tx every call is a statement of that transaction. New does no I/O and starts
// nothing.
func New(db DB, opts *Options) *Store {
	s := &Store{db: db}
	if opts != nil {
		s.options = *opts
	}
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

// requestColumns are those of a request, in the order in which scanRequest reads them.
const requestColumns = `q.tenant_id, q.id::text, q.next_at, q.lease, q.lease_until, q.body`

const loadRequestsSQL = `
select ` + requestColumns + `
from tenon.gdpr_requests q
where q.tenant_id = $1
order by q.id`

const loadHoldsSQL = `
select tenant_id, id::text, body
from tenon.gdpr_holds
where tenant_id = $1
order by id`

// lockCaseSQL comes before the rows' own locks, since a case may have none yet.
const lockCaseSQL = `
select pg_advisory_xact_lock(hashtextextended('tenon.gdpr ' || $1, 0))`

// Load implements [gdpr.Store].
func (s *Store) Load(ctx context.Context, tenant string) (*gdpr.Case, error) {
	b := &pgx.Batch{}
	b.Queue(loadRequestsSQL, tenant)
	b.Queue(loadHoldsSQL, tenant)
	c, err := readCase(s.db.SendBatch(ctx, b), tenant)
	return c, translate(err)
}

// lockCase takes the case's lock, and those of its requests, so that nobody leases one meanwhile.
func lockCase(ctx context.Context, tx pgx.Tx, tenant string) (*gdpr.Case, error) {
	if _, err := tx.Exec(ctx, lockCaseSQL, tenant); err != nil {
		return nil, err
	}
	b := &pgx.Batch{}
	b.Queue(loadRequestsSQL+"\nfor no key update", tenant)
	b.Queue(loadHoldsSQL, tenant)
	return readCase(tx.SendBatch(ctx, b), tenant)
}

func readCase(results pgx.BatchResults, tenant string) (*gdpr.Case, error) {
	c := &gdpr.Case{Tenant: tenant}
	err := func() (err error) {
		rows, err := results.Query()
		if err != nil {
			return err
		}
		if c.Requests, err = pgx.CollectRows(rows, scanRequest); err != nil {
			return err
		}
		if rows, err = results.Query(); err != nil {
			return err
		}
		c.Holds, err = pgx.CollectRows(rows, scanHold)
		return err
	}()
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	return c, err
}

func scanRequest(row pgx.CollectableRow) (gdpr.Request, error) {
	var r gdpr.Request
	var next, until *time.Time
	var key gdpr.Key
	var lease string
	var body []byte
	if err := row.Scan(&key.Tenant, &key.ID, &next, &lease, &until, &body); err != nil {
		return r, err
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return r, fmt.Errorf("request %s: %w", key.ID, err)
	}
	r.Key, r.Lease, r.NextAt, r.LeaseUntil = key, lease, instant(next), instant(until)
	return r, nil
}

func scanHold(row pgx.CollectableRow) (gdpr.Hold, error) {
	var h gdpr.Hold
	var key gdpr.Key
	var body []byte
	if err := row.Scan(&key.Tenant, &key.ID, &body); err != nil {
		return h, err
	}
	if err := json.Unmarshal(body, &h); err != nil {
		return h, fmt.Errorf("hold %s: %w", key.ID, err)
	}
	h.Key = key
	return h, nil
}

// Change implements [gdpr.Store].
func (s *Store) Change(ctx context.Context, tenant string, edit gdpr.Edit) (after *gdpr.Case, err error) {
	err = inTx(ctx, s.db, func(tx pgx.Tx) error {
		before, err := lockCase(ctx, tx, tenant)
		if err != nil {
			return err
		}
		after = before.Clone()
		effects, err := edit(after)
		if err != nil {
			return pgerr.Hosts(err)
		}
		after.Tidy()
		if err := s.tell(ctx, tx, effects); err != nil {
			return pgerr.Hosts(err)
		}
		return write(ctx, tx, before, after)
	})
	if err != nil {
		return nil, err
	}
	return after, nil
}

// tell comes before anything is written, so that an error of the host's leaves a caller's transaction as it was.
func (s *Store) tell(ctx context.Context, tx pgx.Tx, e gdpr.Effects) error {
	return pgtx.Tell(ctx, tx, s.options.Recorder, s.options.Notifier, e.Changes, e.Notifications)
}

const putRequestSQL = `
insert into tenon.gdpr_requests (tenant_id, id, closed, due_at, next_at, lease, lease_until, body)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (tenant_id, id) do update
set closed = excluded.closed,
  due_at = excluded.due_at,
  next_at = excluded.next_at,
  lease = excluded.lease,
  lease_until = excluded.lease_until,
  body = excluded.body`

const dropRequestSQL = `
delete from tenon.gdpr_requests
where tenant_id = $1
  and id = $2`

const putHoldSQL = `
insert into tenon.gdpr_holds (tenant_id, id, body)
values ($1, $2, $3)
on conflict (tenant_id, id) do update
set body = excluded.body`

const dropHoldSQL = `
delete from tenon.gdpr_holds
where tenant_id = $1
  and id = $2`

// write stores what differs.
func write(ctx context.Context, tx pgx.Tx, before, after *gdpr.Case) error {
	b := &pgx.Batch{}
	err := differences(before.Requests, after.Requests, func(r gdpr.Request) gdpr.Key { return r.Key }, func(r gdpr.Request) error {
		body, err := json.Marshal(r)
		b.Queue(putRequestSQL, r.Tenant, r.ID, r.State.Closed(), r.DueAt, null(r.NextAt), r.Lease, null(r.LeaseUntil), string(body))
		return err
	}, func(k gdpr.Key) { b.Queue(dropRequestSQL, k.Tenant, k.ID) })
	if err != nil {
		return err
	}
	err = differences(before.Holds, after.Holds, func(h gdpr.Hold) gdpr.Key { return h.Key }, func(h gdpr.Hold) error {
		body, err := json.Marshal(h)
		b.Queue(putHoldSQL, h.Tenant, h.ID, string(body))
		return err
	}, func(k gdpr.Key) { b.Queue(dropHoldSQL, k.Tenant, k.ID) })
	if err != nil || b.Len() == 0 {
		return err
	}
	return tx.SendBatch(ctx, b).Close()
}

// differences calls put for what is new or changed, and gone for what is no longer there.
func differences[V any](before, after []V, key func(V) gdpr.Key, put func(V) error, gone func(gdpr.Key)) error {
	old := make(map[gdpr.Key]V, len(before))
	for _, v := range before {
		old[key(v)] = v
	}
	for _, v := range after {
		was, ok := old[key(v)]
		delete(old, key(v))
		if ok && reflect.DeepEqual(was, v) {
			continue
		}
		if err := put(v); err != nil {
			return err
		}
	}
	for _, v := range before { // in their order, not the map's
		if _, left := old[key(v)]; left {
			gone(key(v))
		}
	}
	return nil
}

// null returns t for a column that is null when there is none.
func null(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return tenon.Instant(*t)
}
