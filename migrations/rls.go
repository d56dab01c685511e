package migrations

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
)

// EnableRLS switches row level security on for every table in schema tenon that has a column tenant_id, partitions too,
// and forces it on the owner. The app role then reads and writes the rows of the tenant that its transaction names,
//
//	select set_config('tenon.tenant_id', 'acme', true)
//
// and none before it names one. The worker role and the table's owner see every tenant. Partitions made later take the
// policies of their table; tables made later do not, so call it as the owner after [Apply], each time. Calling it again
// writes the policies afresh.
//
// Each table is done in a transaction of its own, for which it is locked. App must be neither Worker nor the owner of
// the tables: policies would not bind it.
func EnableRLS(ctx context.Context, conn *pgx.Conn, roles Roles) error {
	err := roles.check()
	if err == nil && roles.App == roles.Worker {
		err = tenon.Invalid("app", "is the worker role too, which sees every tenant")
	}
	if err == nil {
		err = eachTenantTable(ctx, conn, func(t tenantTable) ([]string, error) { return t.enable(roles) })
	}
	if err != nil {
		return fmt.Errorf("migrations: row level security: %w", err)
	}
	return nil
}

// DisableRLS undoes [EnableRLS]. Policies that the host added itself stay and have no effect.
func DisableRLS(ctx context.Context, conn *pgx.Conn) error {
	err := eachTenantTable(ctx, conn, func(t tenantTable) ([]string, error) { return t.disable(), nil })
	if err != nil {
		return fmt.Errorf("migrations: row level security: %w", err)
	}
	return nil
}

type tenantTable struct {
	Name  string // quoted, with schema
	Owner string
}

// Partitions come second, so that one made meanwhile takes its table's policies.
const selectTenantTables = `
select format('%I.%I', n.nspname, c.relname),
  pg_get_userbyid(c.relowner)::text
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid
where n.nspname = 'tenon'
  and c.relkind in ('r', 'p')
  and c.relispartition = $1
  and a.attname = 'tenant_id'
  and not a.attisdropped
order by c.relname`

func eachTenantTable(ctx context.Context, conn *pgx.Conn, statements func(tenantTable) ([]string, error)) error {
	if err := checkIdle(conn); err != nil {
		return err
	}
	for _, partitions := range []bool{false, true} {
		rows, err := conn.Query(ctx, selectTenantTables, plain, partitions)
		if err != nil {
			return err
		}
		tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[tenantTable])
		if err != nil {
			return err
		}
		for _, t := range tables {
			ss, err := statements(t)
			if err != nil {
				return err
			}
			if err := locked(ctx, conn, func(tx pgx.Tx) error { return execAll(ctx, tx, ss) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// thisTenant is null, and no row's tenant, before the transaction names one: a setting that was set earlier on the same
// connection reads ” after its transaction.
const thisTenant = "tenant_id = nullif(current_setting('tenon.tenant_id', true), '')"

func (t tenantTable) enable(roles Roles) ([]string, error) {
	if t.Owner == roles.App {
		return nil, tenon.Invalid("app", "owns %s, which policies would not bind", t.Name)
	}
	return append(t.dropPolicies(),
		"alter table "+t.Name+" enable row level security",
		"alter table "+t.Name+" force row level security",
		t.policy("tenon_app", roles.App, thisTenant),
		t.policy("tenon_worker", roles.Worker, "true"),
		t.policy("tenon_owner", t.Owner, "true"),
	), nil
}

func (t tenantTable) disable() []string {
	return append(t.dropPolicies(),
		"alter table "+t.Name+" no force row level security",
		"alter table "+t.Name+" disable row level security")
}

func (t tenantTable) policy(name, role, rows string) string {
	return fmt.Sprintf("create policy %s on %s for all to %s using (%s) with check (%s)",
		name, t.Name, pgx.Identifier{role}.Sanitize(), rows, rows)
}

func (t tenantTable) dropPolicies() []string {
	var ss []string
	for _, name := range []string{"tenon_app", "tenon_worker", "tenon_owner"} {
		ss = append(ss, "drop policy if exists "+name+" on "+t.Name)
	}
	return ss
}

// A table is filtered when row level security binds the current role there, and some command has no permissive policy
// without a condition, or a restrictive policy with one.
const selectFiltered = `
with mine as (
  select p.polrelid, p.polpermissive,
    case p.polcmd when '*' then array['r', 'a', 'w', 'd'] else array[p.polcmd::text] end as commands,
    coalesce(pg_get_expr(p.polqual, p.polrelid), 'true') = 'true'
      and coalesce(pg_get_expr(p.polwithcheck, p.polrelid), 'true') = 'true' as open
  from pg_policy p
  where exists (
    select
    from unnest(p.polroles) r
    where r = 0 or pg_has_role(current_user, r, 'usage')))
select format('%I.%I', n.nspname, c.relname)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.oid in (
    select t::regclass
    from unnest($1::text[]) t)
  and row_security_active(c.oid)
  and (exists (
      select
      from unnest(array['r', 'a', 'w', 'd']) command
      where not exists (
        select
        from mine
        where polrelid = c.oid
          and polpermissive
          and open
          and command = any (commands)))
    or exists (
      select
      from mine
      where polrelid = c.oid
        and not polpermissive
        and not open))
order by c.relname`

const selectTenantTableNames = `
select format('%I.%I', n.nspname, c.relname)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid
where n.nspname = 'tenon'
  and c.relkind in ('r', 'p')
  and not c.relispartition
  and a.attname = 'tenant_id'
  and not a.attisdropped`

// Filtered returns those of the tables on which row level security hides rows from the current role, or keeps it from
// writing them. Tables are named as regclass reads them: public.quotes, "Odd".name. A table that is not there is an error.
func Filtered(ctx context.Context, db Querier, tables []string) ([]string, error) {
	return all[string](ctx, db, selectFiltered, tables)
}

// CheckNotFiltered returns an [ErrFiltered] when row level security hides rows of some tenant from the current role, and
// names the role and the tables. Work across tenants would find nothing to do there, without an error, so every Run
// loop calls it first.
func CheckNotFiltered(ctx context.Context, db Querier) error {
	ours, err := all[string](ctx, db, selectTenantTableNames)
	if err != nil {
		return err
	}
	tables, err := Filtered(ctx, db, ours)
	if err != nil || len(tables) == 0 {
		return err
	}
	role, err := one[string](ctx, db, "select current_user::text")
	if err != nil {
		return err
	}
	return fmt.Errorf("migrations: role %q works across tenants and has no policy \"using (true)\" on %s; "+
		"connect as the worker role, or call EnableRLS with this role as Worker: %w",
		role, strings.Join(tables, ", "), ErrFiltered)
}
