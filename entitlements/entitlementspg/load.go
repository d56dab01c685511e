package entitlementspg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

const presentCountersSQL = `
select tenant_id, feature_key, period, period_start, period_end, used, held, granted
from tenon.usage_counters
where tenant_id = any ($1::text[])
  and period_start <= $2
  and period_end > $2`

const lapsedHoldsSQL = `
select ` + holdColumns + `
from tenon.holds h
left join lateral (
  select array_agg(grant_id::text order by grant_id) as grants, array_agg(qty order by grant_id) as qtys
  from tenon.grant_draws d
  where d.tenant_id = h.tenant_id
    and d.source_id = h.id) d on true
where h.tenant_id = any ($1::text[])
  and h.state = 'open'
  and h.expires_at <= $2`

// leanSQL reads all that most tenants have in one statement, and says which of them have more.
const leanSQL = `
select t.tenant_id, coalesce(e.plan_id, ''), coalesce(e.plan_version, 0), coalesce(e.status, ''), e.started_at,
  e.trial_ends_at, coalesce(e.trial_used, false), e.anchor, e.current_period_start, e.current_period_end, e.grace_until,
  e.access_until, e.next_at, coalesce(e.next_plan_id, ''), coalesce(e.next_plan_version, 0),
  coalesce(e.stripe_customer_id, ''), coalesce(e.stripe_subscription_id, ''), coalesce(e.revision, 0),
  exists (select from tenon.overrides o where o.tenant_id = t.tenant_id)
    or exists (select from tenon.org_addons a where a.tenant_id = t.tenant_id)
    or exists (select from tenon.grants g where g.tenant_id = t.tenant_id)
    or exists (select from tenon.holds h where h.tenant_id = t.tenant_id and h.state = 'open' and h.expires_at <= $2),
  c.features, c.periods, c.starts, c.ends, c.used, c.held, c.granted
from unnest($1::text[]) with ordinality as t(tenant_id, n)
left join tenon.org_entitlements e on e.tenant_id = t.tenant_id
cross join lateral (
  select array_agg(feature_key) as features, array_agg(period) as periods, array_agg(period_start) as starts,
    array_agg(period_end) as ends, array_agg(used) as used, array_agg(held) as held, array_agg(granted) as granted
  from tenon.usage_counters u
  where u.tenant_id = t.tenant_id
    and u.period_start <= $2
    and u.period_end > $2) c
order by t.n`

// plannedOnceSQL keeps Postgres from planning leanSQL anew each time, which takes longer than carrying it out. It lasts
// until the end of the statement's own transaction, and is not sent in a caller's.
const plannedOnceSQL = `
select set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true)`

// Load implements [entitlements.Store], in one round trip and one statement; a second round trip reads those tenants
// that have more than a plan.
func (s *Store) Load(ctx context.Context, tenants []string, now time.Time) ([]entitlements.Standing, error) {
	standings, more, err := s.loadLean(ctx, tenants, now)
	if err != nil || len(more) == 0 {
		return standings, translate(err)
	}
	names := make([]string, len(more))
	for i, at := range more {
		names[i] = tenants[at]
	}
	whole, err := s.loadWhole(ctx, names, now)
	for i := range whole {
		standings[more[i]] = whole[i]
	}
	return standings, translate(err)
}

// loadLean returns the standings, and the places of the tenants that have more.
func (s *Store) loadLean(ctx context.Context, tenants []string, now time.Time) (standings []entitlements.Standing, more []int, err error) {
	b := &pgx.Batch{}
	if !s.bound {
		b.Queue(plannedOnceSQL)
	}
	b.Queue(leanSQL, tenants, now).Query(func(rows pgx.Rows) error {
		periods := periodReader{}
		for rows.Next() {
			var e entitlementRow
			var has bool
			var c counterArrays
			if err := rows.Scan(append(e.targets(), append([]any{&has}, c.targets()...)...)...); err != nil {
				return err
			}
			rights := &entitlements.Rights{Tenant: e.tenant}
			if e.entitlement.Plan != "" {
				e.put(rights)
			}
			counters, err := c.counters(periods)
			if err != nil {
				return err
			}
			if has {
				more = append(more, len(standings))
			}
			standings = append(standings, entitlements.Standing{Rights: rights, Counters: counters})
		}
		return rows.Err()
	})
	err = s.db.SendBatch(ctx, b).Close()
	return standings, more, err
}

