package entitlementspg

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/entitlements"
)

// usageSQL aggregates by bucket. What was taken back, and what took it back, counts in a sum alone.
const usageSQL = `
select b.n, %s
from unnest($3::timestamptz[], $4::timestamptz[]) with ordinality as b(first_at, end_at, n)
join lateral (
  select e.id, e.qty, e.occurred_at, e.metadata,
    e.corrects is null and not exists (
      select
      from tenon.usage_events c
      where c.tenant_id = e.tenant_id
        and c.corrects = e.id) as live
  from tenon.usage_events e
  where e.tenant_id = $1
    and e.feature_key = $2
    and e.occurred_at >= b.first_at
    and e.occurred_at < b.end_at) e on true
group by b.n
order by b.n`

var aggregates = map[entitlements.Aggregation]string{
	entitlements.Sum:    "sum(e.qty)::bigint",
	entitlements.Count:  "count(*) filter (where e.live)",
	entitlements.Max:    "greatest(max(e.qty) filter (where e.live), 0)",
	entitlements.Unique: "count(distinct e.metadata -> $5) filter (where e.live and e.metadata -> $5 <> 'null')",
	entitlements.Latest: "coalesce((array_agg(e.qty order by e.occurred_at desc, e.id desc) filter (where e.live))[1], 0)",
}

// Usage implements [entitlements.Reporter].
func (s *Store) Usage(ctx context.Context, q entitlements.UsageQuery) ([]entitlements.Bucket, error) {
	buckets := q.Buckets()
	starts, ends := make([]time.Time, len(buckets)), make([]time.Time, len(buckets))
	for i, b := range buckets {
		starts[i], ends[i] = b.Start, b.End
	}
	args := []any{q.Tenant, q.Feature, starts, ends}
	if q.Aggregation == entitlements.Unique {
		args = append(args, q.Property)
	}
	rows, err := s.db.Query(ctx, fmt.Sprintf(usageSQL, aggregates[q.Aggregation]), args...)
	filled, err := collect(rows, err, func(row pgx.CollectableRow) (entitlements.Bucket, error) {
		var n, value int64
		err := row.Scan(&n, &value)
		if err != nil {
			return entitlements.Bucket{}, err
		}
		b := buckets[n-1]
		b.Value = value
		return b, nil
	})
	return filled, translate(err)
}

const historySQL = `
select effective_at, plan_id, plan_version, status
from tenon.plan_history
where tenant_id = $1
order by effective_at`

// History implements [entitlements.Reporter].
func (s *Store) History(ctx context.Context, tenant string) ([]entitlements.Spell, error) {
	rows, err := s.db.Query(ctx, historySQL, tenant)
	spells, err := collect(rows, err, func(row pgx.CollectableRow) (h entitlements.Spell, err error) {
		var status string
		err = row.Scan(at(&h.From), &h.Plan, &h.Version, &status)
		h.Status = entitlements.Status(status)
		return h, err
	})
	return spells, translate(err)
}

const liveHoldsSQL = `
select ` + holdColumns + `
from tenon.holds h
left join lateral (
  select array_agg(grant_id::text order by grant_id) as grants, array_agg(qty order by grant_id) as qtys
  from tenon.grant_draws d
  where d.tenant_id = h.tenant_id
    and d.source_id = h.id) d on true
where h.tenant_id = $1
  and h.feature_key = $2
  and h.state = 'open'
  and h.expires_at > $3
order by h.created_at, h.id`

// Holds implements [entitlements.Reporter].
func (s *Store) Holds(ctx context.Context, tenant, feature string, now time.Time) ([]entitlements.StoredHold, error) {
	rows, err := s.db.Query(ctx, liveHoldsSQL, tenant, feature, now)
	holds, err := collect(rows, err, scanHold)
	return holds, translate(err)
}

// countedColumns counts a counter c anew from events, draws and open holds.
const countedColumns = `
  (select coalesce(sum(e.qty), 0)::bigint
   from tenon.usage_events e
   where e.tenant_id = c.tenant_id
     and e.feature_key = c.feature_key
     and e.occurred_at >= c.period_start
     and e.occurred_at < c.period_end) as real_used,
  (select coalesce(sum(h.qty), 0)::bigint
   from tenon.holds h
   where h.tenant_id = c.tenant_id
     and h.feature_key = c.feature_key
     and h.state = 'open'
     and h.created_at >= c.period_start
     and h.created_at < c.period_end) as real_held,
  (select coalesce(sum(d.qty), 0)::bigint
   from tenon.grant_draws d
   left join tenon.usage_events e on e.tenant_id = d.tenant_id and e.id = d.source_id
   left join tenon.holds h on h.tenant_id = d.tenant_id and h.id = d.source_id and h.state = 'open'
   where d.tenant_id = c.tenant_id
     and coalesce(e.feature_key, h.feature_key) = c.feature_key
     and coalesce(e.occurred_at, h.created_at) >= c.period_start
     and coalesce(e.occurred_at, h.created_at) < c.period_end) as real_granted`

const driftingCountersSQL = `
select *
from (
  select c.tenant_id, c.feature_key, c.period, c.period_start, c.used, c.held, c.granted,` + countedColumns + `
  from tenon.usage_counters c
  where ($1 = '' or c.tenant_id = $1)
    and c.period_start >= $2) c
where (used, held, granted) is distinct from (real_used, real_held, real_granted)
order by tenant_id, feature_key, period, period_start`

