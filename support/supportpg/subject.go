package supportpg

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
)

// tenantTables are all tables with rows of a tenant, in the order in which locks are taken.
var tenantTables = []string{"tickets", "ticket_events", "findings", "timers", "tour_progress"}

// ofUser says which rows of a table name a person; a table that is not here has none.
var ofUser = map[string]string{
	"ticket_events": "(by = $2 or data ->> 'to' = $2)",
	"findings": `(approver = $2 or exists (
    select
    from jsonb_array_elements(history) e
    where e ->> 'by' = $2
      or e ->> 'approver' = $2))`,
	"tour_progress": "user_id = $2",
}

// Export implements [tenon.Exporter]. Of a person there are the tours, what the person did to tickets, and the findings
// that name the person.
func (s *Store) Export(ctx context.Context, subject tenon.Subject) iter.Seq2[tenon.Row, error] {
	return func(yield func(tenon.Row, error) bool) {
		if subject.Tenant == "" {
			yield(tenon.Row{}, tenon.Invalid("tenant", "is empty"))
			return
		}
		for _, table := range tenantTables {
			if subject.User != "" && ofUser[table] == "" {
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
		sql, args = sql+" and "+ofUser[table], append(args, subject.User)
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

const (
	lockTicketsSQL = `
select
from tenon.tickets
where tenant_id = $1
order by id
for update`

	forgetActorSQL = `
update tenon.ticket_events
set by = case when by = $2 then '' else by end,
  data = data - 'by' - case when data ->> 'to' = $2 then 'to' else '' end
where tenant_id = $1
  and (by = $2 or data ->> 'to' = $2)`

	forgetApproverSQL = `
update tenon.findings
set approver = case when approver = $2 then '' else approver end,
  history = (
    select jsonb_agg(
      e.line - case when e.line ->> 'by' = $2 then 'by' else '' end
        - case when e.line ->> 'approver' = $2 then 'approver' else '' end
      order by e.position)
    from jsonb_array_elements(history) with ordinality as e(line, position))
where tenant_id = $1
  and (approver = $2 or exists (
    select
    from jsonb_array_elements(history) e
    where e ->> 'by' = $2
      or e ->> 'approver' = $2))`

	forgetToursSQL = `
delete from tenon.tour_progress
where tenant_id = $1
  and user_id = $2`
)

// Erase implements [tenon.Eraser], in one transaction. Of a company it removes everything; what is being worked on by a
// timer meanwhile is undone. Of a person it removes the tours and empties the authorship of what was done to tickets and
// findings; texts stay, since they are the company's.
func (s *Store) Erase(ctx context.Context, subject tenon.Subject) (erased map[string]int64, err error) {
	if subject.Tenant == "" {
		return nil, tenon.Invalid("tenant", "is empty")
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		erased = map[string]int64{}
		for _, table := range tenantTables {
			erased["tenon."+table] = 0
		}
		if _, err := tx.Exec(ctx, lockTicketsSQL, subject.Tenant); err != nil {
			return err
		}
		if subject.User != "" {
			return eraseUser(ctx, tx, subject, erased)
		}
		for _, table := range []string{"ticket_events", "tickets", "findings", "timers", "tour_progress"} {
			tag, err := tx.Exec(ctx, "delete from tenon."+pgx.Identifier{table}.Sanitize()+" where tenant_id = $1", subject.Tenant)
			if err != nil {
				return err
			}
			erased["tenon."+table] = tag.RowsAffected()
		}
		return nil
	})
	return erased, err
}

func eraseUser(ctx context.Context, tx pgx.Tx, subject tenon.Subject, erased map[string]int64) error {
	for _, step := range []struct{ table, sql string }{
		{"ticket_events", forgetActorSQL}, {"findings", forgetApproverSQL}, {"tour_progress", forgetToursSQL},
	} {
		tag, err := tx.Exec(ctx, step.sql, subject.Tenant, subject.User)
		if err != nil {
			return err
		}
		erased["tenon."+step.table] = tag.RowsAffected()
	}
	return nil
}
