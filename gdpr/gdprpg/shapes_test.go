package gdprpg_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/internal/pgtest"
)

// soft returns a reference of one column that is no key.
func soft(name, from, column, to, toColumn string) gdpr.Reference {
	return gdpr.Reference{Name: name, From: from, Columns: []string{column}, To: to, ToColumns: []string{toColumn}}
}

// deleted returns the rule for a table whose rows go.
func deleted(columns ...string) gdpr.TableRule {
	return gdpr.TableRule{Rule: gdpr.Delete, Columns: gdpr.Columns(gdpr.ColumnRule{}, columns...)}
}

// eraseOf erases a company and returns what was done with each table.
func eraseOf(t *testing.T, pool *pgxpool.Pool, def *gdpr.Definition, tenant string) map[string]int64 {
	t.Helper()
	host, d := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: def, Batch: 2, Rest: -1}), deletion(tenant)
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	require.Empty(t, plan.Problems)
	erasure, err := host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	return erasure.Rows()
}

func TestRowsWithoutAPrimaryKeyAreFoundThroughTheirOwnKind(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, `
create schema wood;
create table wood.companies (id text primary key);
create table wood.branches (no int not null, company_id text, parent int);
insert into wood.companies values ('acme'), ('zenith');
insert into wood.branches values (1, 'acme', null), (2, null, 1), (3, null, 2), (4, null, 2), (5, null, 4),
  (11, 'zenith', null), (12, null, 11), (13, 'zenith', 5)`)
	branches := deleted("no", "company_id", "parent")
	branches.Key = []string{"no"}
	def := &gdpr.Definition{
		Root: gdpr.Root{Table: "wood.companies", Key: "id"}, Schemas: []string{"wood"},
		References: []gdpr.Reference{
			soft("company", "wood.branches", "company_id", "wood.companies", "id"), soft("parent", "wood.branches", "parent", "wood.branches", "no"),
		},
		Tables: map[string]gdpr.TableRule{"wood.companies": deleted("id"), "wood.branches": branches},
	}
	require.Equal(t, map[string]int64{"wood.companies": 1, "wood.branches": 5}, eraseOf(t, pool, def, "acme"))
	require.Equal(t, []int{11, 12, 13}, pgtest.List[int](t, pool, "select no from wood.branches order by no"))
}

// TestATowerOfTables has two references from each storey to the one below, so that a predicate that followed all would
// double with each.
func TestATowerOfTables(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, `
create schema tower;
create table tower.companies (id text primary key);
create table tower.t0 (id int primary key, company_id text not null);
insert into tower.companies values ('acme'), ('zenith');
insert into tower.t0 values (1, 'acme'), (2, 'acme'), (3, 'zenith'), (4, 'zenith')`)
	def := &gdpr.Definition{
		Root: gdpr.Root{Table: "tower.companies", Key: "id"}, Schemas: []string{"tower"},
		References: []gdpr.Reference{soft("company", "tower.t0", "company_id", "tower.companies", "id")},
		Tables:     map[string]gdpr.TableRule{"tower.companies": deleted("id"), "tower.t0": deleted("id", "company_id")},
	}
	want := map[string]int64{"tower.companies": 1, "tower.t0": 2}
	for storey := 1; storey <= 7; storey++ {
		table, below := fmt.Sprintf("tower.t%d", storey), fmt.Sprintf("tower.t%d", storey-1)
		pgtest.Exec(t, pool, fmt.Sprintf(`
create table %[1]s (id int primary key, a int, b int);
insert into %[1]s values (1, 1, null), (2, null, 2), (3, 3, null), (4, null, 4), (5, 3, 1)`, table))
		rule := deleted("id", "a", "b")
		rule.OwnedBy = []string{"a", "b"} // the first that is not null decides
		def.Tables[table] = rule
		def.References = append(def.References, soft("a", table, "a", below, "id"), soft("b", table, "b", below, "id"))
		want[table] = 2
	}
	require.Equal(t, want, eraseOf(t, pool, def, "acme"))
	for storey := 1; storey <= 7; storey++ {
		require.Equal(t, []int{3, 4, 5}, pgtest.List[int](t, pool, fmt.Sprintf("select id from tower.t%d order by id", storey)))
	}
}

func TestAKeyOfMoreThanTheSubjectsID(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, `
create schema regions;
create table regions.companies (id text primary key, region text not null, unique (id, region));
create table regions.depots (id int primary key, company_id text not null, region text not null,
  foreign key (company_id, region) references regions.companies (id, region));
insert into regions.companies values ('acme', 'north'), ('zenith', 'north');
insert into regions.depots values (1, 'acme', 'north'), (2, 'zenith', 'north'), (3, 'acme', 'north')`)
	def := &gdpr.Definition{
		Root: gdpr.Root{Table: "regions.companies", Key: "id"}, Schemas: []string{"regions"},
		Tables: map[string]gdpr.TableRule{
			"regions.companies": deleted("id", "region"), "regions.depots": deleted("id", "company_id", "region"),
		},
	}
	require.Equal(t, map[string]int64{"regions.companies": 1, "regions.depots": 2}, eraseOf(t, pool, def, "acme"))
	require.Equal(t, []int{2}, pgtest.List[int](t, pool, "select id from regions.depots"))
}

