package slopg

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
)

// tenantTables are all tables with rows of a tenant, in the order in which locks are taken.
var tenantTables = []string{
	"slo_targets", "slo_target_versions", "slo_exclusions", "slo_episodes", "slo_sources", "slo_rollups", "slo_sketches",
}

// Export implements [tenon.Exporter]. Of a person there are the exclusions of the tenant that the person made.
func (s *Store) Export(ctx context.Context, subject tenon.Subject) iter.Seq2[tenon.Row, error] {
	return func(yield func(tenon.Row, error) bool) {
		if subject.Tenant == "" {
			yield(tenon.Row{}, tenon.Invalid("tenant", "is empty"))
			return
		}
		for _, table := range tenantTables {
			if subject.User != "" && table != "slo_exclusions" {
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
		sql, args = sql+" and body ->> 'by' = $2", append(args, subject.User)
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
		erased = map[string]int64{}
		for _, table := range tenantTables {
			erased["tenon."+table] = 0
		}
		if _, err := tx.Exec(ctx, lockSQL); err != nil {
			return err
		}
		if subject.User != "" {
			tag, err := tx.Exec(ctx, forgetAuthorSQL, subject.Tenant, subject.User)
			erased["tenon.slo_exclusions"] = tag.RowsAffected()
			return err
		}
		for _, table := range tenantTables {
			sql := "delete from tenon." + pgx.Identifier{table}.Sanitize() + " where tenant_id = $1"
			tag, err := tx.Exec(ctx, sql, subject.Tenant)
			if err != nil {
				return err
			}
			erased["tenon."+table] = tag.RowsAffected()
		}
		return nil
	})
	return erased, err
}
