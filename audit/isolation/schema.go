package isolation

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// schema is what the catalogue says of the tables with a tenant's column.
type schema struct {
	tables   []table
	byOID    map[uint32]*table
	policies map[uint32][]policy // those that bind the application's role, by table
}

// table is a table with a tenant's column. Partitions are not among them.
type table struct {
	OID         uint32
	Name        string // quoted, with its schema
	Schema      string // quoted
	Kind        string // r, p for partitioned, f for foreign
	Column      string // of the tenant, quoted
	Number      int16  // the column's
	Type        string // the column's
	Owner       string // quoted
	Enabled     bool   // row level security
	Forced      bool
	OwnerBound  bool // row level security hides rows from the role that asks
	Select      bool // what the application's role may do
	Insert      bool
	Update      bool
	Delete      bool
	Truncate    bool
	Settable    string // a column that it may update, quoted; empty when there is none
	Moves       bool   // it may update the tenant's column
	Partitioned bool   // by a key that a row of nulls does not fit into
	Reached     bool   // the application's role may do something with it, to some column
}

// may says whether the application's role may give a command.
func (t *table) may(c command) bool {
	return map[command]bool{readRows: t.Select, insertRows: t.Insert, updateRows: t.Update, deleteRows: t.Delete}[c]
}

// command is a letter of pg_policy.polcmd.
type command string

const (
	readRows   command = "r"
	insertRows command = "a"
	updateRows command = "w"
	deleteRows command = "d"
	anyCommand command = "*"
)

var commands = []command{readRows, insertRows, updateRows, deleteRows}

// String returns the command as SQL has it.
func (c command) String() string {
	return map[command]string{readRows: "select", insertRows: "insert", updateRows: "update", deleteRows: "delete", anyCommand: "all"}[c]
}

// policy is a policy that binds the application's role.
type policy struct {
	Table      uint32
	Name       string // quoted
	Permissive bool
	Command    command
	Using      *string
	Check      *string
	ReadsIt    bool // some expression of it reads the tenant's column
}

func (p *policy) covers(c command) bool { return p.Command == anyCommand || p.Command == c }

// filters says whether the policy has an expression for rows that are there.
func (p *policy) filters() bool { return p.Command != insertRows }

// checks says whether it has one for rows that are written.
func (p *policy) checks() bool { return p.Command != readRows && p.Command != deleteRows }

// isOpen says whether an expression is there and lets everything through.
func isOpen(expression *string) bool { return expression != nil && *expression == "true" }

const selectTables = `
with named as (
  select to_regclass(t.name) as oid, t.col
  from unnest($1::text[], $2::text[]) t (name, col)
), candidates as (
  select n.oid, n.col, 0 as rank
  from named n
  union all
  select a.attrelid, a.attname::text, array_position($3::text[], a.attname::text)
  from pg_attribute a
  where a.attname = any ($3::text[])
    and a.attrelid not in (select oid from named where oid is not null)
), chosen as (
  select distinct on (oid) oid, col
  from candidates
  order by oid, rank
)
select c.oid, format('%I.%I', n.nspname, c.relname) as name, quote_ident(n.nspname), c.relkind::text, quote_ident(a.attname), a.attnum,
  format_type(a.atttypid, a.atttypmod), quote_ident(pg_get_userbyid(c.relowner)), c.relrowsecurity, c.relforcerowsecurity,
  row_security_active(c.oid)
    and not exists (
      select
      from pg_policy p
      where p.polrelid = c.oid
        and p.polpermissive
        and p.polcmd in ('*', 'r')
        and pg_get_expr(p.polqual, p.polrelid) = 'true'
        and exists (select from unnest(p.polroles) r where r = 0 or pg_has_role(r, 'usage'))),
  usable and has_column_privilege($4, c.oid, a.attnum, 'select'),
  usable and has_column_privilege($4, c.oid, a.attnum, 'insert'),
  usable and has_any_column_privilege($4, c.oid, 'update'),
  usable and has_table_privilege($4, c.oid, 'delete'),
  usable and has_table_privilege($4, c.oid, 'truncate'),
  coalesce((
    select quote_ident(b.attname)
    from pg_attribute b
    where b.attrelid = c.oid
      and b.attnum > 0
      and not b.attisdropped
      and b.attgenerated = ''
      and b.attidentity <> 'a'
      and has_column_privilege($4, c.oid, b.attnum, 'update')
      and has_column_privilege($4, c.oid, b.attnum, 'select')
    order by b.attnum <> a.attnum, b.attnum
    limit 1), ''),
  usable and has_column_privilege($4, c.oid, a.attnum, 'update'),
  coalesce((select p.partstrat in ('r', 'l') and p.partdefid = 0 from pg_partitioned_table p where p.partrelid = c.oid), false),
  usable and (has_any_column_privilege($4, c.oid, 'select, insert, update') or has_table_privilege($4, c.oid, 'delete, truncate'))
from chosen t
join pg_class c on c.oid = t.oid
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attname = t.col
cross join lateral has_schema_privilege($4, n.oid, 'usage') usable
where c.relkind in ('r', 'p', 'f')
  and not c.relispartition
  and c.relpersistence <> 't'
  and not a.attisdropped
  and n.nspname <> 'information_schema'
  and n.nspname not like 'pg\_%'
  and c.oid not in (select oid from unnest($5::text[]) e cross join to_regclass(e) oid where oid is not null)
order by name`