const driftingGrantsSQL = `
select *
from (
  select g.tenant_id, g.feature_key, g.id::text, g.used, g.held,
    coalesce(sum(d.qty) filter (where h.id is null), 0)::bigint as real_used,
    coalesce(sum(d.qty) filter (where h.id is not null), 0)::bigint as real_held
  from tenon.grants g
  left join tenon.grant_draws d on d.tenant_id = g.tenant_id and d.grant_id = g.id
  left join tenon.holds h on h.tenant_id = d.tenant_id and h.id = d.source_id and h.state = 'open'
  where $1 = '' or g.tenant_id = $1
  group by g.tenant_id, g.id) g
where (used, held) is distinct from (real_used, real_held)
order by tenant_id, id`

// Reconcile implements [entitlements.Reporter]. It reads one snapshot, in which counters and events were committed
// together, so use that goes on meanwhile is no drift. Counters that begin before the events that are still kept are
// left out.
func (s *Store) Reconcile(ctx context.Context, tenant string, repair bool) ([]entitlements.Drift, error) {
	from, err := s.keptFrom(ctx)
	if err != nil {
		return nil, err
	}
	drifts, err := s.drifts(ctx, tenant, from)
	if err != nil || !repair || len(drifts) == 0 {
		return drifts, translate(err)
	}
	tenants := map[string]bool{}
	for _, d := range drifts {
		if tenants[d.Tenant] {
			continue
		}
		tenants[d.Tenant] = true
		if err := s.inTx(ctx, func(tx pgx.Tx) error { return repairTenant(ctx, tx, d.Tenant, from) }); err != nil {
			return drifts, err
		}
	}
	return drifts, nil
}

// keptFrom is the time, by the database's clock, from which on no event was dropped.
func (s *Store) keptFrom(ctx context.Context) (time.Time, error) {
	if s.options.KeepEvents <= 0 {
		return unsealed, nil
	}
	now, err := s.Clock(ctx)
	return now.Add(-s.options.KeepEvents), err
}

func (s *Store) drifts(ctx context.Context, tenant string, from time.Time) (drifts []entitlements.Drift, err error) {
	note := func(d entitlements.Drift, what string, stored, counted int64) {
		if stored != counted {
			d.What, d.Stored, d.Counted = what, stored, counted
			drifts = append(drifts, d)
		}
	}
	b := &pgx.Batch{}
	b.Queue(driftingCountersSQL, tenant, from).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var d entitlements.Drift
			var text string
			var c, real entitlements.Counter
			if err := rows.Scan(&d.Tenant, &d.Feature, &text, at(&c.Start), &c.Used, &c.Held, &c.Granted, &real.Used, &real.Held, &real.Granted); err != nil {
				return err
			}
			name := "counter " + text + " " + c.Start.Format(time.RFC3339)
			note(d, name+" used", c.Used, real.Used)
			note(d, name+" held", c.Held, real.Held)
			note(d, name+" granted", c.Granted, real.Granted)
		}
		return rows.Err()
	})
	b.Queue(driftingGrantsSQL, tenant).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var d entitlements.Drift
			var id string
			var used, held, realUsed, realHeld int64
			if err := rows.Scan(&d.Tenant, &d.Feature, &id, &used, &held, &realUsed, &realHeld); err != nil {
				return err
			}
			note(d, "grant "+id+" used", used, realUsed)
			note(d, "grant "+id+" held", held, realHeld)
		}
		return rows.Err()
	})
	err = s.db.SendBatch(ctx, b).Close()
	return drifts, err
}

const lockTenantCountersSQL = `
select feature_key
from tenon.usage_counters
where tenant_id = $1
order by feature_key, period, period_start
for no key update`

const repairCountersSQL = `
update tenon.usage_counters t
set used = c.real_used, held = c.real_held, granted = c.real_granted, sealed_until = $3
from (
  select c.tenant_id, c.feature_key, c.period, c.period_start,` + countedColumns + `
  from tenon.usage_counters c
  where c.tenant_id = $1
    and c.period_start >= $2) c
where t.tenant_id = c.tenant_id
  and t.feature_key = c.feature_key
  and t.period = c.period
  and t.period_start = c.period_start
  and (t.used, t.held, t.granted) is distinct from (c.real_used, c.real_held, c.real_granted)`

const repairGrantsSQL = `
update tenon.grants g
set used = d.used, held = d.held
from (
  select g.id, coalesce(sum(d.qty) filter (where h.id is null), 0)::bigint as used,
    coalesce(sum(d.qty) filter (where h.id is not null), 0)::bigint as held
  from tenon.grants g
  left join tenon.grant_draws d on d.tenant_id = g.tenant_id and d.grant_id = g.id
  left join tenon.holds h on h.tenant_id = d.tenant_id and h.id = d.source_id and h.state = 'open'
  where g.tenant_id = $1
  group by g.id) d
where g.tenant_id = $1
  and g.id = d.id`

// repairTenant counts the tenant's counters and grants anew, under the locks that keep everybody else out.
func repairTenant(ctx context.Context, tx pgx.Tx, tenant string, from time.Time) error {
	b := &pgx.Batch{}
	b.Queue(lockEntitlementSQL, tenant)
	b.Queue(lockTenantCountersSQL, tenant)
	b.Queue(repairCountersSQL, tenant, from, unsealed)
	b.Queue(repairGrantsSQL, tenant)
	return tx.SendBatch(ctx, b).Close()
}
