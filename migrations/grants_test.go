package migrations_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/migrations"
)

// three makes a database that an owner migrated and that App and Worker have their grants on.
func three(t *testing.T) (admin, owner *pgx.Conn, roles migrations.Roles) {
	t.Helper()
	admin = emptyDatabase(t)
	roles = migrations.Roles{Owner: role(t, admin, "Owner"), App: role(t, admin, `a"pp`), Worker: role(t, admin, "worker")}
	require.NoError(t, migrations.Apply(t.Context(), admin, hostSet()))
	exec(t, admin, `create table tenon.trail (tenant_id text, id int generated always as identity, primary key (tenant_id, id));
		comment on table tenon.trail is 'Who did what. [app: select, insert] [worker: none]';
		create sequence tenon.numbers;
		create view tenon.names as select name from tenon.colours;
		create materialized view tenon.kept as select name from tenon.colours;
		create type tenon.mood as enum ('fine');
		create function tenon.app_may(p_x int) returns int language sql return p_x;
		create function tenon.raise_it() returns trigger language plpgsql as $$ begin return null; end $$`)
	require.NoError(t, migrations.ApplyGrants(t.Context(), admin, roles))
	return admin, as(t, admin, roles.Owner), roles
}

func denied(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql)
	require.ErrorContains(t, err, "SQLSTATE 42501", sql)
}

const aWidget = `insert into tenon.widgets (tenant_id, id) values ($1, gen_random_uuid())`

func TestGrants(t *testing.T) {
	t.Parallel()
	admin, owner, roles := three(t)
	app, worker := as(t, admin, roles.App), as(t, admin, roles.Worker)

	exec(t, app, aWidget, "acme")
	exec(t, app, "update tenon.widgets set name = 'x'")
	exec(t, app, "delete from tenon.widgets")
	exec(t, app, "select from tenon.colours")
	exec(t, app, "select from tenon.names")
	exec(t, app, "select from tenon.kept")
	exec(t, app, "select tenon.app_may(1), nextval('tenon.numbers')")
	exec(t, app, "insert into tenon.trail (tenant_id) values ('acme')")
	for _, sql := range []string{
		"insert into tenon.colours values ('red')",
		"select from tenon.migrations",
		"update tenon.trail set id = default",
		"delete from tenon.trail",
		"truncate tenon.widgets",
		"create table tenon.mine (id int)",
		"select tenon.ensure_partitions('tenon.readings', now(), 9)",
		"select tenon.drop_partitions('tenon.readings', now())",
		"select tenon.copy_policies('tenon.readings', 'tenon.readings')",
		"select from " + partitions(t, admin, "readings")[0],
	} {
		denied(t, app, sql)
	}

	exec(t, worker, aWidget, "acme")
	exec(t, worker, "insert into tenon.colours values ('red')")
	exec(t, worker, "select from tenon.migrations")
	require.NoError(t, migrations.EnsurePartitions(t.Context(), worker, "readings", time.Now(), 9))
	denied(t, worker, "select from tenon.trail")
	denied(t, worker, "create table tenon.mine (id int)")

	exec(t, owner, "alter table tenon.widgets add column more int")
	require.NoError(t, migrations.Apply(t.Context(), owner, hostSet()))
}

func TestGrantsConverge(t *testing.T) {
	t.Parallel()
	admin, owner, roles := three(t)
	printed, err := migrations.Grants(t.Context(), admin, roles)
	require.NoError(t, err)
	app := pgx.Identifier{roles.App}.Sanitize()
	require.Contains(t, lines(printed), "grant delete, insert, select, update on table tenon.widgets to "+app+";")
	require.Contains(t, lines(printed), "grant insert, select on table tenon.trail to "+app+";")
	require.Contains(t, lines(printed), "grant execute on routine tenon.app_may(p_x integer) to "+app+";")
	require.NotContains(t, printed, "alter ", "the owner owns everything by now")
	before := privileges(t, admin)

	exec(t, owner, "grant all on tenon.colours to "+app)
	require.NotEqual(t, before, privileges(t, admin))
	exec(t, owner, printed)
	require.Equal(t, before, privileges(t, admin), "what is printed does the same")
	require.NoError(t, migrations.ApplyGrants(t.Context(), owner, roles))
	require.Equal(t, before, privileges(t, admin))
}

func privileges(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	return list(t, conn, `
select oid::regclass || ' ' || relowner::regrole || ' ' || coalesce((select string_agg(a::text, ' ' order by a::text) from unnest(relacl) a), '')
from pg_class
where relnamespace = 'tenon'::regnamespace
order by 1`)
}

func TestGrantsForOneRole(t *testing.T) {
	t.Parallel()
	admin := emptyDatabase(t)
	only := role(t, admin, "only")
	exec(t, admin, "create schema tenon authorization "+only)
	conn := as(t, admin, only)
	roles := migrations.Roles{Owner: only, App: only, Worker: only}
	require.NoError(t, migrations.Apply(t.Context(), conn, hostSet()))
	require.NoError(t, migrations.ApplyGrants(t.Context(), conn, roles))
	exec(t, conn, "insert into tenon.colours values ('red')")
	require.NoError(t, migrations.EnsurePartitions(t.Context(), conn, "tenon.readings", time.Now(), 9))
	require.ErrorIs(t, migrations.EnableRLS(t.Context(), conn, roles), tenon.ErrInvalid)

	both := role(t, admin, "both")
	require.NoError(t, migrations.ApplyGrants(t.Context(), conn, migrations.Roles{App: both, Worker: both}))
	other := as(t, admin, both)
	exec(t, other, "insert into tenon.colours values ('blue')")
	require.NoError(t, migrations.EnsurePartitions(t.Context(), other, "readings", time.Now(), 10))
}

func TestGrantsRefuse(t *testing.T) {
	t.Parallel()
	conn := emptyDatabase(t)
	_, err := migrations.Grants(t.Context(), conn, migrations.Roles{App: "a", Worker: "b"})
	require.ErrorIs(t, err, pgx.ErrNoRows, "there is no schema")
	require.NoError(t, migrations.Apply(t.Context(), conn, hostSet()))
	for field, roles := range map[string]migrations.Roles{"app": {Worker: "b"}, "worker": {App: "a"}} {
		_, err = migrations.Grants(t.Context(), conn, roles)
		var wrong *tenon.FieldError
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, field, wrong.Field)
	}
	exec(t, conn, "comment on table tenon.widgets is '[app: slect]'")
	_, err = migrations.Grants(t.Context(), conn, migrations.Roles{App: "a", Worker: "b"})
	require.ErrorIs(t, err, tenon.ErrInvalid)
	require.ErrorContains(t, err, `of table tenon.widgets: "slect" is not a privilege on it`)
}
