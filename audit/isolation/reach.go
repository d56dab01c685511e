package isolation

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// reach looks at what stands beside the tables and leads to their rows: views, partitions, functions, tables of details.
func (r *run) reach(ctx context.Context, tx pgx.Tx) error {
	oids, numbers := make([]uint32, 0, len(r.schema.tables)), make([]int32, 0, len(r.schema.tables))
	for _, t := range r.schema.tables {
		oids, numbers = append(oids, t.OID), append(numbers, int32(t.Number))
	}
	except := slices.Collect(maps.Keys(r.options.Except))
	for _, check := range []struct {
		kind           Kind
		sql            string
		args           []any
		detail, remedy string // %s stands for the object
	}{
		{ViewDefiner, selectDefinerViews, []any{oids, r.role}, "reads with its owner's rights, whatever the policies say", "alter view %s set (security_invoker = true)"},
		{Materialised, selectMaterialised, []any{oids, r.role}, "holds rows of every tenant, and has no policies", "revoke select on %s from the role"},
		{PartitionOpen, selectPartitions, []any{oids, r.role, numbers}, "can be reached directly, and has no policies of its own that look at the tenant", "revoke all on %s from the role"},
		{DefinerSearchPath, selectDefiners, []any{r.role}, "is security definer without a fixed search_path: whoever calls it chooses what its names mean", "alter function %s set search_path = pg_catalog, pg_temp"},
		{NoTenantColumn, selectDetails, []any{oids, r.role, except}, "refers to a tenant's rows and does not say whose it is", "alter table %s add column … and give it policies"},
	} {
		names, err := all[struct{ Name string }](ctx, tx, check.sql, check.args...)
		if err != nil {
			return err
		}
		for _, n := range names {
			r.found(check.kind, n.Name, check.detail, fill(check.remedy, n.Name))
		}
	}
	return nil
}

// readers are the views that read a tenant's table, at any remove.
const readers = `
with recursive readers as (
  select unnest($1::oid[]) as oid
  union
  select w.ev_class
  from readers s
  join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = s.oid and d.classid = 'pg_rewrite'::regclass
  join pg_rewrite w on w.oid = d.objid
  where w.ev_class <> s.oid
)
select format('%I.%I', n.nspname, c.relname)
from readers s
join pg_class c on c.oid = s.oid
join pg_namespace n on n.oid = c.relnamespace
where has_schema_privilege($2, n.oid, 'usage')
  and has_any_column_privilege($2, c.oid, 'select')`

// A view that reads another with its owner's rights is one too, hence at any remove.
const selectDefinerViews = readers + `
  and c.relkind = 'v'
  and not coalesce((
    select o.option_value::boolean
    from pg_options_to_table(c.reloptions) o
    where o.option_name = 'security_invoker'), false)
order by 1`

const selectMaterialised = readers + `
  and c.relkind = 'm'
order by 1`

const selectPartitions = `
with recursive parts as (
  select a.attrelid as oid, a.attname as tenant
  from unnest($1::oid[], $3::int[]) t (id, number)
  join pg_attribute a on a.attrelid = t.id and a.attnum = t.number
  union
  select i.inhrelid, p.tenant
  from parts p
  join pg_inherits i on i.inhparent = p.oid
), policies as (
  select q.polrelid, q.polpermissive,
    coalesce(pg_get_expr(q.polqual, q.polrelid) <> 'true', true)
      and coalesce(pg_get_expr(q.polwithcheck, q.polrelid) <> 'true', true)
      and exists (
        select
        from pg_depend d
        join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where d.classid = 'pg_policy'::regclass
          and d.objid = q.oid
          and d.refclassid = 'pg_class'::regclass
          and d.refobjid = p.oid
          and a.attname = p.tenant) as reads_it
  from parts p
  join pg_policy q on q.polrelid = p.oid
  where exists (select from unnest(q.polroles) r where r = 0 or pg_has_role($2, r, 'usage'))
)
select format('%I.%I', n.nspname, c.relname)
from parts p
join pg_class c on c.oid = p.oid
join pg_namespace n on n.oid = c.relnamespace
where c.oid <> all ($1::oid[])
  and c.relkind in ('r', 'p', 'f')
  and has_schema_privilege($2, n.oid, 'usage')
  and (has_any_column_privilege($2, c.oid, 'select, insert, update') or has_table_privilege($2, c.oid, 'delete, truncate'))
  and not (c.relrowsecurity
    and (not exists (select from policies q where q.polrelid = c.oid and q.polpermissive and not q.reads_it)
      or exists (select from policies q where q.polrelid = c.oid and not q.polpermissive and q.reads_it)))
order by 1`

const selectDefiners = `
select p.oid::regprocedure::text
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
where p.prosecdef
  and n.nspname <> 'information_schema'
  and n.nspname not like 'pg\_%'
  and has_schema_privilege($1, n.oid, 'usage')
  and has_function_privilege($1, p.oid, 'execute')
  and not exists (select from unnest(p.proconfig) c where c like 'search_path=%')
  and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
order by 1`

const selectDetails = `
select distinct format('%I.%I', n.nspname, c.relname)
from pg_constraint k
join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace
where k.contype = 'f'
  and k.confrelid = any ($1::oid[])
  and k.conrelid <> all ($1::oid[])
  and not c.relispartition
  and c.oid not in (select oid from unnest($3::text[]) e cross join to_regclass(e) oid where oid is not null)
  and has_schema_privilege($2, n.oid, 'usage')
  and (has_any_column_privilege($2, c.oid, 'select, insert, update') or has_table_privilege($2, c.oid, 'delete'))
order by 1`
