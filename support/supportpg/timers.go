package supportpg

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/support"
)

// querier is what a statement needs.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Touched_by tells the worker that has the timer under a lease that its own transaction did this. A timer that had no
// lease was taken from the worker by somebody else before; then it must not take that for its own doing.
const scheduleSQL = `
insert into tenon.timers as t (tenant_id, key, kind, payload, at, ready_at)
select u.tenant_id, u.key, u.kind, nullif(u.payload, '')::json, u.at, u.at
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[]) as u(tenant_id, key, kind, payload, at)
on conflict (tenant_id, key) do update
set kind = excluded.kind, payload = excluded.payload, at = excluded.at, ready_at = excluded.ready_at, attempts = 0,
  touched_by = case when t.lease is not null or t.touched_by = pg_current_xact_id() then pg_current_xact_id() end,
  lease = null, lease_until = null, cancelled = false, last_error = '', dead_at = null`

// Schedule implements [support.TimerStore].
func (s *Store) Schedule(ctx context.Context, timers []support.Timer) error {
	return translate(schedule(ctx, s.db, timers))
}

// schedule writes timers in the order of their keys, in which all lock them.
func schedule(ctx context.Context, db querier, timers []support.Timer) error {
	if len(timers) == 0 {
		return nil
	}
	last := slices.Clone(timers)
	slices.Reverse(last)
	slices.SortStableFunc(last, func(a, b support.Timer) int { return compareRefs(a.TimerRef, b.TimerRef) })
	last = slices.CompactFunc(last, func(a, b support.Timer) bool { return a.TimerRef == b.TimerRef })
	n := len(last)
	tenants, keys, kinds, payloads := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	times := make([]time.Time, n)
	for i, t := range last {
		tenants[i], keys[i], kinds[i], payloads[i], times[i] = t.Tenant, t.Key, t.Kind, string(t.Payload), t.At
	}
	rows, err := db.Query(ctx, scheduleSQL, tenants, keys, kinds, payloads, times)
	if err != nil {
		return err
	}
	rows.Close()
	return rows.Err()
}

func compareRefs(a, b support.TimerRef) int {
	return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Key, b.Key))
}

// A timer under a lease, or one that this transaction itself has touched, stays as a mark for the worker that has it.
const cancelSQL = `
with locked as materialized (
  select t.tenant_id, t.key, t.lease is not null or coalesce(t.touched_by = pg_current_xact_id(), false) as held
  from tenon.timers t
  join unnest($1::text[], $2::text[]) as u(tenant_id, key) on u.tenant_id = t.tenant_id and u.key = t.key
  where not t.cancelled
  order by t.tenant_id, t.key
  for update of t),
marked as (
  update tenon.timers t
  set cancelled = true, lease = null, lease_until = coalesce(t.lease_until, clock_timestamp()),
    touched_by = pg_current_xact_id()
  from locked l
  where t.tenant_id = l.tenant_id
    and t.key = l.key
    and l.held),
removed as (
  delete from tenon.timers t
  using locked l
  where t.tenant_id = l.tenant_id
    and t.key = l.key
    and not l.held)
select count(*)
from locked`

// Cancel implements [support.TimerStore].
func (s *Store) Cancel(ctx context.Context, refs []support.TimerRef) (int, error) {
	n, err := cancelTimers(ctx, s.db, refs)
	return n, translate(err)
}

func cancelTimers(ctx context.Context, db querier, refs []support.TimerRef) (n int, err error) {
	if len(refs) == 0 {
		return 0, nil
	}
	refs = slices.Clone(refs)
	slices.SortFunc(refs, compareRefs)
	tenants, keys := refLists(slices.Compact(refs))
	err = db.QueryRow(ctx, cancelSQL, tenants, keys).Scan(&n)
	return n, err
}

func refLists(refs []support.TimerRef) (tenants, keys []string) {
	tenants, keys = make([]string, len(refs)), make([]string, len(refs))
	for i, ref := range refs {
		tenants[i], keys[i] = ref.Tenant, ref.Key
	}
	return tenants, keys
}