const selectPolicies = `
select p.polrelid, quote_ident(p.polname), p.polpermissive, p.polcmd::text,
  pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid),
  exists (
    select
    from pg_depend d
    where d.classid = 'pg_policy'::regclass
      and d.objid = p.oid
      and d.refclassid = 'pg_class'::regclass
      and d.refobjid = p.polrelid
      and d.refobjsubid = t.number)
from pg_policy p
join unnest($1::oid[], $2::int[]) t (id, number) on t.id = p.polrelid
where exists (
  select
  from unnest(p.polroles) r
  where r = 0 or pg_has_role($3, r, 'usage'))
order by p.polrelid, p.polname`

// readSchema reads tables and policies.
func (r *run) readSchema(ctx context.Context, tx pgx.Tx) error {
	if err := r.checkNames(ctx, tx); err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(r.options.Tables))
	columns := make([]string, len(names))
	for i, name := range names {
		columns[i] = r.options.Tables[name]
	}
	except := slices.Collect(maps.Keys(r.options.Except))
	tables, err := all[table](ctx, tx, selectTables, names, columns, r.options.Columns, r.role, except)
	if err != nil {
		return err
	}
	r.schema = schema{tables: tables, byOID: map[uint32]*table{}, policies: map[uint32][]policy{}}
	oids, numbers := make([]uint32, len(tables)), make([]int32, len(tables))
	for i := range tables {
		t := &tables[i]
		r.schema.byOID[t.OID] = t
		oids[i], numbers[i] = t.OID, int32(t.Number)
		r.result.Tables = append(r.result.Tables, t.Name)
	}
	if len(tables) == 0 {
		r.add(Finding{Part: Static, Kind: NothingToTest, Object: r.role, Detail: fmt.Sprintf("no table has a column %v", r.options.Columns)})
	}
	policies, err := all[policy](ctx, tx, selectPolicies, oids, numbers, r.role)
	for _, p := range policies {
		r.schema.policies[p.Table] = append(r.schema.policies[p.Table], p)
	}
	return err
}

const selectUnknown = `
select name
from unnest($1::text[]) name
where to_regclass(name) is null
order by name`

// checkNames reports tables that the options name and that are not there: a misspelt one would be left out in silence.
func (r *run) checkNames(ctx context.Context, tx pgx.Tx) error {
	names := slices.Concat(slices.Collect(maps.Keys(r.options.Tables)), slices.Collect(maps.Keys(r.options.Except)))
	unknown, err := all[struct{ Name string }](ctx, tx, selectUnknown, names)
	for _, u := range unknown {
		r.notTried(Static, u.Name, "there is no such table", errUnknownTable)
	}
	return err
}

var errUnknownTable = fmt.Errorf("the options name it")

// all reads rows. Statements are planned for their arguments, and none is kept on the host's connection.
func all[T any](ctx context.Context, tx pgx.Tx, sql string, args ...any) ([]T, error) {
	rows, err := tx.Query(ctx, sql, append([]any{pgx.QueryExecModeExec}, args...)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[T])
}
