package entitlementspg

import (
	"context"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgsubject"
)

// tenantTables are all tables with rows of a tenant, in the order in which locks are taken. Those of billing_customers
// take the customer's billing_events and billing_leases with them, which name no tenant.
var tenantTables = []pgsubject.Table{
	{Name: "org_entitlements"},
	{Name: "usage_counters"},
	{Name: "grants"},
	{Name: "holds"},
	{Name: "grant_draws"},
	{Name: "overrides", Person: "created_by = $2"},
	{Name: "org_addons"},
	{Name: "plan_history"},
	{Name: "usage_alerts"},
	{Name: "usage_keys"},
	{Name: "usage_events"},
	{Name: "trial_reminders"},
	{Name: "billing_usage"},
	{Name: "billing_customers"},
}

// Export implements [tenon.Exporter]. A person has no rows here but the overrides that the person made.
func (s *Store) Export(ctx context.Context, subject tenon.Subject) iter.Seq2[tenon.Row, error] {
	return pgsubject.Export(ctx, s.db, subject, tenantTables, translate)
}

const forgetAuthorSQL = `
update tenon.overrides
set created_by = ''
where tenant_id = $1
  and created_by = $2`

// Erase implements [tenon.Eraser], in one transaction. Of a person it empties the authorship of overrides; of a company
// it removes everything.
func (s *Store) Erase(ctx context.Context, subject tenon.Subject) (erased map[string]int64, err error) {
	if subject.Tenant == "" {
		return nil, tenon.Invalid("tenant", "is empty")
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		erased = pgsubject.Nothing(tenantTables)
		if subject.User != "" {
			tag, err := tx.Exec(ctx, forgetAuthorSQL, subject.Tenant, subject.User)
			erased["tenon.overrides"] = tag.RowsAffected()
			return err
		}
		return eraseTenant(ctx, tx, subject.Tenant, erased)
	})
	return erased, err
}

// eraseTenant takes the tenant's locks before it deletes, so that nothing is written behind it, and tells other
// processes.
func eraseTenant(ctx context.Context, tx pgx.Tx, tenant string, erased map[string]int64) error {
	b := &pgx.Batch{}
	b.Queue(lockEntitlementSQL, tenant)
	b.Queue(lockTenantCountersSQL, tenant)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	if err := pgsubject.Delete(ctx, tx, tenant, tenantTables, erased); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, tellChangeSQL, tenant)
	return err
}
