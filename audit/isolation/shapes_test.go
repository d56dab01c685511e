package isolation_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit/isolation"
	"github.com/transbotai/tenon/internal/pgtest"
)

func TestAForeignTableIsFoundWhereTheRoleReachesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `
create foreign data wrapper idle;
create server nowhere foreign data wrapper idle;
create foreign table public.far (tenant_id text, id int) server nowhere`)
	r := w.report(t, nil)
	require.Contains(t, r.Tables, "public.far")
	require.True(t, r.OK(), r.String())
	w.exec(t, "grant select (id) on public.far to $app")
	require.Equal(t, tenon.Fail, w.report(t, nil).Verdict().Outcome)
	w.exec(t, "grant select, insert on public.far to $app")
	r = w.report(t, nil)
	require.Equal(t, tenon.Fail, r.Verdict().Outcome)
	w.exec(t, found(t, r, isolation.ForeignTable, "public.far").Remedy)
	require.True(t, w.report(t, nil).OK(), "the remedy mends it")
}

func TestTenantsOfOtherTypesThanTextAreProvenToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, kind := range []string{"smallint", "integer", "bigint", "numeric(9, 0)", "uuid", "varchar(40)"} {
		table := fmt.Sprintf("public.bills_%d", i)
		w.exec(t, fmt.Sprintf(`create table %s (tenant_id %s primary key, note text);
grant select, insert, update, delete on %[1]s to $app`, table, kind))
		require.NoError(t, isolation.Enable(t.Context(), w.owner, table, "tenant_id"))
	}
	r := w.report(t, nil)
	require.Empty(t, r.Findings, r.String())
	for i := range 6 {
		w.exec(t, fmt.Sprintf(`alter policy isolation_tenant on public.bills_%d
using (tenant_id is not null) with check (tenant_id is not null)`, i))
	}
	r = w.report(t, nil)
	for i := range 6 {
		for _, kind := range []isolation.Kind{isolation.CrossRead, isolation.CrossInsert, isolation.CrossMove, isolation.CrossDelete} {
			found(t, r, kind, fmt.Sprintf("public.bills_%d", i))
		}
	}
}

func TestATenantOfATypeThatNobodyCanMakeUpIsNotTried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `create table public.days (tenant_id date primary key); grant select on public.days to $app`)
	require.NoError(t, isolation.Enable(t.Context(), w.owner, "public.days", "tenant_id"))
	r := w.report(t, nil)
	require.Contains(t, found(t, r, isolation.NotTried, "public.days").Detail, "no made-up tenant fits the type date")
	require.Equal(t, tenon.Hold, r.Verdict().Outcome)
}

func TestWithoutATableThereIsNothingToPass(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.report(t, &isolation.Options{Columns: []string{"firm", "company"}})
	require.Contains(t, found(t, r, isolation.NothingToTest, w.role).Detail, "[firm company]")
	require.Equal(t, tenon.Fail, r.Verdict().Outcome)
}

// bound makes the owner of the tables one whom policies bind too.
func (w *world) bound(t *testing.T) {
	t.Helper()
	pool := pgtest.Role(t, w.owner, "owner")
	owner := pool.Config().ConnConfig.User
	w.exec(t, "grant create, usage on schema public to "+owner+"; grant $app to "+owner)
	for _, table := range []string{"orders", "lines", "readings", "readings_low"} {
		w.exec(t, fmt.Sprintf("drop policy isolation_across on public.%s; alter table public.%[1]s owner to %s", table, owner))
	}
	w.exec(t, "alter view public.heavy owner to "+owner)
	w.owner = pool
}

func TestAnOwnerWhomPoliciesBindSeesAllRowsThatMustBeCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `
alter table public.lines add order_key int;
alter table public.orders add key int generated always as identity unique;
alter table public.lines add constraint loose foreign key (order_key) references public.orders (key);
update public.lines set order_key = (select key from public.orders where tenant_id = 'bolt' and id = 1)
where tenant_id = 'acme' and order_id < 4`)
	w.bound(t)
	r := w.report(t, nil)
	require.EqualValues(t, 3, found(t, r, isolation.CrossParent, "public.lines loose").Rows)
	require.Empty(t, r.Tenants, "whose rows there are it cannot see")
	require.Equal(t, 9, r.Mutations, "and every table is proven all the same")
	for _, f := range r.Findings {
		require.NotEqual(t, isolation.NotTried, f.Kind, f)
	}
}

func TestWhatAConnectionThatIsNotTheOwnersCannotSeeIsNotTried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `
alter table public.lines add order_key int;
alter table public.orders add key int generated always as identity unique;
alter table public.lines add constraint loose foreign key (order_key) references public.orders (key)`)
	reader := pgtest.Role(t, w.owner, "reader")
	w.exec(t, "grant select on all tables in schema public to "+reader.Config().ConnConfig.User)
	r, err := isolation.Report(t.Context(), reader, w.app, nil)
	require.NoError(t, err)
	require.Equal(t, tenon.Hold, r.Verdict().Outcome, r.String())
	parts := map[isolation.Part]string{}
	for _, f := range r.Findings {
		if f.Kind == isolation.NotTried {
			parts[f.Part] = f.Object
		}
	}
	want := map[isolation.Part]string{isolation.Mismatch: "public.lines loose", isolation.Mutation: "public.readings"}
	require.Equal(t, want, parts, r.String())
}

