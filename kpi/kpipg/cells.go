package kpipg

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/kpi"
)

// cellsSQL returns, as of one instant, whether the measure has rollups (kind 0), what these count (1), and the events
// that they do not hold yet (2), or still hold (3, and 4 where they never did), each with how far its subject is by the
// rollups. The gaps are what narrows to a tenant, whose path is followed, and where the rollups are. An "offset 0" makes
// sure that events and subjects are looked up by their keys, however many a planner expects.
const cellsSQL = `
with pending as (
  select 2 as kind, p.received_at as listed, e.*
  from tenon.kpi_pending p
  cross join unnest(p.names, p.times, p.ids) as u(name, at, id)
  cross join lateral (
    select *
    from tenon.events
    where tenant_id = p.tenant_id
      and event_name = u.name
      and occurred_at = u.at
      and id = u.id
    offset 0
  ) e
  where u.name = any ($4)%[1]s
  union all
  select case when p.folded then 3 else 4 end, p.received_at, g.*
  from tenon.kpi_pending p
  cross join jsonb_populate_record(null::tenon.events, p.gone) as g
  where g.event_name = any ($4)%[1]s
)
select 0 as kind, null::int as period, null::text as grp, null::bigint as count, null::bigint as numbers, null::text as sum,
  null::bigint as converted, null::text as took, '' as tenant_id, '' as id, '' as user_id, '' as event_name,
  '{}'::jsonb as properties, now() as occurred_at, greatest(
    (select max(p.received_at) from tenon.kpi_freshness p where true%[1]s),
    (select max(p.received_at) from tenon.kpi_pending p where true%[1]s)) as received_at,
  null::timestamptz as started_at, '' as start_id, null::timestamptz as converted_at
from tenon.kpi_measures
where measure = $1
union all
select 1, width_bucket(p.bucket, $2::timestamptz[]) - 1, case when $3 then p.grp else '' end, sum(p.count)::bigint,
  sum(p.numbers)::bigint, sum(p.sum)::text, sum(p.converted)::bigint, sum(p.took)::text,
  '', '', '', '', '{}'::jsonb, now(), now(), null, '', null
from %[3]s p
where p.measure = $1
  and p.bucket >= ($2::timestamptz[])[1]
  and p.bucket < ($2::timestamptz[])[cardinality($2::timestamptz[])]%[1]s
group by 2, 3
union all
select e.kind, null, s.grp, null, null, null, null, null, e.tenant_id, e.id::text, e.user_id, e.event_name, e.properties,
  e.occurred_at, e.received_at, s.started_at, s.start_id::text, s.converted_at
from pending e
left join lateral (
  select *
  from tenon.kpi_subjects
  where tenant_id = e.tenant_id
    and measure = $1
    and subject = %[2]s
  offset 0
) s on true
order by kind`

// cellsStatement fills the gaps. What the host names is an argument, never text of the statement.
func (s *Store) cellsStatement(q kpi.CellQuery) (sql string, args []any) {
	tenant, subject, rollups := "", "null", "tenon.kpi_totals"
	if q.Tenant != "" || s.bound { // the transaction may be one that sees a tenant alone
		rollups = "tenon.kpi_rollups"
	}
	args = []any{q.Measure.Key(), q.Edges, q.Split, q.Measure.Names()}
	if q.Tenant != "" {
		args = append(args, q.Tenant)
		tenant = "\n  and p.tenant_id = $5"
	}
	if q.Measure.Pair != nil {
		var property any
		if subject, property = subjectSQL(q.Measure.Pair.Subject, len(args)+1); property != nil {
			args = append(args, property)
		}
	}
	return fmt.Sprintf(cellsSQL, tenant, subject, rollups), args
}

// subjectSQL returns the expression for whose path an event e belongs to, and the argument $n that it needs.
func subjectSQL(subject kpi.Subject, n int) (expression string, property any) {
	switch subject {
	case kpi.User:
		return "e.user_id", nil
	case kpi.Tenant:
		return "e.tenant_id", nil
	}
	return fmt.Sprintf("tenon.kpi_text(e.properties -> $%d)", n), string(subject)
}

// cellRow is a row of [cellsSQL].
type cellRow struct {
	kind                      int
	period                    *int
	group, sum, took          *string
	count, numbers, converted *int64
	event                     kpi.Event
	properties                []byte
	received                  *time.Time
	startedAt, convertedAt    *time.Time
	startID                   *string
}

