package auditpg

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/internal/pgerr"
)

// DriftKind is how a watched table differs from what [Watch] left.
type DriftKind string

// The kinds.
const (
	TableGone       DriftKind = "table_gone"       // there is no such table
	TriggerMissing  DriftKind = "trigger_missing"  // or it calls something else, or under a condition
	TriggerDisabled DriftKind = "trigger_disabled" // on the table, or on one of its partitions
	FunctionChanged DriftKind = "function_changed" // or it is gone, or runs with other rights
	ColumnAdded     DriftKind = "column_added"     // and is not recorded
	ColumnDropped   DriftKind = "column_dropped"   // or renamed: every write fails
)

// Drift is a difference, on one watched table.
type Drift struct {
	Table  string    `json:"table"` // quoted, with its schema
	Kind   DriftKind `json:"kind"`
	Detail string    `json:"detail,omitempty"` // the trigger, the partition, the column
}

// String returns the difference as a line.
func (d Drift) String() string {
	return strings.TrimSuffix(fmt.Sprintf("%s: %s %s", d.Table, d.Kind, d.Detail), " ")
}

const selectDrifts = `
with watches as (
  select w.*, to_regclass(w.table_name) as oid, to_regprocedure('tenon.' || w.function_name || '()') as function
  from tenon.audit_watches w
), wanted as (
  select w.table_name, w.oid, w.function, t.name, t.type
  from watches w
  cross join lateral (
    values ('tenon_audit', 29, false), ('tenon_audit_insert', 4, true), ('tenon_audit_update', 16, true),
      ('tenon_audit_delete', 8, true), ('tenon_audit_truncate', 34, w.bulk)
  ) t (name, type, bulk)
  where t.bulk = w.bulk
    and w.oid is not null
), parts as (
  select w.oid as root, w.oid
  from watches w
  where w.oid is not null
  union all
  select w.oid, t.relid::oid
  from watches w
  cross join pg_partition_tree(w.oid) t
  where t.level > 0
), columns as (
  select w.table_name, w.columns as known, array(
    select a.attname::text
    from pg_attribute a
    where a.attrelid = w.oid
      and a.attnum > 0
      and not a.attisdropped) as present
  from watches w
  where w.oid is not null
)
select table_name, 'table_gone', ''
from watches
where oid is null
union all
select w.table_name, 'trigger_missing', w.name
from wanted w
where not exists (
  select
  from pg_trigger g
  where g.tgrelid = w.oid
    and g.tgname = w.name
    and g.tgfoid = w.function
    and g.tgtype = w.type
    and g.tgqual is null
    and g.tgnargs = 0
    and cardinality(g.tgattr::int2[]) = 0)
union all
select w.table_name, 'trigger_disabled', p.oid::regclass || ' ' || g.tgname
from wanted w
join parts p on p.root = w.oid
join pg_trigger g on g.tgrelid = p.oid and g.tgname = w.name
where g.tgenabled not in ('O', 'A')
union all
select w.table_name, 'function_changed', w.function_name
from watches w
where not exists (
  select
  from pg_proc p
  where p.oid = w.function
    and p.prosrc = w.body
    and p.prosecdef
    and p.proconfig = array['search_path=pg_catalog, pg_temp'])
union all
select c.table_name, 'column_added', name
from columns c
cross join unnest(c.present) name
where name <> all (c.known)
union all
select c.table_name, 'column_dropped', name
from columns c
cross join unnest(c.known) name
where name <> all (c.present)
order by 1, 2, 3`

// Drifts returns how the watched tables differ from what [Watch] left: triggers that are missing or disabled, a function
// that somebody changed, columns that it does not know. None is good; Watch mends the rest. It is for the owner of
// schema tenon.
func Drifts(ctx context.Context, db DB) ([]Drift, error) {
	rows, err := db.Query(ctx, selectDrifts)
	if err != nil {
		return nil, fmt.Errorf("audit: drift: %w", pgerr.Translate(err, "Audit"))
	}
	drifts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Drift])
	if err != nil {
		return nil, fmt.Errorf("audit: drift: %w", pgerr.Translate(err, "Audit"))
	}
	return drifts, nil
}
