package slopg

import (
	"context"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgsubject"
)

// tenantTables are all tables with rows of a tenant, in the order in which locks are taken.
var tenantTables = []pgsubject.Table{
	{Name: "slo_targets"},
	{Name: "slo_target_versions"},
	{Name: "slo_exclusions", Person: "body ->> 'by' = $2"},
	{Name: "slo_episodes"},
	{Name: "slo_sources"},
	{Name: "slo_rollups"},
	{Name: "slo_sketches"},
}

// Export implements [tenon.Exporter]. Of a person there are the exclusions of the tenant that the person made.
func (s *Store) Export(ctx context.Context, subject tenon.Subject) iter.Seq2[tenon.Row, error] {
	return pgsubject.Export(ctx, s.db, subject, tenantTables, translate)
}

const forgetAuthorSQL = `
update tenon.slo_exclusions
set body = jsonb_set(body, '{by}', '""')
where tenant_id = $1
  and body ->> 'by' = $2`

// Erase implements [tenon.Eraser], in one transaction. Of a person it empties the authorship of exclusions; of a company
// it removes everything. It takes the state's lock first, so that nothing is decided behind it.
func (s *Store) Erase(ctx context.Context, subject tenon.Subject) (erased map[string]int64, err error) {
	if subject.Tenant == "" {
		return nil, tenon.Invalid("tenant", "is empty")
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		erased = pgsubject.Nothing(tenantTables)
		if _, err := tx.Exec(ctx, lockSQL); err != nil {
			return err
		}
		if subject.User != "" {
			tag, err := tx.Exec(ctx, forgetAuthorSQL, subject.Tenant, subject.User)
			erased["tenon.slo_exclusions"] = tag.RowsAffected()
			return err
		}
		return pgsubject.Delete(ctx, tx, subject.Tenant, tenantTables, erased)
	})
	return erased, err
}