// counterArrays are the counters of one tenant, a column each.
type counterArrays struct {
	features, periods   []string
	starts, ends        []time.Time
	used, held, granted []int64
}

func (a *counterArrays) targets() []any {
	return []any{&a.features, &a.periods, &a.starts, &a.ends, &a.used, &a.held, &a.granted}
}

func (a *counterArrays) counters(periods periodReader) (map[string][]entitlements.Counter, error) {
	counters := make(map[string][]entitlements.Counter, len(a.features))
	for i, feature := range a.features {
		p, err := periods.read(a.periods[i])
		if err != nil {
			return nil, err
		}
		counters[feature] = append(counters[feature], entitlements.Counter{
			CounterKey: entitlements.CounterKey{Period: p, Start: tenon.Instant(a.starts[i])},
			End:        tenon.Instant(a.ends[i]), Used: a.used[i], Held: a.held[i], Granted: a.granted[i],
		})
	}
	return counters, nil
}

// periodReader parses each text of a period once.
type periodReader map[string]entitlements.Period

func (r periodReader) read(text string) (entitlements.Period, error) {
	p, ok := r[text]
	if ok {
		return p, nil
	}
	p, err := entitlements.ParsePeriod(text)
	r[text] = p
	return p, err
}

// loadWhole reads everything, in one round trip. The transaction is spelled out in the batch so that all of it reads one
// snapshot.
func (s *Store) loadWhole(ctx context.Context, tenants []string, now time.Time) ([]entitlements.Standing, error) {
	rights := newRightsReader(tenants)
	counters := make(map[string]map[string][]entitlements.Counter, len(tenants))
	b := &pgx.Batch{}
	if !s.bound {
		b.Queue("begin isolation level repeatable read, read only")
	}
	b.Queue(entitlementsSQL, tenants).Query(rights.entitlements)
	rights.queue(b, tenants)
	b.Queue(presentCountersSQL, tenants, now).Query(func(rows pgx.Rows) error { return readCounters(rows, counters) })
	var lapsed []entitlements.StoredHold
	b.Queue(lapsedHoldsSQL, tenants, now).Query(func(rows pgx.Rows) (err error) {
		lapsed, err = pgx.CollectRows(rows, scanHold)
		return err
	})
	if !s.bound {
		b.Queue("commit")
	}
	if err := s.db.SendBatch(ctx, b).Close(); err != nil {
		return nil, err
	}
	standings := make([]entitlements.Standing, len(tenants))
	for i, t := range tenants {
		standings[i] = entitlements.Standing{Rights: rights[t], Counters: counters[t]}
		standings[i].Lapse(lapsed, now)
	}
	return standings, nil
}

func readCounters(rows pgx.Rows, counters map[string]map[string][]entitlements.Counter) error {
	periods := periodReader{}
	for rows.Next() {
		var tenant, feature, text string
		var c entitlements.Counter
		if err := rows.Scan(&tenant, &feature, &text, &c.Start, &c.End, &c.Used, &c.Held, &c.Granted); err != nil {
			return err
		}
		var err error
		if c.Period, err = periods.read(text); err != nil {
			return err
		}
		c.Start, c.End = tenon.Instant(c.Start), tenon.Instant(c.End)
		if counters[tenant] == nil {
			counters[tenant] = map[string][]entitlements.Counter{}
		}
		counters[tenant][feature] = append(counters[tenant][feature], c)
	}
	return rows.Err()
}
