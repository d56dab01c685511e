package gdprpg

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
)

// tenantTables are all tables with rows of a tenant.
var tenantTables = []string{
	"gdpr_requests", "gdpr_holds", "gdpr_files", "gdpr_file_chunks", "gdpr_deletions", "gdpr_marks", "gdpr_work",
}

// exportSQL leaves out how requests are worked on. What a deletion looks for, marks and counts is in the host's tables.
var exportSQL = []struct{ table, sql string }{
	{"gdpr_requests", `
select body
from tenon.gdpr_requests
where tenant_id = $1
  and ($2 = '' or body ->> 'user' = $2)
order by id`},
	{"gdpr_holds", `
select body
from tenon.gdpr_holds
where tenant_id = $1
  and ($2 = '' or body ->> 'user' = $2)
order by id`},
}

// Export implements [tenon.Exporter]: requests and legal holds.
func (s *Store) Export(ctx context.Context, subject tenon.Subject) iter.Seq2[tenon.Row, error] {
	return func(yield func(tenon.Row, error) bool) {
		if subject.Tenant == "" {
			yield(tenon.Row{}, tenon.Invalid("tenant", "is empty"))
			return
		}
		for _, t := range exportSQL {
			more, err := s.exportTable(ctx, t.table, t.sql, subject, yield)
			if err != nil {
				yield(tenon.Row{}, translate(err))
			}
			if err != nil || !more {
				return
			}
		}
	}
}

func (s *Store) exportTable(
	ctx context.Context, table, sql string, subject tenon.Subject, yield func(tenon.Row, error) bool,
) (more bool, err error) {
	rows, err := s.db.Query(ctx, sql, subject.Tenant, subject.User)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	for rows.Next() {
		var data json.RawMessage
		if err := rows.Scan(&data); err != nil {
			return false, err
		}
		if !yield(tenon.Row{Table: "tenon." + table, Data: data}, nil) {
			return false, nil
		}
	}
	return true, rows.Err()
}

const eraseFilesSQL = `
delete from tenon.gdpr_files f
using tenon.gdpr_requests q
where f.tenant_id = $1
  and q.tenant_id = f.tenant_id
  and q.id = f.id
  and ($2 = '' or q.body ->> 'user' = $2)`

const eraseRequestsSQL = `
delete from tenon.gdpr_requests
where tenant_id = $1
  and closed
  and ($2 = '' or body ->> 'user' = $2)`

const eraseHoldsSQL = `
delete from tenon.gdpr_holds
where tenant_id = $1
  and body ->> 'released_at' is not null
  and ($2 = '' or body ->> 'user' = $2)`

// Erase implements [tenon.Eraser], in one transaction. It removes exports, closed requests and released holds. What is
// open stays: an erasure on its way is closed by its desk, which forgets then whose it was, and takes what is left of
// the deletion with it. So a desk's own store needs not be one of its satellites.
func (s *Store) Erase(ctx context.Context, subject tenon.Subject) (erased map[string]int64, err error) {
	if subject.Tenant == "" {
		return nil, tenon.Invalid("tenant", "is empty")
	}
	err = inTx(ctx, s.db, func(tx pgx.Tx) error {
		erased = map[string]int64{}
		for _, table := range tenantTables {
			erased["tenon."+table] = 0
		}
		if _, err := lockCase(ctx, tx, subject.Tenant); err != nil {
			return err
		}
		for _, step := range []struct{ table, sql string }{
			{"gdpr_files", eraseFilesSQL}, {"gdpr_requests", eraseRequestsSQL}, {"gdpr_holds", eraseHoldsSQL},
		} {
			tag, err := tx.Exec(ctx, step.sql, subject.Tenant, subject.User)
			if err != nil {
				return err
			}
			erased["tenon."+step.table] = tag.RowsAffected()
		}
		return nil
	})
	return erased, err
}
