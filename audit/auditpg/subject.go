package auditpg

import (
	"context"
	"encoding/json"
	"iter"
	"maps"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

// The tables that may speak of a subject.
const (
	keysTable   = "tenon.audit_keys"
	leavesTable = "tenon.audit_leaves"
	holdsTable  = "tenon.audit_holds"
)

const forgetHoldsSQL = `
update tenon.audit_holds
set placed_by = ''
where tenant_id = $1
  and ($2 = '' or placed_by = $2)
  and placed_by <> ''`

// Erase implements [tenon.Eraser] as audit.Log.Erase has it: records lose what they say of the subject, and every proof
// stays valid. Keys of such records go with them; leaves say nothing of anybody. While a legal hold covers the tenant it
// is audit.ErrHeld.
func (s *Store) Erase(ctx context.Context, subject tenon.Subject) (map[string]int64, error) {
	log := audit.NewLog(s, &audit.Options{Personal: s.options.Personal})
	erased, err := log.Erase(ctx, subject)
	if err != nil {
		return nil, err
	}
	keys, err := s.forgetKeys(ctx, subject)
	if err != nil {
		return nil, translate(err)
	}
	tag, err := s.db.Exec(ctx, forgetHoldsSQL, subject.Tenant, subject.User)
	if err != nil {
		return nil, translate(err)
	}
	maps.Copy(erased, map[string]int64{keysTable: keys, leavesTable: 0, holdsTable: tag.RowsAffected()})
	return erased, nil
}

const forgetKeysSQL = `
delete from tenon.audit_keys
where tenant_id = $1`

func (s *Store) forgetKeys(ctx context.Context, subject tenon.Subject) (int64, error) {
	if subject.User != "" {
		return 0, nil // the key of a record that was redacted is gone with it
	}
	tag, err := s.db.Exec(ctx, forgetKeysSQL, subject.Tenant)
	return tag.RowsAffected(), err
}

// Export implements [tenon.Exporter]: of a company its records and holds, of a person the records that mention it. Seeds
// and salts are not handed out. It reads in pages.
func (s *Store) Export(ctx context.Context, subject tenon.Subject) iter.Seq2[tenon.Row, error] {
	return func(yield func(tenon.Row, error) bool) {
		if subject.Tenant == "" {
			yield(tenon.Row{}, tenon.Invalid("tenant", "required"))
			return
		}
		log := audit.NewLog(s, nil)
		q := audit.Query{Tenant: subject.Tenant, Mentions: subject.User, OldestFirst: true, Limit: audit.MaxLimit}
		for e, err := range log.All(ctx, q) {
			row := tenon.Row{Table: auditLog}
			if err == nil {
				row.Data, err = json.Marshal(e.Record)
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
		s.exportRest(ctx, subject, yield)
	}
}

const exportKeysSQL = `
select to_jsonb(k)
from tenon.audit_keys k
where tenant_id = $1
order by key`

const exportLeavesSQL = `
select jsonb_build_object('tenant_id', tenant_id, 'id', id, 'leaf_index', leaf_index)
from tenon.audit_leaves
where tenant_id = $1
order by id`

const exportHoldsSQL = `
select to_jsonb(h)
from tenon.audit_holds h
where tenant_id = $1
  and ($2 = '' or placed_by = $2)
order by placed_at`

// exportRest yields what lies beside the records.
func (s *Store) exportRest(ctx context.Context, subject tenon.Subject, yield func(tenon.Row, error) bool) {
	type source struct {
		table, sql string
		args       []any
	}
	sources := []source{{holdsTable, exportHoldsSQL, []any{subject.Tenant, subject.User}}}
	if subject.User == "" {
		tenant := []any{subject.Tenant}
		sources = append(sources, source{keysTable, exportKeysSQL, tenant}, source{leavesTable, exportLeavesSQL, tenant})
	}
	for _, from := range sources {
		rows, err := s.db.Query(ctx, from.sql, from.args...)
		if err != nil {
			yield(tenon.Row{}, translate(err))
			return
		}
		if !each(rows, from.table, yield) {
			return
		}
	}
}

// each yields rows of one column, and says whether to go on.
func each(rows pgx.Rows, table string, yield func(tenon.Row, error) bool) bool {
	defer rows.Close()
	for rows.Next() {
		var data json.RawMessage
		if err := rows.Scan(&data); err != nil {
			yield(tenon.Row{}, translate(err))
			return false
		}
		if !yield(tenon.Row{Table: table, Data: data}, nil) {
			return false
		}
	}
	if err := rows.Err(); err != nil {
		yield(tenon.Row{}, translate(err))
		return false
	}
	return true
}