// The oldest timer of each kind is found by one look at the index; then the rows are locked, and marked by their place.
// A claim that a crash of the server forgets is made again, so it need not wait for the disk.
const claimSQL = `
with moment as materialized (
  select clock_timestamp() as now, set_config('synchronous_commit', 'off', true)),
head as materialized (
  select k.kind, first.attempts
  from unnest($1::text[]) as k(kind)
  cross join lateral (
    select t.ready_at, t.attempts
    from tenon.timers t
    where t.kind = k.kind
      and t.dead_at is null
      and not t.cancelled
      and t.ready_at <= (select now from moment)
      and (t.lease_until is null or t.lease_until <= (select now from moment))
    order by t.ready_at
    limit 1) as first
  order by first.ready_at
  limit 1),
due as materialized (
  select t.ctid as place
  from tenon.timers t
  where t.kind = (select kind from head)
    and t.dead_at is null
    and not t.cancelled
    and t.ready_at <= (select now from moment)
    and (t.lease_until is null or t.lease_until <= (select now from moment))
    and (t.attempts = 0 or (select attempts from head) > 0)
  order by t.ready_at
  limit (select case when attempts > 0 then 1 else $2::int end from head)
  for update skip locked)
update tenon.timers t
set lease = $3, lease_until = m.now + $4, attempts = t.attempts + 1, touched_by = null
from moment m
where t.ctid = any (array(select place from due))
returning t.tenant_id, t.key, t.kind, t.payload, t.at, t.attempts, t.ctid::text, m.now`

const nextSQL = `
select min(first.ready_at), clock_timestamp()
from unnest($1::text[]) as k(kind)
cross join lateral (
  select t.ready_at
  from tenon.timers t
  where t.kind = k.kind
    and t.dead_at is null
    and not t.cancelled
    and t.ready_at > clock_timestamp()
  order by t.ready_at
  limit 1) as first`

// Claim implements [support.TimerStore].
func (s *Store) Claim(ctx context.Context, c support.Claim) (support.Claimed, error) {
	got := support.Claimed{Next: -1}
	rows, err := s.db.Query(ctx, claimSQL, c.Kinds, c.Limit, c.Lease, c.For)
	if err != nil {
		return got, translate(err)
	}
	defer rows.Close()
	for rows.Next() {
		var h support.Held
		var payload []byte
		if err := rows.Scan(&h.Tenant, &h.Key, &h.Kind, &payload, &h.At, &h.Attempts, &h.Place, &got.Now); err != nil {
			return got, translate(err)
		}
		h.At, h.Payload = tenon.Instant(h.At), payload
		got.Timers = append(got.Timers, h)
	}
	if err := rows.Err(); err != nil {
		return got, translate(err)
	}
	if len(got.Timers) == 0 {
		return s.next(ctx, c.Kinds)
	}
	got.Now = tenon.Instant(got.Now)
	slices.SortStableFunc(got.Timers, func(a, b support.Held) int { return a.At.Compare(b.At) })
	return got, nil
}

// next says when something is due.
func (s *Store) next(ctx context.Context, kinds []string) (support.Claimed, error) {
	var at *time.Time
	got := support.Claimed{Next: -1}
	err := s.db.QueryRow(ctx, nextSQL, kinds).Scan(&at, &got.Now)
	if at != nil {
		got.Next = max(at.Sub(got.Now), 0)
	}
	got.Now = tenon.Instant(got.Now)
	return got, translate(err)
}

const (
	// The name is asked for too: where the table was written anew meanwhile, another row may stand in the place.
	finishSQL = `
delete from tenon.timers
where ctid = any ($1::text[]::tid[])
  and lease = $2
  and (tenant_id, key) in (select * from unnest($3::text[], $4::text[]))`

	// What this transaction itself did to timers that it has.
	touchedSQL = `
select count(*)
from tenon.timers t
join unnest($1::text[], $2::text[]) as u(tenant_id, key) on u.tenant_id = t.tenant_id and u.key = t.key
where t.touched_by = pg_current_xact_id()`
)

