package notifypg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/notify"
)

// admitted bounds how many new entries one claim queues.
const admitted = 1000

// admitSQL puts new entries into their queues, in the order in which they were written. One worker at a time does so
// for a destination, or a second one might queue and deliver a later entry of a group before an earlier one; who does
// not get the lock leaves it to who has it.
//
// A group may be removed by another claim meanwhile. "do update" then waits for it and writes the group anew, where "do
// nothing" would leave an entry without a queue.
const admitSQL = `
with mine as materialized (
  select pg_try_advisory_xact_lock(hashtextextended('tenon.notify.admit ' || $1::text, 0)) as got),
fresh as materialized (
  select n.tenant_id, n.id, n.destination, n.group_key
  from tenon.notifications n
  where (select got from mine)
    and n.destination = $1
    and n.state = 'new'
  order by n.seq
  limit $2
  for update skip locked),
opened as (
  insert into tenon.notification_groups as g (tenant_id, destination, group_key, ready_at)
  select distinct f.tenant_id, f.destination, f.group_key, '-infinity'::timestamptz
  from fresh f
  order by f.tenant_id, f.destination, f.group_key
  on conflict (tenant_id, destination, group_key) do update set ready_at = g.ready_at)
update tenon.notifications n
set state = 'queued'
from fresh f
where n.tenant_id = f.tenant_id
  and n.id = f.id`

const leaseSQL = `
with free as materialized (
  select g.tenant_id, g.destination, g.group_key
  from tenon.notification_groups g
  where g.destination = $1
    and g.ready_at <= $3
    and (g.lease_until is null or g.lease_until <= $3)
  order by g.ready_at
  limit $5
  for update skip locked)
update tenon.notification_groups g
set lease = $2::text::uuid,
  lease_until = $4
from free f
where g.tenant_id = f.tenant_id
  and g.destination = f.destination
  and g.group_key = f.group_key`

// headsSQL runs after leaseSQL, as a statement of its own: it sees what was queued before the groups were locked.
const headsSQL = `
select ` + columns + `
from tenon.notification_groups g
cross join lateral (
  select *
  from tenon.notifications n
  where n.tenant_id = g.tenant_id
    and n.destination = g.destination
    and n.group_key = g.group_key
    and n.state = 'queued'
  order by n.seq
  limit 1) n
where g.lease = $1::text::uuid
order by g.ready_at, n.seq`

// removeEmptySQL removes leased groups that turned out to hold nothing.
const removeEmptySQL = `
delete from tenon.notification_groups g
where g.lease = $1::text::uuid
  and not exists (
    select
    from tenon.notifications n
    where n.tenant_id = g.tenant_id
      and n.destination = g.destination
      and n.group_key = g.group_key
      and n.state = 'queued')`

// Claim implements [notify.Store]. Each look for work is one round trip and one transaction. An error may leave groups
// leased until c.Until.
func (s *Store) Claim(ctx context.Context, c notify.Claim) ([]notify.Entry, error) {
	wanted := c.Limit
	var heads []notify.Entry
	for {
		c.Limit = wanted - len(heads)
		found, removed, err := s.claim(ctx, c)
		if err != nil {
			if len(heads) > 0 {
				return heads, nil // leased and known; the next claim meets the error
			}
			return nil, translate(err)
		}
		heads = found // with those of the looks before, which have the same lease
		if removed == 0 || len(heads) >= wanted {
			return heads, nil
		}
		// Some groups were empty. Others may wait behind them.
	}
}

func (s *Store) claim(ctx context.Context, c notify.Claim) (heads []notify.Entry, removed int64, err error) {
	b := &pgx.Batch{}
	b.Queue(admitSQL, c.Destination, admitted)
	b.Queue(leaseSQL, c.Destination, c.Lease, c.Now, c.Until, c.Limit)
	b.Queue(headsSQL, c.Lease).Query(func(rows pgx.Rows) (err error) {
		heads, err = pgx.CollectRows(rows, scanEntry)
		return err
	})
	b.Queue(removeEmptySQL, c.Lease).Exec(func(tag pgconn.CommandTag) error {
		removed = tag.RowsAffected()
		return nil
	})
	return heads, removed, s.db.SendBatch(ctx, b).Close()
}

