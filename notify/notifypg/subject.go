package notifypg

import (
	"context"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/internal/pgsubject"
)

// tenantTables are all tables with rows of a tenant, in the order in which locks are taken.
var tenantTables = []pgsubject.Table{
	{Name: "notification_groups"},
	{Name: "notifications"},
}

// Export implements [tenon.Exporter]. A person has no rows here.
func (s *Store) Export(ctx context.Context, subject tenon.Subject) iter.Seq2[tenon.Row, error] {
	return pgsubject.Export(ctx, s.db, subject, tenantTables, translate)
}

const lockGroupsSQL = `
select
from tenon.notification_groups
where tenant_id = $1
order by tenant_id, destination, group_key
for update`

// Erase implements [tenon.Eraser], in one transaction: what is pending is not delivered any more. A delivery under way
// is not called back. A person has no rows here.
func (s *Store) Erase(ctx context.Context, subject tenon.Subject) (map[string]int64, error) {
	if subject.Tenant == "" {
		return nil, tenon.Invalid("tenant", "is empty")
	}
	erased := pgsubject.Nothing(tenantTables)
	if subject.User != "" {
		return erased, nil
	}
	_, bound := s.db.(pgx.Tx)
	for {
		err := s.erase(ctx, subject.Tenant, erased)
		if bound || !pgerr.Retryable(err) || ctx.Err() != nil {
			return erased, translate(err)
		}
	}
}

// erase removes the tenant's rows in a transaction, which may meet a worker that queues them.
func (s *Store) erase(ctx context.Context, tenant string, erased map[string]int64) error {
	return pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockGroupsSQL, tenant); err != nil {
			return err
		}
		return pgsubject.Delete(ctx, tx, tenant, tenantTables, erased)
	})
}
