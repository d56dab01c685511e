package migrations

import "context"

const notOwned = `
select format('alter schema tenon owner to %I', $1::text)
from pg_namespace
where nspname = 'tenon'
  and pg_get_userbyid(nspowner) <> $1
union all
select format('alter %s tenon.%I owner to %I',
  case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
    when 'f' then 'foreign table' else 'table' end,
  c.relname, $1::text)
from pg_class c
where c.relnamespace = to_regnamespace('tenon')
  and c.relkind in ('r', 'p', 'f', 'v', 'm', 'S')
  and pg_get_userbyid(c.relowner) <> $1
  and not exists (
    select
    from pg_depend d
    where d.classid = 'pg_class'::regclass
      and d.objid = c.oid
      and c.relkind = 'S'
      and d.deptype in ('a', 'i'))
union all
select format('alter routine tenon.%I(%s) owner to %I', p.proname, pg_get_function_identity_arguments(p.oid), $1::text)
from pg_proc p
where p.pronamespace = to_regnamespace('tenon')
  and pg_get_userbyid(p.proowner) <> $1
union all
select format('alter type tenon.%I owner to %I', t.typname, $1::text)
from pg_type t
where t.typnamespace = to_regnamespace('tenon')
  and t.typtype in ('d', 'e')
  and pg_get_userbyid(t.typowner) <> $1`

// handOver returns the statements that make owner the owner of everything in the schema.
func handOver(ctx context.Context, db Querier, owner string) ([]string, error) {
	if owner == "" {
		return nil, nil
	}
	return all[string](ctx, db, notOwned, owner)
}
