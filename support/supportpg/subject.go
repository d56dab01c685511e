package supportpg

import (
	"context"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgsubject"
)

// tenantTables are all tables with rows of a tenant, those that depend on others first.
var tenantTables = []pgsubject.Table{
	{Name: "ticket_events", Person: "(by = $2 or data ->> 'to' = $2)"},
	{Name: "tickets"},
	{Name: "findings", Person: namesApprover},
	{Name: "timers"},
	{Name: "tour_progress", Person: "user_id = $2"},
}

const namesApprover = `(approver = $2 or exists (
    select
    from jsonb_array_elements(history) e
    where e ->> 'by' = $2
      or e ->> 'approver' = $2))`

// Export implements [tenon.Exporter]. Of a person there are the tours, what the person did to tickets, and the findings
// that name the person.
func (s *Store) Export(ctx context.Context, subject tenon.Subject) iter.Seq2[tenon.Row, error] {
	return pgsubject.Export(ctx, s.db, subject, tenantTables, translate)
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
		erased = pgsubject.Nothing(tenantTables)
		if _, err := tx.Exec(ctx, lockTicketsSQL, subject.Tenant); err != nil {
			return err
		}
		if subject.User != "" {
			return eraseUser(ctx, tx, subject, erased)
		}
		return pgsubject.Delete(ctx, tx, subject.Tenant, tenantTables, erased)
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
