package restore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
)

// state is what a database holds.
type state struct {
	at      time.Time // for which rights are asked
	tables  map[string]content
	objects map[string]string // definitions, by kind and name
	size    int64             // of the audit log's tree
	root    audit.Hash
	rights  map[string][]entitlements.Decision // by company
}

// read reads all of it, as of now, in a snapshot that the database says the time of.
func (s *state) read(ctx context.Context, view pgx.Tx) (err error) {
	if err = view.QueryRow(ctx, "select now()").Scan(&s.at); err != nil {
		return err
	}
	if s.tables, err = readTables(ctx, view); err != nil {
		return err
	}
	if s.objects, err = readObjects(ctx, view); err != nil {
		return err
	}
	if s.size, s.root, err = readRoot(ctx, view); err != nil {
		return err
	}
	s.rights, err = readRights(ctx, view, s.at)
	return err
}

// querier is a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// content is how many rows a table has, and a sum over all of them. Rows are summed up as 64-bit hashes of their text,
// twice with different seeds: in whatever order they come, without sorting and in no memory.
type content struct {
	Rows       int64
	Sum, Check string
}

// alike makes two servers write values alike, and name everything with its schema.
const alike = `
set timezone = 'UTC';
set datestyle = 'ISO, YMD';
set intervalstyle = 'postgres';
set extra_float_digits = 1;
set bytea_output = 'hex';
set lc_monetary = 'C';
set search_path = pg_catalog`

const tablesSQL = `
select n.nspname, c.relname
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r'
  and c.relpersistence <> 't'
  and n.nspname !~ '^pg_'
  and n.nspname <> 'information_schema'
order by 1, 2`

// readTables sums up every table.
func readTables(ctx context.Context, db querier) (map[string]content, error) {
	rows, err := db.Query(ctx, tablesSQL)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (id pgx.Identifier, err error) {
		id = make(pgx.Identifier, 2)
		return id, row.Scan(&id[0], &id[1])
	})
	if err != nil {
		return nil, err
	}
	tables := make(map[string]content, len(names))
	for _, name := range names {
		var c content
		if err := db.QueryRow(ctx, sumSQL(name)).Scan(&c.Rows, &c.Sum, &c.Check); err != nil {
			return nil, fmt.Errorf("%s: %w", name.Sanitize(), err)
		}
		tables[name[0]+"."+name[1]] = c
	}
	return tables, nil
}

func sumSQL(table pgx.Identifier) string {
	return `
select count(*),
  coalesce(sum(hashtextextended((summed.*)::text, 0)), 0)::text,
  coalesce(sum(hashtextextended((summed.*)::text, 1)), 0)::text
from only ` + table.Sanitize() + ` summed`
}