// Work implements [support.TimerStore].
func (s *Store) Work(
	ctx context.Context, lease string, held []support.Held, f func(ctx context.Context, s support.Store) error,
) error {
	places, refs := make([]string, len(held)), make([]support.TimerRef, len(held))
	for i, h := range held {
		places[i], refs[i] = h.Place, h.TimerRef
	}
	tenants, keys := refLists(refs)
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if err := f(ctx, s.on(tx)); err != nil {
			return pgerr.Hosts(err)
		}
		tag, err := tx.Exec(ctx, finishSQL, places, lease, tenants, keys)
		if err != nil {
			return err
		}
		if gone := len(held) - int(tag.RowsAffected()); gone > 0 {
			return checkOwn(ctx, tx, tenants, keys, gone)
		}
		return nil
	})
}

// checkOwn returns ErrLost unless so many of the timers were taken from us by ourselves.
func checkOwn(ctx context.Context, tx pgx.Tx, tenants, keys []string, gone int) error {
	var own int
	if err := tx.QueryRow(ctx, touchedSQL, tenants, keys).Scan(&own); err != nil {
		return err
	}
	if own != gone {
		return support.ErrLost
	}
	return nil
}

const failSQL = `
update tenon.timers t
set lease = null, lease_until = null, touched_by = null,
  attempts = t.attempts - case when u.undo then 1 else 0 end,
  ready_at = case when u.undo or u.dead then t.ready_at else clock_timestamp() + u.after end,
  last_error = case when u.undo then t.last_error else u.reason end,
  dead_at = case when u.dead then clock_timestamp() end
from unnest($2::text[], $3::text[], $4::interval[], $5::boolean[], $6::boolean[], $7::text[], $8::text[])
  as u(place, reason, after, dead, undo, tenant_id, key)
where t.ctid = u.place::tid
  and t.lease = $1
  and t.tenant_id = u.tenant_id
  and t.key = u.key`

// Fail implements [support.TimerStore].
func (s *Store) Fail(ctx context.Context, lease string, failures []support.Failure) error {
	n := len(failures)
	places, reasons, after := make([]string, n), make([]string, n), make([]time.Duration, n)
	dead, undo, refs := make([]bool, n), make([]bool, n), make([]support.TimerRef, n)
	for i, f := range failures {
		places[i], reasons[i], after[i], dead[i], undo[i] = f.Held.Place, clean(f.Reason), f.After, f.Dead, f.Undo
		refs[i] = f.Held.TimerRef
	}
	tenants, keys := refLists(refs)
	_, err := s.db.Exec(ctx, failSQL, lease, places, reasons, after, dead, undo, tenants, keys)
	return translate(err)
}

// Tx returns the transaction that a store is in: the one that a handler of timers is handed, or one made by [New] on a
// pgx.Tx. It returns false for any other.
func Tx(s support.Store) (pgx.Tx, bool) {
	own, ok := s.(*Store)
	if !ok || !own.bound {
		return nil, false
	}
	return own.db.(pgx.Tx), true
}

var errNoTx = errors.New("supportpg: the timers are not kept by this package")

// Each makes the handler of a [support.Job] of a function that writes in the transaction that ends the timer.
func Each(
	f func(ctx context.Context, tx pgx.Tx, t support.Timer) error,
) func(context.Context, support.Store, support.Timer) error {
	return func(ctx context.Context, s support.Store, t support.Timer) error {
		tx, ok := Tx(s)
		if !ok {
			return errNoTx
		}
		return f(ctx, tx, t)
	}
}

// Batch is [Each] for many timers at once.
func Batch(
	f func(ctx context.Context, tx pgx.Tx, timers []support.Timer) error,
) func(context.Context, support.Store, []support.Timer) error {
	return func(ctx context.Context, s support.Store, timers []support.Timer) error {
		tx, ok := Tx(s)
		if !ok {
			return errNoTx
		}
		return f(ctx, tx, timers)
	}
}
