package entitlementspg

import (
	"context"
	"slices"
	"time"

	"github.com/transbotai/tenon/internal/pgtx"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/internal/pgerr"
)

// firstLockSQL stands in for the row that a tenant without rights does not have.
const firstLockSQL = `
select pg_advisory_xact_lock(hashtextextended('tenon.entitlements/' || $1, 0))`

// Change implements [entitlements.Store]. It holds the row of tenon.org_entitlements, then the tenant's counters.
func (s *Store) Change(ctx context.Context, tenant string, now time.Time, edit entitlements.Edit) (r *entitlements.Rights, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		before, err := lockRights(ctx, tx, tenant)
		if err == nil {
			r, err = s.change(ctx, tx, before, now, edit)
		}
		return err
	})
	return r, err
}

// change edits rights that are locked. The catalogue is read under the lock, so that it knows every plan they name.
func (s *Store) change(ctx context.Context, tx pgx.Tx, before *entitlements.Rights, now time.Time, edit entitlements.Edit) (*entitlements.Rights, error) {
	versions, err := readVersions(ctx, tx)
	if err != nil {
		return nil, err
	}
	own := func(r *entitlements.Rights, v *entitlements.Versions) ([]tenon.Change, error) {
		changes, err := edit(r, v)
		if err != nil {
			return nil, pgerr.Hosts(err)
		}
		return changes, nil
	}
	after, err := before.Edit(versions, now, own, func(changes []tenon.Change) error {
		return s.recordChanges(ctx, tx, changes, before.Tenant)
	})
	if err != nil {
		return nil, err
	}
	return after, saveRights(ctx, tx, before, after, versions, now)
}

// lockRights locks and reads the tenant's rights.
func lockRights(ctx context.Context, tx pgx.Tx, tenant string) (*entitlements.Rights, error) {
	rights, err := readRights(ctx, tx, tenant)
	if err != nil || rights.Entitlement != nil {
		return rights, err
	}
	if _, err := tx.Exec(ctx, firstLockSQL, tenant); err != nil {
		return nil, err
	}
	return readRights(ctx, tx, tenant)
}

func readRights(ctx context.Context, tx pgx.Tx, tenant string) (*entitlements.Rights, error) {
	rights := newRightsReader([]string{tenant})
	b := &pgx.Batch{}
	b.Queue(lockEntitlementSQL, tenant).Query(rights.entitlements)
	rights.queue(b, []string{tenant})
	err := tx.SendBatch(ctx, b).Close()
	return rights[tenant], err
}

