package isolation_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/audit/isolation"
	"github.com/transbotai/tenon/internal/pgtest"
)

// world is a host's database: two tenants with orders and their lines, and an application's role that is bound by
// policies. Each test has its own.
type world struct {
	owner, app *pgxpool.Pool
	role       string
}

// tables have the tenant in every key; $app stands for the application's role.
const tables = `
create table public.orders (
  tenant_id text not null,
  id int not null,
  note text,
  weight int not null check (weight > 0),
  primary key (tenant_id, id)
);
create table public.lines (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  order_id int not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, order_id) references public.orders
);
create table public.readings (
  tenant_id text not null,
  id int not null,
  primary key (tenant_id, id)
) partition by range (id);
create table public.readings_low partition of public.readings for values from (0) to (100);
create table public.currencies (code text primary key);
insert into public.orders select t, i, 'n', 10 from unnest('{acme,bolt}'::text[]) t, generate_series(1, 5) i;
insert into public.lines (tenant_id, order_id) select tenant_id, id from public.orders;
insert into public.readings select tenant_id, id from public.orders;
create view public.heavy with (security_invoker = true) as select tenant_id, id from public.orders where weight > 5;
create function public.orders_of() returns setof public.orders language sql stable as 'select * from public.orders';
grant usage on schema public to $app;
grant select, insert, update, delete on public.orders, public.lines, public.readings to $app;
grant select on public.heavy, public.currencies to $app`

func newWorld(t *testing.T) *world {
	t.Helper()
	owner := pgtest.Pool(t)
	app := pgtest.Role(t, owner, "app")
	w := &world{owner: owner, app: app, role: app.Config().ConnConfig.User}
	w.exec(t, tables)
	for _, table := range []string{"public.orders", "public.lines", "public.readings"} {
		require.NoError(t, isolation.Enable(t.Context(), owner, table, "tenant_id"))
	}
	return w
}

// exec executes statements as the owner.
func (w *world) exec(t *testing.T, sql string) {
	t.Helper()
	pgtest.Exec(t, w.owner, strings.ReplaceAll(sql, "$app", w.role), pgx.QueryExecModeSimpleProtocol)
}

func (w *world) report(t *testing.T, opts *isolation.Options) *isolation.Result {
	t.Helper()
	r, err := isolation.Report(t.Context(), w.owner, w.app, opts)
	require.NoError(t, err)
	return r
}

// found returns the finding of a kind on an object, which there must be.
func found(t *testing.T, r *isolation.Result, kind isolation.Kind, object string) isolation.Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.Kind == kind && strings.Contains(f.Object, object) {
			return f
		}
	}
	t.Fatalf("no finding %s on %s in\n%s", kind, object, r)
	return isolation.Finding{}
}