// settleEntriesSQL locks the groups in the order of their keys before it writes, and passes over those that somebody
// else has leased since. It does not say state = 'queued': a planner that knows the table as small would then read the
// whole queue of a tenant for it (notifications_queue) instead of one row by its key.
const settleEntriesSQL = `
with results as materialized (
  select *
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::timestamptz[])
    as u(tenant_id, destination, group_key, id, lease, state, last_error, ended_at)),
mine as materialized (
  select g.tenant_id, g.destination, g.group_key
  from tenon.notification_groups g
  join results r on r.tenant_id = g.tenant_id
    and r.destination = g.destination
    and r.group_key = g.group_key
    and r.lease = g.lease
  order by g.tenant_id, g.destination, g.group_key
  for no key update of g)
update tenon.notifications n
set state = r.state,
  attempts = n.attempts + 1,
  last_error = r.last_error,
  tried_at = r.ended_at,
  settled_at = case when r.state <> 'queued' then r.ended_at end
from results r
join mine m on m.tenant_id = r.tenant_id
  and m.destination = r.destination
  and m.group_key = r.group_key
where n.tenant_id = r.tenant_id
  and n.id = r.id::uuid
  and n.settled_at is null`

// removeSettledSQL removes groups of which nothing is left. It runs after settleEntriesSQL has locked them, as a statement
// of its own, so that it sees what was queued until then; who queues more waits for the lock, and writes the group anew.
const removeSettledSQL = `
delete from tenon.notification_groups g
using unnest($1::text[], $2::text[], $3::text[], $4::uuid[]) as r(tenant_id, destination, group_key, lease)
where g.tenant_id = r.tenant_id
  and g.destination = r.destination
  and g.group_key = r.group_key
  and g.lease = r.lease
  and not exists (
    select
    from tenon.notifications n
    where n.tenant_id = g.tenant_id
      and n.destination = g.destination
      and n.group_key = g.group_key
      and n.state = 'queued')`

const endLeasesSQL = `
update tenon.notification_groups g
set lease = null,
  lease_until = null,
  ready_at = r.ready_at
from unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::timestamptz[])
  as r(tenant_id, destination, group_key, lease, ready_at)
where g.tenant_id = r.tenant_id
  and g.destination = r.destination
  and g.group_key = r.group_key
  and g.lease = r.lease`

// Settle implements [notify.Store], in one round trip and one transaction.
func (s *Store) Settle(ctx context.Context, results []notify.Result) error {
	var tenants, destinations, groups, ids, leases, states, errs []string
	var ended, ready []time.Time
	for _, r := range results {
		e := r.Entry
		tenants, destinations, groups = append(tenants, e.Notification.Tenant), append(destinations, e.Destination), append(groups, e.Group)
		ids, leases, errs, ended = append(ids, e.ID), append(leases, r.Lease), append(errs, r.Error), append(ended, r.At)
		state, due := string(r.State), r.At
		if r.State == notify.Pending {
			state, due = "queued", r.Due
		}
		states, ready = append(states, state), append(ready, due)
	}
	b := &pgx.Batch{}
	b.Queue(settleEntriesSQL, tenants, destinations, groups, ids, leases, states, errs, ended)
	b.Queue(removeSettledSQL, tenants, destinations, groups, leases)
	b.Queue(endLeasesSQL, tenants, destinations, groups, leases, ready)
	return translate(s.db.SendBatch(ctx, b).Close())
}

// What was delivered is most of the table, and is left out by the index notifications_open.
const tallySQL = `
select n.destination,
  count(*) filter (where n.state in ('new', 'queued')),
  count(*) filter (where n.state = 'dead'),
  min(n.pending_since) filter (where n.state in ('new', 'queued')),
  coalesce((array_agg(n.last_error order by n.tried_at desc) filter (where n.last_error <> ''))[1], '')
from tenon.notifications n
where n.state <> 'delivered'
group by n.destination
order by n.destination`

// Tally implements [notify.Store].
func (s *Store) Tally(ctx context.Context) ([]notify.Tally, error) {
	rows, err := s.db.Query(ctx, tallySQL)
	if err != nil {
		return nil, translate(err)
	}
	tallies, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t notify.Tally, err error) {
		var oldest *time.Time
		err = row.Scan(&t.Destination, &t.Pending, &t.Dead, &oldest, &t.LastError)
		if oldest != nil {
			t.Oldest = tenon.Instant(*oldest)
		}
		return t, err
	})
	return tallies, translate(err)
}

const pruneSQL = `
delete from tenon.notifications
where ctid = any (array(
  select ctid
  from tenon.notifications
  where settled_at < $1
  limit $2
  for update skip locked))`

// Prune implements [notify.Store].
func (s *Store) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	tag, err := s.db.Exec(ctx, pruneSQL, before, limit)
	return int(tag.RowsAffected()), translate(err)
}
