package isolation_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit/isolation"
	"github.com/transbotai/tenon/internal/pgtest"
)

func TestASoundDatabasePasses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.report(t, nil)
	require.Empty(t, r.Findings, r.String())
	require.True(t, r.OK())
	require.Equal(t, tenon.Verdict{Outcome: tenon.Pass}, r.Verdict())
	require.Equal(t, []string{"public.lines", "public.orders", "public.readings"}, r.Tables)
	require.Equal(t, []string{"acme", "bolt"}, r.Tenants)
	require.Equal(t, 1, r.ForeignKeys)
	require.Zero(t, r.CrossRows)
	require.Equal(t, 9, r.Mutations, "row level security off, using and with check of one policy, for each of three tables")
	require.Greater(t, r.Probes, 60)
	require.Contains(t, r.String(), "isolation: PASS: 3 tables, ")
}

func TestAReportLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dump := func() (text string) {
		require.NoError(t, w.owner.QueryRow(t.Context(), `
select string_agg(x, E'\n' order by x)
from (
  select 'row ' || t::text as x from public.orders t
  union all select 'row ' || t::text from public.readings t
  union all select 'constraint ' || conname || pg_get_constraintdef(oid) from pg_constraint where connamespace = 'public'::regnamespace
  union all select 'policy ' || p::text from pg_policies p
  union all select 'table ' || relname || relrowsecurity || relforcerowsecurity from pg_class where relnamespace = 'public'::regnamespace
  union all select 'column ' || attrelid::regclass || attname || attnotnull from pg_attribute a join pg_class c on c.oid = attrelid
    where c.relnamespace = 'public'::regnamespace and attnum > 0) d`).Scan(&text))
		return text
	}
	before := dump()
	w.report(t, nil)
	require.Equal(t, before, dump())
}