// objectsSQL reads how everything is defined that is no row: a copy with all rows and without a policy or a trigger is
// no copy.
const objectsSQL = `
with mine as (
  select oid, nspname
  from pg_namespace
  where nspname !~ '^pg_'
    and nspname <> 'information_schema'
), relations as (
  select c.*, format('%I.%I', m.nspname, c.relname) as name
  from pg_class c
  join mine m on m.oid = c.relnamespace
)
select 'relation ' || r.name,
  concat_ws('; ', r.relkind, 'owner ' || pg_get_userbyid(r.relowner),
    'row level security ' || r.relrowsecurity || ' ' || r.relforcerowsecurity,
    pg_get_expr(r.relpartbound, r.oid),
    case when r.relkind in ('v', 'm') then pg_get_viewdef(r.oid) end,
    (
      select string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
        case when a.attnotnull then 'not null' end, pg_get_expr(d.adbin, d.adrelid)), ', ' order by a.attnum)
      from pg_attribute a
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = r.oid
        and a.attnum > 0
        and not a.attisdropped),
    (
      select string_agg(format('%s to %s', x.privilege_type, x.grantee::regrole), ', ' order by x.grantee::regrole::text, x.privilege_type)
      from aclexplode(coalesce(r.relacl, acldefault(case r.relkind when 'S' then 's' else 'r' end::"char", r.relowner))) x))
from relations r
where r.relkind in ('r', 'p', 'v', 'm', 'S')
union all
select 'index ' || r.name, pg_get_indexdef(r.oid) || case when i.indisvalid then '' else ' invalid' end
from relations r
join pg_index i on i.indexrelid = r.oid
union all
select format('constraint %I on %s', c.conname, r.name), pg_get_constraintdef(c.oid) || ' ' || c.convalidated
from pg_constraint c
join relations r on r.oid = c.conrelid
union all
select format('trigger %I on %s', t.tgname, r.name), pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
from pg_trigger t
join relations r on r.oid = t.tgrelid
where not t.tgisinternal
union all
select format('policy %I on %s', p.polname, r.name),
  concat_ws('; ', p.polcmd, p.polpermissive, (
      select string_agg(distinct u::regrole::text, ', ')
      from unnest(p.polroles) u), pg_get_expr(p.polqual, r.oid), pg_get_expr(p.polwithcheck, r.oid))
from pg_policy p
join relations r on r.oid = p.polrelid
union all
select 'function ' || p.oid::regprocedure,
  concat_ws('; ', pg_get_userbyid(p.proowner), case when p.prokind <> 'a' then pg_get_functiondef(p.oid) end, (
    select string_agg(format('%s to %s', x.privilege_type, x.grantee::regrole), ', ' order by x.grantee::regrole::text)
    from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x))
from pg_proc p
join mine m on m.oid = p.pronamespace
union all
select format('schema %I', n.nspname), concat_ws('; ', pg_get_userbyid(n.nspowner), (
    select string_agg(format('%s to %s', x.privilege_type, x.grantee::regrole), ', ' order by x.grantee::regrole::text, x.privilege_type)
    from aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) x))
from pg_namespace n
join mine m on m.oid = n.oid
union all
select 'extension ' || extname, extversion
from pg_extension`

func readObjects(ctx context.Context, db querier) (map[string]string, error) {
	rows, err := db.Query(ctx, objectsSQL)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[object])
	objects := make(map[string]string, len(found))
	for _, o := range found {
		objects[o.Name] = o.Definition
	}
	return objects, err
}

type object struct{ Name, Definition string }

// readRoot computes the root of the audit log's tree.
func readRoot(ctx context.Context, db auditpg.DB) (int64, audit.Hash, error) {
	store := auditpg.New(db, nil)
	head, err := store.Head(ctx)
	if err != nil || head.Size == 0 {
		return 0, audit.EmptyRoot(), err
	}
	root, err := audit.NewTree(head.Size, store.Hashes).Root(ctx)
	return head.Size, root, err
}

// frozen is a store whose clock stands: both sides are asked for the same instant.
type frozen struct {
	*entitlementspg.Store
	at time.Time
}

func (f frozen) Clock(context.Context) (time.Time, error) { return f.at, nil }

// maxCompanies bounds those whose rights are asked for.
const maxCompanies = 50

// companiesSQL takes companies from everywhere, the same ones on both sides.
const companiesSQL = `
select tenant_id
from tenon.org_entitlements
order by md5(tenant_id), tenant_id
limit $1`

// askWithin bounds one question about rights: nobody waits for the answer.
const askWithin = time.Minute

// readRights asks what some of the companies may do at an instant.
func readRights(ctx context.Context, db entitlementspg.DB, at time.Time) (map[string][]entitlements.Decision, error) {
	rows, err := db.Query(ctx, companiesSQL, maxCompanies)
	if err != nil {
		return nil, err
	}
	companies, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	gate := entitlements.NewGate(frozen{entitlementspg.New(db, nil), at}, &entitlements.Options{Timeout: askWithin})
	rights := make(map[string][]entitlements.Decision, len(companies))
	for _, company := range companies {
		decisions, err := gate.CheckAll(ctx, company)
		if err != nil {
			return nil, err
		}
		for i := range decisions {
			decisions[i].Age = 0
		}
		rights[company] = decisions
	}
	return rights, nil
}
