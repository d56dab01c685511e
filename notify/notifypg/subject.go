package notifypg

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgerr"
)

// tenantTables are all tables with rows of a tenant, in the order in which locks are taken.
var tenantTables = []string{"notification_groups", "notifications"}

// Export implements [tenon.Exporter]. A person has no rows here.
func (s *Store) Export(ctx context.Context, subject tenon.Subject) iter.Seq2[tenon.Row, error] {
	return func(yield func(tenon.Row, error) bool) {
		if subject.Tenant == "" {
			yield(tenon.Row{}, tenon.Invalid("tenant", "is empty"))
			return
		}
		if subject.User != "" {
			return
		}
		for _, table := range tenantTables {
			if !s.exportTable(ctx, subject.Tenant, table, yield) {
				return
			}
		}
	}
}

func (s *Store) exportTable(ctx context.Context, tenant, table string, yield func(tenon.Row, error) bool) bool {
	sql := "select to_jsonb(t) from tenon." + pgx.Identifier{table}.Sanitize() + " t where tenant_id = $1"
	rows, err := s.db.Query(ctx, sql, tenant)
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
	erased := map[string]int64{}
	for _, table := range tenantTables {
		erased["tenon."+table] = 0
	}
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
		for _, table := range tenantTables {
			tag, err := tx.Exec(ctx, "delete from tenon."+pgx.Identifier{table}.Sanitize()+" where tenant_id = $1", tenant)
			if err != nil {
				return err
			}
			erased["tenon."+table] = tag.RowsAffected()
		}
		return nil
	})
}
