package entitlementspg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/entitlements"
)

const entitlementColumns = `tenant_id, plan_id, plan_version, status, started_at, trial_ends_at, trial_used, anchor,
  current_period_start, current_period_end, grace_until, access_until, next_at, coalesce(next_plan_id, ''),
  coalesce(next_plan_version, 0), stripe_customer_id, stripe_subscription_id, revision`

const entitlementsSQL = `
select ` + entitlementColumns + `
from tenon.org_entitlements
where tenant_id = any ($1::text[])`

const lockEntitlementSQL = `
select ` + entitlementColumns + `
from tenon.org_entitlements
where tenant_id = $1
for no key update`

const overridesSQL = `
select tenant_id, feature_key, period, hard_limit, soft_limit, overage_limit, value, reason, created_by, created_at, expires_at
from tenon.overrides
where tenant_id = any ($1::text[])
order by tenant_id, feature_key collate "C", period collate "C"`

const attachmentsSQL = `
select tenant_id, addon_id, addon_version, quantity, attached_at
from tenon.org_addons
where tenant_id = any ($1::text[])
order by tenant_id, attached_at, addon_id`

const grantColumns = `tenant_id, id::text, feature_key, amount, used, held, priority, effective_at, expires_at, created_at,
  voided_at, reason`

const grantsSQL = `
select ` + grantColumns + `
from tenon.grants
where tenant_id = any ($1::text[])
order by tenant_id, id`

// rightsReader fills the rights of tenants from the rows of a batch.
type rightsReader map[string]*entitlements.Rights

func newRightsReader(tenants []string) rightsReader {
	r := make(rightsReader, len(tenants))
	for _, t := range tenants {
		r[t] = &entitlements.Rights{Tenant: t}
	}
	return r
}

// queue reads everything but the entitlements, which a caller may want to lock.
func (r rightsReader) queue(b *pgx.Batch, tenants []string) {
	b.Queue(overridesSQL, tenants).Query(r.overrides)
	b.Queue(attachmentsSQL, tenants).Query(r.attachments)
	b.Queue(grantsSQL, tenants).Query(r.grants)
}

func (r rightsReader) entitlements(rows pgx.Rows) error {
	for rows.Next() {
		var tenant, status string
		var e entitlements.Entitlement
		var next entitlements.Next
		var revision int64
		err := rows.Scan(&tenant, &e.Plan, &e.Version, &status, at(&e.StartedAt), at(&e.TrialEndsAt), &e.TrialUsed,
			at(&e.Anchor), at(&e.CurrentPeriodStart), at(&e.CurrentPeriodEnd), at(&e.GraceUntil), at(&e.AccessUntil),
			at(&next.At), &next.Plan, &next.Version, &e.Customer, &e.Subscription, &revision)
		if err != nil {
			return err
		}
		e.Status = entitlements.Status(status)
		if !next.At.IsZero() {
			e.Next = &next
		}
		r[tenant].Entitlement, r[tenant].Revision = &e, revision
	}
	return rows.Err()
}

func (r rightsReader) overrides(rows pgx.Rows) error {
	for rows.Next() {
		var tenant, text string
		var o entitlements.Override
		err := rows.Scan(&tenant, &o.Feature, &text, &o.Hard, &o.Soft, &o.Overage, &o.Value, &o.Reason, &o.By,
			at(&o.CreatedAt), at(&o.ExpiresAt))
		if err != nil {
			return err
		}
		if o.Period, err = entitlements.ParsePeriod(text); err != nil {
			return err
		}
		r[tenant].Overrides = append(r[tenant].Overrides, o)
	}
	return rows.Err()
}

func (r rightsReader) attachments(rows pgx.Rows) error {
	for rows.Next() {
		var tenant string
		var a entitlements.Attachment
		if err := rows.Scan(&tenant, &a.AddOn, &a.Version, &a.Quantity, at(&a.AttachedAt)); err != nil {
			return err
		}
		r[tenant].AddOns = append(r[tenant].AddOns, a)
	}
	return rows.Err()
}

func (r rightsReader) grants(rows pgx.Rows) error {
	for rows.Next() {
		var tenant string
		var g entitlements.Grant
		err := rows.Scan(&tenant, &g.ID, &g.Feature, &g.Amount, &g.Used, &g.Held, &g.Priority, at(&g.EffectiveAt),
			at(&g.ExpiresAt), at(&g.CreatedAt), at(&g.VoidedAt), &g.Reason)
		if err != nil {
			return err
		}
		r[tenant].Grants = append(r[tenant].Grants, g)
	}
	return rows.Err()
}

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

// Load implements [entitlements.Store], in one round trip. The transaction is spelled out in the batch so that all of
// it reads one snapshot.
func (s *Store) Load(ctx context.Context, tenants []string, now time.Time) ([]entitlements.Standing, error) {
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
		return nil, translate(err)
	}
	standings := make([]entitlements.Standing, len(tenants))
	for i, t := range tenants {
		standings[i] = entitlements.Standing{Rights: rights[t], Counters: counters[t]}
		standings[i].Lapse(lapsed, now)
	}
	return standings, nil
}

func readCounters(rows pgx.Rows, counters map[string]map[string][]entitlements.Counter) error {
	periods := map[string]entitlements.Period{}
	for rows.Next() {
		var tenant, feature, text string
		var c entitlements.Counter
		if err := rows.Scan(&tenant, &feature, &text, &c.Start, &c.End, &c.Used, &c.Held, &c.Granted); err != nil {
			return err
		}
		p, ok := periods[text]
		if !ok {
			var err error
			if p, err = entitlements.ParsePeriod(text); err != nil {
				return err
			}
			periods[text] = p
		}
		c.Period, c.Start, c.End = p, entitlements.Instant(c.Start), entitlements.Instant(c.End)
		if counters[tenant] == nil {
			counters[tenant] = map[string][]entitlements.Counter{}
		}
		counters[tenant][feature] = append(counters[tenant][feature], c)
	}
	return rows.Err()
}