func TestReferencesBetweenColumnsOfOtherTypes(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, `
create schema kinds;
create table kinds.companies (code text primary key);
create table kinds.letters (id int primary key, company int);
create table kinds.parcels (code text primary key, letter text);
create table kinds.scans (id int primary key, parcel int);
insert into kinds.companies values ('1001'), ('1002'), ('acme');
insert into kinds.letters values (1, 1001), (2, 1002), (3, 1001);
insert into kinds.parcels values ('11', '1'), ('12', '2'), ('x', '?');
insert into kinds.scans values (1, 11), (2, 12), (3, 11)`)
	def := &gdpr.Definition{
		Root: gdpr.Root{Table: "kinds.companies", Key: "code"}, Schemas: []string{"kinds"},
		References: []gdpr.Reference{
			soft("company", "kinds.letters", "company", "kinds.companies", "code"), soft("letter", "kinds.parcels", "letter", "kinds.letters", "id"),
			soft("parcel", "kinds.scans", "parcel", "kinds.parcels", "code"),
		},
		Tables: map[string]gdpr.TableRule{
			"kinds.companies": deleted("code"), "kinds.letters": deleted("id", "company"),
			"kinds.parcels": deleted("code", "letter"), "kinds.scans": deleted("id", "parcel"),
		},
	}
	require.Equal(t, map[string]int64{"kinds.companies": 1, "kinds.letters": 0, "kinds.parcels": 0, "kinds.scans": 0},
		eraseOf(t, pool, def, "acme"), "its code is no number, and no letter has it")
	require.Equal(t, map[string]int64{"kinds.companies": 1, "kinds.letters": 2, "kinds.parcels": 1, "kinds.scans": 2},
		eraseOf(t, pool, def, "1001"))
	require.Equal(t, []int{2}, pgtest.List[int](t, pool, "select id from kinds.scans"))
}

func TestAnIDInAColumnOfFixedWidth(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, `
create schema fixed;
create table fixed.companies (code char(6) primary key);
create table fixed.letters (id int primary key, company char(6) not null references fixed.companies);
insert into fixed.companies values ('acme'), ('acme-2');
insert into fixed.letters values (1, 'acme'), (2, 'acme-2')`)
	def := &gdpr.Definition{
		Root: gdpr.Root{Table: "fixed.companies", Key: "code"}, Schemas: []string{"fixed"},
		Tables: map[string]gdpr.TableRule{"fixed.companies": deleted("code"), "fixed.letters": deleted("id", "company")},
	}
	_, err := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: def}).Plan(t.Context(), tenon.Subject{Tenant: "acme-2-of-another-town"})
	require.ErrorIs(t, err, gdpr.ErrUnknownSubject)
	require.Equal(t, map[string]int64{"fixed.companies": 1, "fixed.letters": 1}, eraseOf(t, pool, def, "acme"))
	require.Equal(t, []int{2}, pgtest.List[int](t, pool, "select id from fixed.letters"))
}

func TestAnonymisingRowsWithoutAPrimaryKeyLeavesThoseOfOthersWithTheSameKey(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, `
create schema logs;
create table logs.companies (id text primary key);
create table logs.lines (company_id text not null, no int not null, said text);
insert into logs.companies values ('acme'), ('zenith');
insert into logs.lines
select c, i, 'by ' || c from unnest(array['acme', 'zenith']) c, generate_series(1, 5) i, generate_series(1, 2)`)
	stays := gdpr.ColumnRule{Rule: gdpr.Ignore}
	def := &gdpr.Definition{
		Root: gdpr.Root{Table: "logs.companies", Key: "id"}, Schemas: []string{"logs"},
		References: []gdpr.Reference{soft("company", "logs.lines", "company_id", "logs.companies", "id")},
		Tables: map[string]gdpr.TableRule{
			"logs.companies": deleted("id"),
			"logs.lines": {Rule: gdpr.Anonymise, Key: []string{"no"}, Columns: map[string]gdpr.ColumnRule{
				"company_id": stays, "no": stays, "said": {Method: gdpr.SetNull},
			}},
		},
	}
	require.Equal(t, map[string]int64{"logs.companies": 1, "logs.lines": 10}, eraseOf(t, pool, def, "acme"))
	require.Equal(t, 10, pgtest.One[int](t, pool, "select count(said) from logs.lines where company_id = 'zenith'"))
	require.Zero(t, pgtest.One[int](t, pool, "select count(said) from logs.lines where company_id = 'acme'"))
}

func TestTablesOutsideTheSchemasThatReferToThemByKeysNeedRulesToo(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	pgtest.Exec(t, pool, `
create schema aside;
create table aside.orders (id int primary key, company_id text references bazaar.companies);
create table aside.parts (id int primary key, order_id int references aside.orders);
create table aside.apart (id int primary key)`)
	err := gdprpg.Check(t.Context(), pool, bazaar())
	require.ErrorIs(t, err, gdpr.ErrUnclassified)
	require.ErrorContains(t, err, "aside.orders: is not classified; it is owned")
	require.ErrorContains(t, err, "aside.parts: is not classified; it is owned")
	require.False(t, strings.Contains(err.Error(), "aside.apart"), "nothing is in the way there")
}
