package entitlementspg

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
)

// tenantTables are all tables with rows of a tenant, in the order in which locks are taken. Those of billing_customers
// take the customer's billing_events and billing_leases with them, which name no tenant.
var tenantTables = []string{
	"org_entitlements", "usage_counters", "grants", "holds", "grant_draws", "overrides", "org_addons", "plan_history",
	"usage_alerts", "usage_keys", "usage_events", "trial_reminders", "billing_usage", "billing_customers",
}

// Export implements [tenon.Exporter]. A person has no rows here but the overrides that the person made.
func (s *Store) Export(ctx context.Context, subject tenon.Subject) iter.Seq2[tenon.Row, error] {
	return func(yield func(tenon.Row, error) bool) {
		if subject.Tenant == "" {
			yield(tenon.Row{}, tenon.Invalid("tenant", "is empty"))
			return
		}
		for _, table := range tenantTables {
			if subject.User != "" && table != "overrides" {
				continue
			}
			if !s.exportTable(ctx, subject, table, yield) {
				return
			}
		}
	}
}

func (s *Store) exportTable(ctx context.Context, subject tenon.Subject, table string, yield func(tenon.Row, error) bool) bool {
	sql := "select to_jsonb(t) from tenon." + pgx.Identifier{table}.Sanitize() + " t where tenant_id = $1"
	args := []any{subject.Tenant}
	if subject.User != "" {
		sql, args = sql+" and created_by = $2", append(args, subject.User)
	}
	rows, err := s.db.Query(ctx, sql, args...)
	if err != nil {
		yield(tenon.Row{}, translate(err))
		return false
	}
	defer rows.Close()
	for rows.Next() {
		var data json.RawMessage
		if err := rows.Scan(&data); err != nil {
			yield(tenon.Row{}, translate(err))
			return false
		}
		if !yield(tenon.Row{Table: "tenon." + table, Data: data}, nil) {
			return false
		}
	}
	if err := rows.Err(); err != nil {
		yield(tenon.Row{}, translate(err))
		return false
	}
	return true
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
		erased = map[string]int64{}
		for _, table := range tenantTables {
			erased["tenon."+table] = 0
		}
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
	for _, table := range tenantTables {
		tag, err := tx.Exec(ctx, "delete from tenon."+pgx.Identifier{table}.Sanitize()+" where tenant_id = $1", tenant)
		if err != nil {
			return err
		}
		erased["tenon."+table] = tag.RowsAffected()
	}
	_, err := tx.Exec(ctx, tellChangeSQL, tenant)
	return err
}