// breaches are policies broken in each way, and what the report must say of it. Each is found by the catalogue, by a
// probe, or by both.
var breaches = map[string]struct {
	sql   string
	kinds map[isolation.Kind]string // on which object
}{
	"row_level_security_off": {
		"alter table public.orders disable row level security",
		map[isolation.Kind]string{
			isolation.RLSDisabled: "public.orders", isolation.CrossRead: "public.orders", isolation.CrossInsert: "public.orders",
			isolation.CrossUpdate: "public.orders", isolation.CrossMove: "public.orders", isolation.CrossDelete: "public.orders",
		},
	},
	"not_forced": {
		"alter table public.orders no force row level security",
		map[isolation.Kind]string{isolation.RLSNotForced: "public.orders"},
	},
	"no_policy_for_a_command": {
		`drop policy isolation_tenant on public.orders;
create policy r on public.orders for select using (tenant_id = current_setting('tenon.tenant_id', true));
create policy a on public.orders for insert with check (tenant_id = current_setting('tenon.tenant_id', true));
create policy w on public.orders for update using (tenant_id = current_setting('tenon.tenant_id', true))
  with check (tenant_id = current_setting('tenon.tenant_id', true))`,
		map[isolation.Kind]string{isolation.PolicyMissing: "public.orders"},
	},
	"no_with_check": {
		`drop policy isolation_tenant on public.orders;
create policy p on public.orders using (tenant_id = current_setting('tenon.tenant_id', true))`,
		map[isolation.Kind]string{isolation.CheckMissing: "public.orders policy p"},
	},
	"with_check_true": {
		"alter policy isolation_tenant on public.orders with check (true)",
		map[isolation.Kind]string{
			isolation.PolicyOpen: "isolation_tenant", isolation.CrossInsert: "public.orders",
		},
	},
	"a_second_permissive_policy_using_true": {
		"create policy support on public.orders for select using (true)",
		map[isolation.Kind]string{isolation.PolicyOpen: "support", isolation.CrossRead: "public.orders"},
	},
	"a_policy_that_looks_at_something_else": {
		"create policy drafts on public.orders for select using (note is not null)",
		map[isolation.Kind]string{isolation.PolicyOpen: "drafts", isolation.CrossRead: "public.orders"},
	},
	"a_condition_that_looks_at_the_tenant_and_lets_all_through": {
		"alter policy isolation_tenant on public.orders using (tenant_id is not null) with check (tenant_id is not null)",
		map[isolation.Kind]string{isolation.CrossRead: "public.orders", isolation.CrossMove: "public.orders", isolation.CrossDelete: "public.orders"},
	},
	"an_open_policy_for_update_behind_a_sound_one_for_select": {
		`drop policy isolation_tenant on public.orders;
create policy r on public.orders for select using (tenant_id = current_setting('tenon.tenant_id', true));
create policy a on public.orders for insert with check (tenant_id = current_setting('tenon.tenant_id', true));
create policy d on public.orders for delete using (tenant_id = current_setting('tenon.tenant_id', true));
create policy w on public.orders for update using (tenant_id like '%')
  with check (tenant_id = current_setting('tenon.tenant_id', true))`,
		map[isolation.Kind]string{isolation.CrossUpdate: "public.orders"},
	},
	"a_tenant_that_is_not_named_sees_everything": {
		`alter policy isolation_tenant on public.orders
using (coalesce(current_setting('tenon.tenant_id', true), '') in ('', tenant_id))`,
		map[isolation.Kind]string{isolation.CrossRead: "public.orders"},
	},
	"a_role_that_bypasses_policies": {
		"alter role $app bypassrls",
		map[isolation.Kind]string{isolation.RoleUnbound: "_app", isolation.CrossRead: "public.lines"},
	},
	"a_role_that_owns_a_table": {
		"grant create on schema public to $app; alter table public.orders owner to $app",
		map[isolation.Kind]string{isolation.RoleUnbound: "_app"},
	},
	"truncate_granted": {
		"grant truncate on public.orders to $app",
		map[isolation.Kind]string{isolation.TruncateGranted: "public.orders"},
	},
	"a_view_without_security_invoker": {
		"create view public.summary as select tenant_id, count(*) from public.orders group by 1; grant select on public.summary to $app",
		map[isolation.Kind]string{isolation.ViewDefiner: "public.summary", isolation.CrossRead: "public.summary"},
	},
	"a_view_on_a_view": {
		`create view public.inner_view as select tenant_id from public.orders;
create view public.outer_view with (security_invoker = true) as select tenant_id from public.inner_view;
grant select on public.inner_view, public.outer_view to $app`,
		map[isolation.Kind]string{isolation.ViewDefiner: "public.inner_view", isolation.CrossRead: "public.outer_view"},
	},
	"a_materialised_view": {
		"create materialized view public.frozen as select tenant_id from public.orders; grant select on public.frozen to $app",
		map[isolation.Kind]string{isolation.Materialised: "public.frozen", isolation.CrossRead: "public.frozen"},
	},
	"a_partition_that_can_be_reached": {
		"alter table public.readings_low disable row level security; grant select on public.readings_low to $app",
		map[isolation.Kind]string{isolation.PartitionOpen: "public.readings_low"},
	},
	"a_definer_function_without_search_path": {
		"create function public.peek() returns int language sql security definer as 'select 1'",
		map[isolation.Kind]string{isolation.DefinerSearchPath: "peek()"},
	},
	"a_definer_function_that_gives_rows_away": {
		`create function public.all_orders() returns table (tenant_id text) language sql stable security definer
set search_path = pg_catalog as 'select tenant_id from public.orders'`,
		map[isolation.Kind]string{isolation.CrossRead: "all_orders()"},
	},
	"a_child_of_another_tenants_parent": {
		`alter table public.lines add order_key int;
alter table public.orders add key int generated always as identity unique;
alter table public.lines add constraint loose foreign key (order_key) references public.orders (key);
update public.lines set order_key = (select key from public.orders where tenant_id = 'bolt' and id = 1) where tenant_id = 'acme' and order_id = 1`,
		map[isolation.Kind]string{isolation.CrossParent: "public.lines loose", isolation.KeyWithoutTenant: "public.lines loose"},
	},
	"a_key_that_was_never_checked": {
		`alter table public.lines drop constraint lines_tenant_id_order_id_fkey;
create table public.tags (tenant_id text, id int, owner_tenant text, primary key (tenant_id, id));
alter table public.tags enable row level security;
alter table public.tags force row level security;
insert into public.tags values ('acme', 1, 'bolt');
alter table public.tags add foreign key (owner_tenant, id) references public.orders not valid`,
		map[isolation.Kind]string{isolation.CrossParent: "public.tags"},
	},
	"details_that_do_not_say_whose_they_are": {
		`create table public.comments (id int primary key, order_tenant text, order_id int,
  foreign key (order_tenant, order_id) references public.orders);
grant select on public.comments to $app`,
		map[isolation.Kind]string{isolation.NoTenantColumn: "public.comments"},
	},
	"a_policy_by_which_a_tenant_sees_nothing_of_its_own": {
		"alter policy isolation_tenant on public.orders using (tenant_id = current_setting('app.tenant', true))",
		map[isolation.Kind]string{isolation.Blind: "public.orders"},
	},
	"a_table_with_policies_for_nobody": {
		"drop policy isolation_tenant on public.orders",
		map[isolation.Kind]string{isolation.PolicyMissing: "public.orders"},
	},
}

func TestEachKindOfBreachIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range breaches {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.exec(t, c.sql)
			r := w.report(t, nil)
			for kind, object := range c.kinds {
				found(t, r, kind, object)
			}
			require.False(t, r.OK())
			require.Equal(t, tenon.Fail, r.Verdict().Outcome)
			require.NotEmpty(t, r.Verdict().Reasons)
		})
	}
}

func TestAnEmptyDatabaseIsProvenToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, "truncate public.orders, public.lines, public.readings")
	require.True(t, w.report(t, nil).OK())
	w.exec(t, "alter policy isolation_tenant on public.lines using (tenant_id like '%')")
	r := w.report(t, nil)
	require.Empty(t, r.Tenants)
	require.EqualValues(t, 1, found(t, r, isolation.CrossRead, "public.lines").Rows)
}

func TestAPolicyThatNothingProvesIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `
create function public.lines_guard() returns trigger language plpgsql as 'begin return null; end';
create rule quiet as on delete to public.lines do instead nothing`)
	r := w.report(t, nil)
	require.Equal(t, "delete", found(t, r, isolation.Blind, "public.lines").Command, "a delete that never deletes proves nothing")
}

func TestARestrictivePolicyIsUnderstood(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `
drop policy isolation_tenant on public.orders;
create policy everybody on public.orders using (true) with check (true);
create policy line on public.orders as restrictive using (tenant_id = current_setting('tenon.tenant_id', true))
  with check (tenant_id = current_setting('tenon.tenant_id', true))`)
	r := w.report(t, nil)
	require.True(t, r.OK(), r.String())
}

func TestWhatCannotBeLockedIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tx, err := w.owner.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(t.Context())) }()
	_, err = tx.Exec(t.Context(), "lock table public.orders in access share mode")
	require.NoError(t, err)
	r := w.report(t, &isolation.Options{LockTimeout: 10 * time.Millisecond})
	require.Contains(t, found(t, r, isolation.NotTried, "public.orders").Detail, "55P03")
	require.False(t, r.OK())
	require.Equal(t, tenon.Hold, r.Verdict().Outcome)
	require.Zero(t, w.report(t, &isolation.Options{LockTimeout: -1}).Mutations)
}

func TestHostsNamesAreTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `
create schema "Shop";
create table "Shop"."Firms" (id uuid primary key, name text);
create table "Shop".bills (firm_id uuid not null references "Shop"."Firms", id int, primary key (firm_id, id));
create table "Shop".shared (firm_id uuid primary key);
insert into "Shop"."Firms" select gen_random_uuid() from generate_series(1, 3);
insert into "Shop".bills select id, 1 from "Shop"."Firms";
grant usage on schema "Shop" to $app;
grant select, insert, update, delete on all tables in schema "Shop" to $app`)
	opts := &isolation.Options{
		Columns: []string{"tenant_id", "firm_id"}, Tables: map[string]string{`"Shop"."Firms"`: "id"},
		Except: map[string]string{`"Shop".shared`: "a list for everybody"},
	}
	r := w.report(t, opts)
	found(t, r, isolation.RLSDisabled, `"Shop"."Firms"`)
	found(t, r, isolation.CrossRead, `"Shop".bills`)
	for _, f := range r.Findings {
		require.NotContains(t, f.Object, "shared")
	}
	require.NoError(t, isolation.Enable(t.Context(), w.owner, `"Shop"."Firms"`, "id"))
	require.NoError(t, isolation.Enable(t.Context(), w.owner, `"Shop".bills`, "firm_id"))
	r = w.report(t, opts)
	require.True(t, r.OK(), r.String())
	require.Equal(t, "a list for everybody", r.Except[`"Shop".shared`])

	opts.Except = map[string]string{"public.misspelt": "x"}
	found(t, w.report(t, opts), isolation.NotTried, "public.misspelt")
}

func TestHostsQueriesAreProbed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `
create function public.orders_over(p_weight int) returns setof text language sql stable security definer
set search_path = pg_catalog as 'select tenant_id from public.orders where weight > p_weight'`)
	require.True(t, w.report(t, nil).OK(), "a function with arguments is not called by itself")
	r := w.report(t, &isolation.Options{Calls: []string{"select public.orders_over(1)"}})
	require.EqualValues(t, 5+5, found(t, r, isolation.CrossRead, "orders_over").Rows)
}

func TestFindingsAreForMachinesToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, "alter table public.orders disable row level security")
	body, err := json.Marshal(w.report(t, nil))
	require.NoError(t, err)
	var r isolation.Result
	require.NoError(t, json.Unmarshal(body, &r))
	f := found(t, &r, isolation.RLSDisabled, "public.orders")
	require.Equal(t, "alter table public.orders enable row level security", f.Remedy)
	require.Equal(t, tenon.SeverityCritical, f.Severity)
	w.exec(t, f.Remedy)
	require.True(t, w.report(t, nil).OK(), "the remedy mends it")
}

func TestADatabaseThatIsAwayIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.app.Close()
	_, err := isolation.Report(t.Context(), w.owner, w.app, nil)
	require.ErrorIs(t, err, tenon.ErrUnavailable)
}

func TestARoleThatMayBecomeOneThatReachesAllTenantsIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	across := pgtest.Role(t, w.owner, "across").Config().ConnConfig.User
	require.NoError(t, isolation.Enable(t.Context(), w.owner, "public.orders", "tenant_id", across))
	require.True(t, w.report(t, nil).OK())
	w.exec(t, "alter role $app noinherit; grant "+across+" to $app")
	r := w.report(t, nil)
	require.False(t, r.OK())
	require.Contains(t, found(t, r, isolation.RoleUnbound, w.role).Detail, across)
}

func TestAPartitionWhosePoliciesDoNotLookAtTheTenantIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `
grant select on public.readings_low to $app;
drop policy isolation_tenant on public.readings_low;
create policy weak on public.readings_low to public using (id > 0) with check (id > 0)`)
	r := w.report(t, nil)
	require.False(t, r.OK())
	found(t, r, isolation.PartitionOpen, "readings_low")
}
