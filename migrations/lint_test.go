package migrations_test

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// The names that a statement gives to tenon's objects. A pattern's first group is the name.
var named = compile(
	`^create (?:unlogged )?table (?:if not exists )?(\S+)`,
	`^create (?:unique )?index (?:concurrently )?(?:if not exists )?\S+ on (?:only )?(\S+)`,
	`^create (?:or replace )?(?:function|procedure|view|aggregate) ([^\s(]+)`,
	`^create (?:materialized view|sequence|type|domain|statistics) (?:if not exists )?([^\s(]+)`,
	`^create (?:or replace )?(?:constraint )?trigger .*? on (\S+)`,
	`^create policy \S+ on (\S+)`,
	`^alter (?:table|view|materialized view|sequence|function|procedure|index|type|domain) (?:if exists )?(?:only )?([^\s(]+)`,
	`^drop (?:table|view|materialized view|sequence|function|procedure|routine|index|type|domain) (?:concurrently )?(?:if exists )?([^\s(]+)`,
	`^drop (?:trigger|policy) (?:if exists )?\S+ on (\S+)`,
	`^(?:insert into|update|delete from|truncate) (?:only )?([^\s(]+)`,
	`^comment on (?:table|view|function|index|sequence) ([^\s(]+)`,
	`^comment on column ([^\s(]+)`,
	`\b(?:references|execute function) ([^\s(]+)`,
)

func compile(patterns ...string) []*regexp.Regexp {
	var res []*regexp.Regexp
	for _, p := range patterns {
		res = append(res, regexp.MustCompile(p))
	}
	return res
}

var (
	upper      = regexp.MustCompile(`[A-Z]`)
	blank      = regexp.MustCompile(`\s+`)
	newRoutine = regexp.MustCompile(`^create (?:or replace )?(?:function|procedure) ([^\s(]+)`)
	oneArg     = regexp.MustCompile(`^(?:(?:in|inout|variadic) )?p_[a-z0-9_]+ \S`)
	outArg     = regexp.MustCompile(`^out `)
	hidden     = regexp.MustCompile(`(?s)'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/`)
	dollarTags = regexp.MustCompile(`\$[a-z_]*\$`)
)

// lint returns what is wrong with a file.
func lint(file, sql string) []string {
	statements, err := migrations.Statements(sql)
	if err != nil {
		return []string{file + ": " + err.Error()}
	}
	var wrong []string
	if strings.HasPrefix(sql, "-- tenon:no-transaction") && len(statements) > 1 {
		wrong = append(wrong, file+": several statements outside a transaction")
	}
	for _, s := range statements {
		shown := blank.ReplaceAllString(hidden.ReplaceAllString(s, "''"), " ")
		report := func(format string, args ...any) {
			wrong = append(wrong, fmt.Sprintf("%s: %.60s: ", file, shown)+fmt.Sprintf(format, args...))
		}
		if m := upper.FindString(dollarTags.ReplaceAllString(shown, "")); m != "" {
			report("upper case %q", m)
		}
		head, _, _ := strings.Cut(shown, "$")
		for _, re := range named {
			for _, m := range re.FindAllStringSubmatch(head, -1) {
				if !strings.HasPrefix(m[1], "tenon.") {
					report("%q is not in schema tenon", m[1])
				}
			}
		}
		if m := newRoutine.FindStringSubmatch(head); m != nil {
			lintRoutine(m[1], head, statements, report)
		}
	}
	return wrong
}

func lintRoutine(name, head string, statements []string, report func(string, ...any)) {
	for _, arg := range arguments(head) {
		if !oneArg.MatchString(arg) && !outArg.MatchString(arg) {
			report("parameter %q is not named p_…", arg)
		}
	}
	if !strings.Contains(head, "security definer") {
		return
	}
	if !strings.Contains(head, "set search_path = ") {
		report("security definer without a search_path")
	}
	for _, s := range statements {
		s = blank.ReplaceAllString(s, " ")
		if strings.HasPrefix(s, "revoke ") && strings.Contains(s, " on function "+name+"(") && strings.HasSuffix(s, " from public") {
			return
		}
	}
	report("security definer without a revoke from public")
}