// saveRights writes what differs, the history, and counters that the new terms begin; it breaks every seal.
func saveRights(ctx context.Context, tx pgx.Tx, before, after *entitlements.Rights, v *entitlements.Versions, now time.Time) error {
	b := &pgx.Batch{}
	if after.Entitlement != nil {
		queueEntitlement(b, after, now)
		queueHistory(b, after.Tenant, after.Told(before, now))
	}
	queueOverrides(b, before, after)
	queueAttachments(b, before, after)
	queueGrants(b, before, after)
	b.Queue(breakSealsSQL, after.Tenant, unsealed)
	var features []string
	b.Queue(countedSQL, after.Tenant, now).Query(func(rows pgx.Rows) (err error) {
		features, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	return beginCounters(ctx, tx, after, v, features, now)
}

const putEntitlementSQL = `
insert into tenon.org_entitlements (tenant_id, plan_id, plan_version, status, started_at, trial_ends_at, trial_used,
  anchor, current_period_start, current_period_end, grace_until, access_until, next_at, next_plan_id,
  next_plan_version, stripe_customer_id, stripe_subscription_id, revision, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
on conflict (tenant_id) do update
set plan_id = excluded.plan_id, plan_version = excluded.plan_version, status = excluded.status,
  started_at = excluded.started_at, trial_ends_at = excluded.trial_ends_at, trial_used = excluded.trial_used,
  anchor = excluded.anchor, current_period_start = excluded.current_period_start,
  current_period_end = excluded.current_period_end, grace_until = excluded.grace_until,
  access_until = excluded.access_until, next_at = excluded.next_at, next_plan_id = excluded.next_plan_id,
  next_plan_version = excluded.next_plan_version,
  stripe_customer_id = excluded.stripe_customer_id, stripe_subscription_id = excluded.stripe_subscription_id,
  revision = excluded.revision, updated_at = excluded.updated_at`

func queueEntitlement(b *pgx.Batch, r *entitlements.Rights, now time.Time) {
	e := r.Entitlement
	var nextAt *time.Time
	var nextPlan *string
	var nextVersion *int
	if n := e.Next; n != nil {
		nextAt, nextPlan, nextVersion = &n.At, &n.Plan, &n.Version
	}
	b.Queue(putEntitlementSQL, r.Tenant, e.Plan, e.Version, string(e.Status), e.StartedAt, null(e.TrialEndsAt), e.TrialUsed,
		null(e.Anchor), null(e.CurrentPeriodStart), null(e.CurrentPeriodEnd), null(e.GraceUntil), null(e.AccessUntil),
		nextAt, nextPlan, nextVersion, e.Customer, e.Subscription, r.Revision, now)
}

const forgetFutureSQL = `
delete from tenon.plan_history
where tenant_id = $1
  and effective_at >= $2`

// tellSQL leaves out a line that repeats the one before it.
const tellSQL = `
insert into tenon.plan_history (tenant_id, effective_at, plan_id, plan_version, status)
select $1, $2, $3, $4, $5
where ($3::text, $4::int, $5::text) is distinct from (
  select (h.plan_id, h.plan_version, h.status)
  from tenon.plan_history h
  where h.tenant_id = $1
    and h.effective_at < $2
  order by h.effective_at desc
  limit 1)`

func queueHistory(b *pgx.Batch, tenant string, told []entitlements.Spell) {
	b.Queue(forgetFutureSQL, tenant, told[0].From)
	for _, s := range told {
		b.Queue(tellSQL, tenant, s.From, s.Plan, s.Version, string(s.Status))
	}
}

const putOverrideSQL = `
insert into tenon.overrides (tenant_id, feature_key, period, hard_limit, soft_limit, overage_limit, value, reason, created_by, created_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (tenant_id, feature_key, period) do update
set hard_limit = excluded.hard_limit, soft_limit = excluded.soft_limit, overage_limit = excluded.overage_limit,
  value = excluded.value, reason = excluded.reason, created_by = excluded.created_by,
  created_at = excluded.created_at, expires_at = excluded.expires_at`

const dropOverrideSQL = `
delete from tenon.overrides
where tenant_id = $1
  and feature_key = $2
  and period = $3`

func queueOverrides(b *pgx.Batch, before, after *entitlements.Rights) {
	for _, o := range after.Overrides {
		if !slices.Contains(before.Overrides, o) {
			b.Queue(putOverrideSQL, after.Tenant, o.Feature, o.Period.String(), o.Hard, o.Soft, o.Overage, o.Value, o.Reason, o.By, o.CreatedAt, null(o.ExpiresAt))
		}
	}
	for _, o := range before.Overrides {
		if !slices.ContainsFunc(after.Overrides, func(a entitlements.Override) bool { return a.Feature == o.Feature && a.Period == o.Period }) {
			b.Queue(dropOverrideSQL, after.Tenant, o.Feature, o.Period.String())
		}
	}
}

const putAttachmentSQL = `
insert into tenon.org_addons (tenant_id, addon_id, addon_version, quantity, attached_at)
values ($1, $2, $3, $4, $5)
on conflict (tenant_id, addon_id) do update
set addon_version = excluded.addon_version, quantity = excluded.quantity, attached_at = excluded.attached_at`

const dropAttachmentSQL = `
delete from tenon.org_addons
where tenant_id = $1
  and addon_id = $2`

func queueAttachments(b *pgx.Batch, before, after *entitlements.Rights) {
	for _, a := range after.AddOns {
		if !slices.Contains(before.AddOns, a) {
			b.Queue(putAttachmentSQL, after.Tenant, a.AddOn, a.Version, a.Quantity, a.AttachedAt)
		}
	}
	for _, a := range before.AddOns {
		if !slices.ContainsFunc(after.AddOns, func(have entitlements.Attachment) bool { return have.AddOn == a.AddOn }) {
			b.Queue(dropAttachmentSQL, after.Tenant, a.AddOn)
		}
	}
}

// putGrantSQL leaves what was used and held to the operations that use and hold.
const putGrantSQL = `
insert into tenon.grants (tenant_id, id, feature_key, amount, used, held, priority, effective_at, expires_at, created_at, voided_at, reason)
values ($1, $2::text::uuid, $3, $4, 0, 0, $5, $6, $7, $8, $9, $10)
on conflict (tenant_id, id) do update
set priority = excluded.priority, expires_at = excluded.expires_at, voided_at = excluded.voided_at`

func queueGrants(b *pgx.Batch, before, after *entitlements.Rights) {
	for _, g := range after.Grants {
		if !slices.Contains(before.Grants, g) {
			b.Queue(putGrantSQL, after.Tenant, g.ID, g.Feature, g.Amount, g.Priority, g.EffectiveAt, null(g.ExpiresAt), g.CreatedAt, null(g.VoidedAt), g.Reason)
		}
	}
}

const breakSealsSQL = `
with locked as (
  select feature_key, period, period_start
  from tenon.usage_counters
  where tenant_id = $1
    and sealed_until > $2
  order by feature_key, period, period_start
  for no key update
)
update tenon.usage_counters c
set sealed_until = $2
from locked l
where c.tenant_id = $1
  and c.feature_key = l.feature_key
  and c.period = l.period
  and c.period_start = l.period_start`

const countedSQL = `
select distinct feature_key
from tenon.usage_counters
where tenant_id = $1
  and period_start <= $2
  and period_end > $2
order by feature_key`

// beginCounters makes the counters that new terms need of features in use, so that a view shows what was used.
func beginCounters(ctx context.Context, tx pgx.Tx, r *entitlements.Rights, v *entitlements.Versions, features []string, now time.Time) error {
	b := &pgx.Batch{}
	for _, f := range features {
		for _, w := range v.Terms(r, f, now).Windows(now) {
			queueCount(b, r.Tenant, f, &w)
		}
	}
	if b.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, b).Close()
}

const tellChangeSQL = `
select pg_notify('` + Channel + `', $1)`

// recordChanges hands the changes to the recorder and tells other processes, when the transaction commits.
func (s *Store) recordChanges(ctx context.Context, tx pgx.Tx, changes []tenon.Change, tenant string) error {
	if err := pgtx.Tell(ctx, tx, s.options.Recorder, nil, changes, nil); err != nil {
		return pgerr.Hosts(err)
	}
	_, err := tx.Exec(ctx, tellChangeSQL, tenant)
	return err
}
