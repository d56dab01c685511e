package entitlementspg

import (
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
		var e entitlementRow
		if err := rows.Scan(e.targets()...); err != nil {
			return err
		}
		e.put(r[e.tenant])
	}
	return rows.Err()
}

// entitlementRow scans entitlementColumns.
type entitlementRow struct {
	tenant, status string
	entitlement    entitlements.Entitlement
	next           entitlements.Next
	revision       int64
}

func (r *entitlementRow) targets() []any {
	e := &r.entitlement
	return []any{
		&r.tenant, &e.Plan, &e.Version, &r.status, at(&e.StartedAt), at(&e.TrialEndsAt), &e.TrialUsed, at(&e.Anchor),
		at(&e.CurrentPeriodStart), at(&e.CurrentPeriodEnd), at(&e.GraceUntil), at(&e.AccessUntil), at(&r.next.At),
		&r.next.Plan, &r.next.Version, &e.Customer, &e.Subscription, &r.revision,
	}
}

func (r *entitlementRow) put(to *entitlements.Rights) {
	r.entitlement.Status = entitlements.Status(r.status)
	if !r.next.At.IsZero() {
		r.entitlement.Next = &r.next
	}
	to.Entitlement, to.Revision = &r.entitlement, r.revision
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