// arguments returns the parameters of a "create function".
func arguments(head string) []string {
	_, rest, _ := strings.Cut(head, "(")
	var args []string
	depth, start := 1, 0
	for i, c := range rest {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		}
		if c == ',' && depth == 1 || depth == 0 {
			if arg := strings.TrimSpace(rest[start:i]); arg != "" {
				args = append(args, arg)
			}
			start = i + 1
		}
		if depth == 0 {
			break
		}
	}
	return args
}

func TestLintFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"-- tenon:no-transaction\nselect 1; select 2": "several statements",
		"select 'a":                                                  "string without an end",
		"Create table tenon.a (id int)":                              `upper case "C"`,
		"do $$ begin SELECT 1; end $$":                               `upper case "S"`,
		"create table a (id int)":                                    `"a" is not in`,
		"create table if not exists public.a (id int)":               `"public.a" is not in`,
		"create unique index concurrently i on a (id)":               `"a" is not in`,
		"create or replace function f() returns int":                 `"f" is not in`,
		"create view v as select 1":                                  `"v" is not in`,
		"create trigger a after insert on b for each":                `"b" is not in`,
		"create table tenon.a (b int references c (d))":              `"c" is not in`,
		"drop index if exists i":                                     `"i" is not in`,
		"insert into a values (1)":                                   `"a" is not in`,
		"create function tenon.f(company text, p_b int) returns int": `parameter "company text"`,
		"create function tenon.f(p_a numeric(10, 2), text)":          `parameter "text"`,
		"create function tenon.f() security definer as $$ $$; revoke execute on function tenon.f() from public":                      "without a search_path",
		"create function tenon.f() security definer set search_path = pg_catalog as ''":                                              "without a revoke",
		"create function tenon.f() security definer set search_path = pg_catalog; revoke execute on function tenon.ff() from public": "without a revoke",
	} {
		require.Contains(t, strings.Join(lint("x", sql), "\n"), want, sql)
	}
	require.Empty(t, lint("x", `-- A comment. In English;
create function tenon.f(p_a numeric(10, 2) default 1.0, inout p_b text, out c int) language sql security definer
  set search_path = pg_catalog, pg_temp as $$ select 'A' -- B
$$;
revoke execute on function tenon.f(numeric, text) from public;`))
}

func TestLintOfEveryFile(t *testing.T) {
	t.Parallel()
	ups, routines := 0, 0
	err := fs.WalkDir(migrations.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		sql, err := fs.ReadFile(migrations.FS(), path)
		require.NoError(t, err)
		for _, wrong := range lint(path, string(sql)) {
			t.Error(wrong)
		}
		routines += strings.Count(string(sql), "create function tenon.")
		if base, ok := strings.CutSuffix(path, ".up.sql"); ok {
			ups++
			_, err := fs.Stat(migrations.FS(), base+".down.sql")
			require.NoError(t, err)
		}
		return nil
	})
	require.NoError(t, err)
	require.GreaterOrEqual(t, ups, len(migrations.All()))
	require.GreaterOrEqual(t, routines, 7)
}

const keysWithoutTenant = `
select c.relname::text
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
where c.relnamespace = 'tenon'::regnamespace
  and c.relkind in ('r', 'p')
  and not exists (
    select
    from pg_constraint k
    where k.conrelid = c.oid
      and k.contype = 'p'
      and k.conkey[1] = a.attnum)
order by 1`

const loosePrivileges = `
select p.oid::regprocedure::text || ': ' || w.what
from pg_proc p
cross join lateral (
  select 'parameter ' || a.name as what
  from unnest(p.proargnames, coalesce(p.proargmodes, array_fill('i'::"char", array[p.pronargs::int]))) a (name, mode)
  where a.mode in ('i', 'b', 'v')
    and a.name not like 'p\_%'
  union all
  select 'no names for its parameters'
  where p.pronargs > 0 and p.proargnames is null
  union all
  select 'no search_path'
  where p.prosqlbody is null
    and not exists (select from unnest(p.proconfig) c where c like 'search_path=%')
  union all
  select 'security definer for everybody'
  where p.prosecdef
    and (p.proacl is null or exists (select from aclexplode(p.proacl) x where x.grantee = 0))) w
where p.pronamespace = 'tenon'::regnamespace
order by 1`