func TestAPolicyThatFailsIsNotTakenForOneThatRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `
create table public.bills (tenant_id bigint primary key);
insert into public.bills values (1), (2);
alter table public.bills enable row level security;
alter table public.bills force row level security;
create policy p on public.bills using (tenant_id = current_setting('tenon.tenant_id')::bigint)
  with check (tenant_id = current_setting('tenon.tenant_id')::bigint);
grant select, insert on public.bills to $app;
create view public.odd with (security_invoker = true) as
  select tenant_id from (select tenant_id, 1 / (weight - weight) as n from public.orders offset 0) o where n > 0;
grant select on public.odd to $app`)
	r := w.report(t, nil)
	require.Equal(t, tenon.Hold, r.Verdict().Outcome, r.String())
	bills := found(t, r, isolation.NotTried, "public.bills")
	require.Equal(t, isolation.Probe, bills.Part)
	require.Contains(t, bills.Detail, "read rows while no tenant is named")
	require.Contains(t, found(t, r, isolation.NotTried, "public.odd").Detail, "division by zero")
	require.Contains(t, r.String(), "isolation: HOLD: ")
}

// apart is a policy for each command, and a rule by which nothing is ever deleted.
const apart = `
drop policy isolation_tenant on public.lines;
create policy r on public.lines for select using (tenant_id = current_setting('tenon.tenant_id', true));
create policy a on public.lines for insert with check (tenant_id = current_setting('tenon.tenant_id', true));
create policy w on public.lines for update using (tenant_id = current_setting('tenon.tenant_id', true))
  with check (tenant_id = current_setting('tenon.tenant_id', true));
create policy d on public.lines for delete using (tenant_id = current_setting('tenon.tenant_id', true));
create rule quiet as on delete to public.lines do instead nothing`

func TestAMutantThatLivesIsNamedForPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, apart)
	r := w.report(t, nil)
	lives := found(t, r, isolation.MutantLives, "public.lines policy d")
	require.Equal(t, isolation.Mutation, lives.Part)
	require.Regexp(t, `(?m)^critical mutation mutant_lives +public\.lines policy d: no probe noticed it broken: using \(true\)
 {38}find out what else`, r.String())
	require.Contains(t, r.Verdict().Reasons, lives.String())
}

// guarded is an open policy behind restrictive ones, one for each command.
const guarded = `
drop policy isolation_tenant on public.orders;
create policy everybody on public.orders using (true) with check (true);
create policy r on public.orders as restrictive for select using (tenant_id = current_setting('tenon.tenant_id', true));
create policy a on public.orders as restrictive for insert with check (tenant_id = current_setting('tenon.tenant_id', true));
create policy d on public.orders as restrictive for delete using (tenant_id = current_setting('tenon.tenant_id', true));
create policy w on public.orders as restrictive for update using (tenant_id = current_setting('tenon.tenant_id', true))
  with check (tenant_id = current_setting('tenon.tenant_id', true))`

func TestARestrictivePolicyForEachCommandIsUnderstood(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, guarded)
	r := w.report(t, nil)
	require.True(t, r.OK(), r.String())
	w.exec(t, "drop policy w on public.orders")
	r = w.report(t, nil)
	require.Equal(t, "all", found(t, r, isolation.PolicyOpen, "public.orders policy everybody").Command)
	found(t, r, isolation.CrossUpdate, "public.orders")
}

func TestAReportOverTheCallersTransactionLeavesItUsable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner, app := pgtest.Begin(t, w.owner), pgtest.Begin(t, w.app)
	r, err := isolation.Report(t.Context(), owner, app, nil)
	require.NoError(t, err)
	require.True(t, r.OK(), r.String())
	for _, tx := range []pgx.Tx{owner, app} {
		require.Equal(t, 1, pgtest.One[int](t, tx, "select 1"))
	}
}

func TestAColumnThatIsCalledTenantIsProbedThroughViewsAndFunctionsToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `
create table public.bills (id int primary key, tenant text not null);
insert into public.bills values (1, 'acme'), (2, 'bolt');
create view public.seen with (security_invoker = true) as select id, tenant from public.bills;
create function public.bills_of() returns table (id int, tenant text) language sql stable
as 'select id, tenant from public.bills';
grant select, insert on public.bills to $app;
grant select on public.seen to $app`)
	opts := &isolation.Options{Columns: []string{"tenant"}}
	r := w.report(t, opts)
	for _, object := range []string{"public.bills", "public.seen", "bills_of()"} {
		require.Positive(t, found(t, r, isolation.CrossRead, object).Rows)
	}
	w.exec(t, `
alter table public.bills enable row level security;
alter table public.bills force row level security;
create policy p on public.bills using (tenant = current_setting('tenon.tenant_id', true))
  with check (tenant = current_setting('tenon.tenant_id', true))`)
	r = w.report(t, opts)
	require.True(t, r.OK(), r.String())
}
