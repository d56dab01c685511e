package migrations_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// childURL, when set, makes this binary a process that applies migrations and ends.
const childURL = "TENON_MIGRATIONS_CHILD"

func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		if err := child(context.Background(), url); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child connects, says so, waits for a line, and applies.
func child(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	return migrations.Apply(ctx, conn, append(migrations.All(), hostSet())...)
}

// hostSet is a set of a host's own: a table, a partitioned table and an index built concurrently.
func hostSet() migrations.Set {
	return set("host", map[string]string{
		"0001_init.up.sql": `
create table tenon.widgets (
  tenant_id text not null,
  id uuid not null,
  name text not null default '',
  primary key (tenant_id, id));
create table tenon.colours (
  name text primary key);
create table tenon.readings (
  tenant_id text not null,
  id uuid not null,
  value int not null check (value >= 0),
  primary key (tenant_id, id)) partition by range (id);`,
		"0001_init.down.sql": `
drop table tenon.readings;
drop table tenon.colours;
drop table tenon.widgets;`,
		"0002_widgets_name.up.sql": `-- tenon:no-transaction
create index concurrently if not exists widgets_name on tenon.widgets (tenant_id, name);`,
		"0002_widgets_name.down.sql": `-- tenon:no-transaction
drop index concurrently if exists tenon.widgets_name;`,
	})
}

func set(name string, content map[string]string) migrations.Set {
	fsys := fstest.MapFS{}
	for file, sql := range content {
		fsys[file] = &fstest.MapFile{Data: []byte(sql)}
	}
	return migrations.NewSet(name, fsys)
}

// versions returns a set whose n-th file is the n-th statement.
func versions(name string, statements ...string) migrations.Set {
	content := map[string]string{}
	for i, s := range statements {
		content[fmt.Sprintf("%04d_step.up.sql", i+1)] = s
		content[fmt.Sprintf("%04d_step.down.sql", i+1)] = "select 1"
	}
	return set(name, content)
}

// emptyDatabase returns a connection to a database with nothing in it.
func emptyDatabase(t *testing.T) *pgx.Conn {
	t.Helper()
	return connect(t, pgtest.Database(t))
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql, args...)
	require.NoError(t, err, sql)
}

// list returns the values of a query of one text column.
func list(t *testing.T, conn *pgx.Conn, sql string, args ...any) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, args...)
	require.NoError(t, err)
	values, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return values
}

// ledger returns what tenon.migrations holds, as "set/version".
func ledger(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	return list(t, conn, `select set || '/' || version from tenon.migrations order by 1`)
}

// role makes a role that can log in and returns a connection string for it. Roles belong to the server, so the name is
// the database's too.
func role(t *testing.T, conn *pgx.Conn, part string) string {
	t.Helper()
	name := conn.Config().Database + "_" + part
	quoted := pgx.Identifier{name}.Sanitize()
	exec(t, conn, "create role "+quoted+" login")
	t.Cleanup(func() {
		ctx := context.Background()
		admin, err := pgx.ConnectConfig(ctx, conn.Config())
		require.NoError(t, err)
		defer admin.Close(ctx)
		for _, sql := range []string{"reassign owned by " + quoted + " to current_user", "drop owned by " + quoted, "drop role " + quoted} {
			_, err = admin.Exec(ctx, sql)
			require.NoError(t, err, sql)
		}
	})
	return name
}

// as connects to the same database as another role.
func as(t *testing.T, conn *pgx.Conn, role string) *pgx.Conn {
	t.Helper()
	config := conn.Config()
	config.User = role
	other, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { other.Close(context.Background()) })
	return other
}

// partitions returns the partitions of a table of schema tenon, with their schema.
func partitions(t *testing.T, conn *pgx.Conn, table string) []string {
	t.Helper()
	return list(t, conn, `
select format('%I.%I', c.relnamespace::regnamespace, c.relname)
from pg_inherits i
join pg_class c on c.oid = i.inhrelid
where i.inhparent = $1::text::regclass
order by 1`, "tenon."+table)
}

func lines(s string) []string { return strings.Split(strings.TrimSpace(s), "\n") }