func TestCatalogAfterEverySet(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.Database(t, migrations.All()...))
	require.Empty(t, list(t, conn, keysWithoutTenant))
	require.Empty(t, list(t, conn, loosePrivileges))
	require.NotEmpty(t, list(t, conn, "select proname::text from pg_proc where pronamespace = 'tenon'::regnamespace"))

	exec(t, conn, `
create table tenon.planted (id int, tenant_id text, primary key (id, tenant_id));
create table tenon.bare (tenant_id text);
create function tenon.planted(company text) returns int language sql security definer as 'select 1';
create function tenon.unnamed(text) returns int language sql set search_path = pg_catalog as 'select 1'`)
	require.Equal(t, []string{"bare", "planted"}, list(t, conn, keysWithoutTenant))
	exec(t, conn, "set search_path = public") // regprocedure leaves out a schema on the path
	require.Equal(t, []string{
		"tenon.planted(text): no search_path", "tenon.planted(text): parameter company",
		"tenon.planted(text): security definer for everybody", "tenon.unnamed(text): no names for its parameters",
	}, list(t, conn, loosePrivileges))
}

func TestUpDownUpLeavesTheSameSchema(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	conn := emptyDatabase(t)
	sets := append(migrations.All(), hostSet())
	require.NoError(t, migrations.Apply(ctx, conn, sets...))
	before := schema(t, conn)
	require.Greater(t, len(before), 30)

	for i := len(sets) - 1; i >= 0; i-- { // Core is first
		require.NoError(t, migrations.Down(ctx, conn, sets[i], 0))
	}
	var left []string
	for _, s := range schema(t, conn) {
		if !strings.Contains(s, "migrations") {
			left = append(left, s)
		}
	}
	require.Empty(t, left, "down leaves only the ledger")
	require.NoError(t, migrations.Apply(ctx, conn, sets...))
	require.Equal(t, before, schema(t, conn))
}

// schema describes every object of schema tenon in words that do not depend on when it was made.
func schema(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	return list(t, conn, `
select concat_ws(' ', 'relation', c.relkind, c.relname, c.relacl, c.relrowsecurity, c.reloptions,
  pg_get_expr(c.relpartbound, c.oid), pg_get_partkeydef(c.oid), obj_description(c.oid, 'pg_class'),
  case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end)
from pg_class c where c.relnamespace = 'tenon'::regnamespace
union all
select concat_ws(' ', 'column', c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
  a.attgenerated, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum))
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum where c.relnamespace = 'tenon'::regnamespace
union all
select concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated)
from pg_constraint where connamespace = 'tenon'::regnamespace
union all
select concat_ws(' ', 'index', indexdef) from pg_indexes where schemaname = 'tenon'
union all
select concat_ws(' ', 'routine', pg_get_functiondef(oid), proacl, obj_description(oid, 'pg_proc'))
from pg_proc where pronamespace = 'tenon'::regnamespace and prokind <> 'a'
union all
select concat_ws(' ', 'trigger', pg_get_triggerdef(g.oid), g.tgenabled)
from pg_trigger g join pg_class c on c.oid = g.tgrelid where c.relnamespace = 'tenon'::regnamespace and not g.tgisinternal
union all
select concat_ws(' ', 'policy', tablename, policyname, permissive, roles, cmd, qual, with_check) from pg_policies where schemaname = 'tenon'
union all
select concat_ws(' ', 'type', typname, typtype, (select string_agg(enumlabel, ' ' order by enumsortorder) from pg_enum where enumtypid = t.oid))
from pg_type t where typnamespace = 'tenon'::regnamespace and typtype in ('d', 'e')
order by 1`)
}

func TestAllHasEveryFolderOnce(t *testing.T) {
	t.Parallel()
	folders, err := fs.ReadDir(migrations.FS(), ".")
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	seen := map[string]bool{}
	for _, s := range migrations.All() {
		seen[s.Name()] = true
	}
	require.Len(t, seen, len(folders))
	require.Equal(t, "core", migrations.All()[0].Name())
}
