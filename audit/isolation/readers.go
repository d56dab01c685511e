package isolation

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// reader is something other than a table that gives rows with a tenant: a view, a function, a query of the host's.
type reader struct {
	Name   string // for people
	From   string // as it stands in a from clause, called x
	Column string // of the tenant, quoted
}

const selectReaders = `
select format('%I.%I', n.nspname, c.relname), format('%I.%I x', n.nspname, c.relname), quote_ident(a.attname)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid
where c.relkind in ('v', 'm')
  and a.attname = any ($1)
  and not a.attisdropped
  and n.nspname <> 'information_schema'
  and n.nspname not like 'pg\_%'
  and has_schema_privilege(n.oid, 'usage')
  and has_column_privilege(c.oid, a.attnum, 'select')
  and (c.relkind = 'v' or c.relispopulated)
union all
select p.oid::regprocedure::text, format('%I.%I() x', n.nspname, p.proname), quote_ident(o.name)
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
cross join lateral (
  select u.name
  from unnest(p.proargnames, p.proargmodes) u (name, mode)
  where u.mode in ('t', 'o')
  union
  select a.attname
  from pg_type t
  join pg_attribute a on a.attrelid = t.typrelid
  where t.oid = p.prorettype
    and a.attnum > 0
    and not a.attisdropped) o
where o.name = any ($1)
  and p.prokind = 'f'
  and p.provolatile <> 'v'
  and p.pronargs = p.pronargdefaults
  and n.nspname <> 'information_schema'
  and n.nspname not like 'pg\_%'
  and has_schema_privilege(n.oid, 'usage')
  and has_function_privilege(p.oid, 'execute')
order by 1`

// probeReaders tries to read across the line through views, functions and the host's queries.
func (r *run) probeReaders(ctx context.Context) error {
	return rolledBack(ctx, r.app, func(tx pgx.Tx) error {
		readers, err := all[reader](ctx, tx, selectReaders, r.options.Columns)
		if err != nil {
			return err
		}
		for _, call := range r.options.Calls {
			readers = append(readers, reader{Name: call, From: "(" + call + ") x(tenant)", Column: "tenant"})
		}
		for _, v := range readers {
			for _, tenant := range append(r.someTenants(), "") {
				r.probeReader(ctx, tx, v, tenant)
			}
		}
		return nil
	})
}

// someTenants returns those that were asked for, or up to four of those that tables were probed with.
func (r *run) someTenants() []string {
	if len(r.options.Tenants) > 0 {
		return r.options.Tenants
	}
	seen := map[string]bool{}
	for _, pairs := range r.pairs {
		for _, p := range pairs {
			seen[p[0]] = true
		}
	}
	tenants := slices.Sorted(maps.Keys(seen))
	return tenants[:min(len(tenants), 4)]
}

func (r *run) probeReader(ctx context.Context, tx pgx.Tx, v reader, tenant string) {
	sql := fmt.Sprintf("select count(*) from (select from %s where x.%s::text is distinct from nullif(%s, '') limit %d) y",
		v.From, v.Column, text(tenant), countedUpTo)
	what := "read another tenant's rows through it"
	if tenant == "" {
		what = "read rows through it while no tenant is named"
	}
	a := attack{kind: CrossRead, command: readRows, setting: tenant, sql: sql, what: what, counts: true}
	rows, err := r.try(ctx, tx, a)
	if err != nil {
		r.notTried(Probe, v.Name, what, err)
		return
	}
	r.report(v.Name, a, rows)
}