func scanCell(row pgx.CollectableRow) (r cellRow, err error) {
	e := &r.event
	err = row.Scan(&r.kind, &r.period, &r.group, &r.count, &r.numbers, &r.sum, &r.converted, &r.took, &e.Tenant, &e.ID,
		&e.User, &e.Name, &r.properties, &e.At, &r.received, &r.startedAt, &r.startID, &r.convertedAt)
	if err != nil {
		return r, err
	}
	e.At = tenon.Instant(e.At)
	if r.received != nil {
		e.ReceivedAt = tenon.Instant(*r.received)
	}
	return r, e.Read(r.properties)
}

// progress is how far the subject is by the rollups.
func (r cellRow) progress() kpi.Progress {
	var p kpi.Progress
	if r.startedAt != nil {
		p.Start, p.StartID, p.Group = tenon.Instant(*r.startedAt), *r.startID, *r.group
	}
	if r.convertedAt != nil {
		p.Convert = tenon.Instant(*r.convertedAt)
	}
	return p
}

// Cells implements [kpi.Store]. What is not folded yet is added to the rollups by the rules by which it is folded.
func (s *Store) Cells(ctx context.Context, q kpi.CellQuery) (kpi.Cells, error) {
	sql, args := s.cellsStatement(q)
	rows, err := s.reader().Query(ctx, sql, args...)
	if err != nil {
		return kpi.Cells{}, translate(err)
	}
	all, err := pgx.CollectRows(rows, scanCell)
	if err != nil {
		return kpi.Cells{}, translate(err)
	}
	sum := newTotals(q)
	for i := range all {
		if err := sum.add(&all[i]); err != nil {
			return kpi.Cells{}, err
		}
	}
	if !sum.complete() {
		s.stats.counted.Add(1)
		return s.count(ctx, q)
	}
	return sum.answer()
}

// count counts from the events.
func (s *Store) count(ctx context.Context, q kpi.CellQuery) (kpi.Cells, error) {
	counter := kpi.NewCounter(q)
	src := source{tenant: q.Tenant, names: q.Measure.Names(), properties: q.Measure.Properties()}
	if q.Measure.Pair == nil {
		src.from, src.to = q.Edges[0], q.Edges[len(q.Edges)-1]
	}
	answer, err := s.freshness(ctx, q.Tenant)
	if err != nil {
		return kpi.Cells{}, err
	}
	if err := src.read(ctx, s.reader(), counter.Add); err != nil {
		return kpi.Cells{}, translate(err)
	}
	answer.Cells, err = counter.Cells()
	return answer, err
}

const freshnessSQL = `
select greatest(
    (select max(p.received_at) from tenon.kpi_freshness p where $1 = '' or p.tenant_id = $1),
    (select max(p.received_at) from tenon.kpi_pending p where $1 = '' or p.tenant_id = $1)),
  (select coalesce(sum(cardinality(p.ids)), 0)::bigint from tenon.kpi_pending p where $1 = '' or p.tenant_id = $1)`

// freshness returns cells that hold nothing but how new they are.
func (s *Store) freshness(ctx context.Context, tenant string) (c kpi.Cells, err error) {
	var newest *time.Time
	err = s.reader().QueryRow(ctx, freshnessSQL, tenant).Scan(&newest, &c.Pending)
	if newest != nil {
		c.Newest = tenon.Instant(*newest)
	}
	return c, translate(err)
}

// ExplainCells implements [kpi.Explainer].
func (s *Store) ExplainCells(q kpi.CellQuery) string {
	sql, args := s.cellsStatement(q)
	return explained(sql, args)
}

// explained returns a statement with its arguments in comments.
func explained(sql string, args []any) string {
	var b strings.Builder
	b.WriteString(strings.TrimPrefix(sql, "\n") + ";\n")
	for i, a := range args {
		text := fmt.Sprintf("%v", a)
		if times, ok := a.([]time.Time); ok {
			text = fmt.Sprintf("%d instants from %s to %s", len(times), times[0].Format(time.RFC3339), times[len(times)-1].Format(time.RFC3339))
		}
		fmt.Fprintf(&b, "-- $%d: %s\n", i+1, strings.ReplaceAll(text, "\n", " "))
	}
	return b.String()
}
