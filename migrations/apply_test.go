package migrations_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	osexec "os/exec"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func TestApplyByEightProcessesOnAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	for range 3 {
		url := pgtest.Database(t)
		var starts, ends sync.WaitGroup
		gate := make(chan struct{})
		for range 8 {
			starts.Add(1)
			cmd := osexec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), childURL+"="+url)
			in, err := cmd.StdinPipe()
			require.NoError(t, err)
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			ends.Go(func() {
				r := bufio.NewReader(out)
				line, _ := r.ReadString('\n')
				starts.Done()
				<-gate
				_, _ = io.WriteString(in, "go\n") // the exit status says whether it arrived
				rest, _ := io.ReadAll(r)
				if err := cmd.Wait(); err != nil {
					t.Errorf("%v: %s%s", err, line, rest)
				}
			})
		}
		starts.Wait()
		close(gate)
		ends.Wait()

		conn := connect(t, url)
		require.Contains(t, ledger(t, conn), "core/1")
		require.Subset(t, ledger(t, conn), []string{"host/1", "host/2"})
		todo, err := migrations.Plan(t.Context(), conn, append(migrations.All(), hostSet())...)
		require.NoError(t, err)
		require.Empty(t, todo)
		missing, err := migrations.MissingPartitions(t.Context(), conn, "readings", time.Now(), 3)
		require.NoError(t, err)
		require.Empty(t, missing)
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	first := "create table tenon.a (id int primary key)"
	second := "create table tenon.b (id int primary key)"

	t.Run("goes_on_after_the_last_file_that_worked", func(t *testing.T) {
		t.Parallel()
		conn := emptyDatabase(t)
		err := migrations.Apply(t.Context(), conn, versions("s", first, second+";\n\nselect\n  1/0;"))
		var pg *pgconn.PgError
		require.ErrorAs(t, err, &pg)
		require.ErrorContains(t, err, "migrations: s/0002_step.up.sql: line 3: ")
		require.Equal(t, []string{"core/1", "core/2", "s/1"}, ledger(t, conn))
		require.NoError(t, migrations.Apply(t.Context(), conn, versions("s", first, second)))
		require.Equal(t, []string{"core/1", "core/2", "s/1", "s/2"}, ledger(t, conn))
	})
	t.Run("names_the_line_that_postgres_points_at", func(t *testing.T) {
		t.Parallel()
		conn := emptyDatabase(t)
		err := migrations.Apply(t.Context(), conn, versions("s", "-- é\nselect 1;\nselect 'é',\n  nothing\nfrom pg_class"))
		require.ErrorContains(t, err, "line 4: ")
	})
	t.Run("refuses_an_edited_file", func(t *testing.T) {
		t.Parallel()
		conn := emptyDatabase(t)
		require.NoError(t, migrations.Apply(t.Context(), conn, versions("s", first)))
		was := list(t, conn, "select checksum from tenon.migrations where set = 's'")[0]
		edited := versions("s", first+" -- edited", second)
		for _, err := range []error{
			migrations.Apply(t.Context(), conn, edited),
			migrations.Down(t.Context(), conn, edited, 0),
		} {
			require.ErrorIs(t, err, migrations.ErrEdited)
			require.ErrorIs(t, err, tenon.ErrConflict)
			require.ErrorContains(t, err, "s/0001_step.up.sql: checksum "+was+" was applied, the file has ")
		}
		require.Equal(t, []string{"core/1", "core/2", "s/1"}, ledger(t, conn))
	})
	t.Run("takes_a_checkout_with_other_line_ends_for_the_same_file", func(t *testing.T) {
		t.Parallel()
		conn := emptyDatabase(t)
		require.NoError(t, migrations.Apply(t.Context(), conn, versions("s", "select 1;\nselect 2;\n")))
		require.NoError(t, migrations.Apply(t.Context(), conn, versions("s", "select 1;\r\nselect 2;\r\n")))
	})
	t.Run("refuses_a_gap", func(t *testing.T) {
		t.Parallel()
		conn := emptyDatabase(t)
		s := versions("s", first, second)
		require.NoError(t, migrations.Apply(t.Context(), conn, s))
		exec(t, conn, "delete from tenon.migrations where set = 's' and version = 1")
		err := migrations.Apply(t.Context(), conn, s)
		require.ErrorIs(t, err, migrations.ErrGap)
		require.ErrorContains(t, err, "s: version 2 is applied and version 1 is not")
	})
	t.Run("starts_an_older_binary_on_a_newer_schema", func(t *testing.T) {
		t.Parallel()
		conn := emptyDatabase(t)
		require.NoError(t, migrations.Apply(t.Context(), conn, versions("s", first, second)))
		require.NoError(t, migrations.Apply(t.Context(), conn, versions("s", first)))
		err := migrations.Down(t.Context(), conn, versions("s", first), 0)
		require.ErrorIs(t, err, migrations.ErrNewer)
	})
	t.Run("does_not_start_an_older_binary_on_a_breaking_schema", func(t *testing.T) {
		t.Parallel()
		conn := emptyDatabase(t)
		breaking := "-- The old column goes.\n-- tenon:breaking\n" + second
		require.NoError(t, migrations.Apply(t.Context(), conn, versions("s", first, breaking, "select 1")))
		require.NoError(t, migrations.Apply(t.Context(), conn, versions("s", first, breaking)))
		err := migrations.Apply(t.Context(), conn, versions("s", first))
		require.ErrorIs(t, err, migrations.ErrNewer)
		require.ErrorContains(t, err, "s/0002_step.up.sql: this binary knows 1 versions")
	})
	t.Run("needs_no_right_to_create_schemas_when_the_schema_is_there", func(t *testing.T) {
		t.Parallel()
		conn := emptyDatabase(t)
		owner := role(t, conn, "owner")
		exec(t, conn, "create schema tenon authorization "+pgx.Identifier{owner}.Sanitize())
		require.NoError(t, migrations.Apply(t.Context(), as(t, conn, owner), hostSet()))
	})
	t.Run("refuses_a_connection_in_a_transaction", func(t *testing.T) {
		t.Parallel()
		conn := emptyDatabase(t)
		exec(t, conn, "begin")
		require.ErrorIs(t, migrations.Apply(t.Context(), conn), tenon.ErrInvalid)
	})
	t.Run("ends_when_its_context_ends", func(t *testing.T) {
		t.Parallel()
		conn := emptyDatabase(t)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		err := migrations.Apply(ctx, conn, versions("s", "select pg_sleep(60)"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestDownRefusesBeforeItChangesAnything(t *testing.T) {
	t.Parallel()
	conn := emptyDatabase(t)
	s := set("s", map[string]string{
		"1_a.up.sql": "select 1", "1_a.down.sql": "select 1", "2_b.up.sql": "select 1", "3_c.up.sql": "select 1", "3_c.down.sql": "select 1",
	})
	require.NoError(t, migrations.Apply(t.Context(), conn, s))
	err := migrations.Down(t.Context(), conn, s, 0)
	require.ErrorIs(t, err, tenon.ErrInvalid)
	require.ErrorContains(t, err, "s/2_b.up.sql has no down file")
	require.Equal(t, []string{"core/1", "core/2", "s/1", "s/2", "s/3"}, ledger(t, conn))
	require.NoError(t, migrations.Down(t.Context(), conn, s, 2))
	require.Equal(t, []string{"core/1", "core/2", "s/1", "s/2"}, ledger(t, conn))
}

func TestPlanAndDown(t *testing.T) {
	t.Parallel()
	conn := emptyDatabase(t)
	ctx := t.Context()
	host := hostSet()

	todo, err := migrations.Plan(ctx, conn, host)
	require.NoError(t, err)
	require.Equal(t, []migrations.Pending{
		{Set: "core", Version: 1, File: "0001_init.up.sql"},
		{Set: "core", Version: 2, File: "0002_guard.up.sql"},
		{Set: "host", Version: 1, File: "0001_init.up.sql"},
		{Set: "host", Version: 2, File: "0002_widgets_name.up.sql", NoTransaction: true},
	}, todo)
	require.Empty(t, list(t, conn, "select nspname::text from pg_namespace where nspname = 'tenon'"), "a plan changes nothing")

	require.NoError(t, migrations.Down(ctx, conn, host, 0), "nothing to take back")
	require.NoError(t, migrations.Apply(ctx, conn, host))
	require.ErrorIs(t, migrations.Down(ctx, conn, migrations.Core, 0), tenon.ErrConflict)
	require.ErrorIs(t, migrations.Down(ctx, conn, host, -1), tenon.ErrInvalid)

	require.NoError(t, migrations.Down(ctx, conn, host, 1))
	require.Equal(t, []string{"core/1", "core/2", "host/1"}, ledger(t, conn))
	require.Empty(t, list(t, conn, "select relname::text from pg_class where relname = 'widgets_name'"))
	require.NoError(t, migrations.Down(ctx, conn, host, 1))

	require.NoError(t, migrations.Down(ctx, conn, host, 0))
	require.NoError(t, migrations.Down(ctx, conn, migrations.Core, 0))
	require.Empty(t, ledger(t, conn))
	require.NoError(t, migrations.Apply(ctx, conn, host))
	require.Equal(t, []string{"core/1", "core/2", "host/1", "host/2"}, ledger(t, conn))
}

func TestOddSets(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		set  migrations.Set
		says string
	}{
		"the_zero_set":           {migrations.Set{}, "zero Set"},
		"no_files":               {set("s", nil), "s has no files"},
		"nil":                    {migrations.NewSet("s", nil), "s has no files"},
		"a_name_with_a_slash":    {set("a/b", nil), `"a/b" is not of the form`},
		"an_empty_name":          {set("", nil), `"" is not of the form`},
		"core":                   {set("core", nil), `"core" is taken`},
		"an_odd_file_name":       {set("s", map[string]string{"init.sql": ""}), "s/init.sql is not named like 0001_init.up.sql"},
		"a_missing_version":      {set("s", map[string]string{"1_a.up.sql": "", "3_a.up.sql": ""}), "no version 2"},
		"a_version_twice":        {set("s", map[string]string{"1_a.up.sql": "", "1_b.up.sql": ""}), "has the version of"},
		"a_down_without_an_up":   {set("s", map[string]string{"1_a.down.sql": ""}), "has no up file"},
		"an_unknown_mark":        {versions("s", "-- tenon:no_transaction\nselect 1"), "unknown mark"},
		"a_commit_in_the_middle": {versions("s", "select 1;\ncommit;"), `line 2: "commit"`},
		"a_quote_without_an_end": {versions("s", "select 1;\nselect 'a;"), "line 2: string without an end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := emptyDatabase(t)
			err := migrations.Apply(t.Context(), conn, test.set)
			require.ErrorIs(t, err, tenon.ErrInvalid)
			require.ErrorContains(t, err, test.says)
			require.Empty(t, list(t, conn, "select nspname::text from pg_namespace where nspname = 'tenon'"))
		})
	}
}

func TestNoTransaction(t *testing.T) {
	t.Parallel()
	table := "create table tenon.t (id int primary key, v int); insert into tenon.t select i, i % 7 from generate_series(1, 100) i"
	index := "-- tenon:no-transaction\ncreate unique index concurrently if not exists t_v on tenon.t (v);\n" +
		"create index concurrently if not exists t_id on tenon.t (id);\n"

	t.Run("reports_an_invalid_index_until_it_is_gone", func(t *testing.T) {
		t.Parallel()
		conn := emptyDatabase(t)
		s := versions("s", table, index)
		var pg *pgconn.PgError
		err := migrations.Apply(t.Context(), conn, s)
		require.ErrorAs(t, err, &pg)
		require.Equal(t, "23505", pg.Code)
		require.ErrorIs(t, err, migrations.ErrInvalidIndex, "the same error says what is left behind")

		exec(t, conn, "update tenon.t set v = id")
		err = migrations.Apply(t.Context(), conn, s)
		require.ErrorIs(t, err, migrations.ErrInvalidIndex)
		require.ErrorContains(t, err, `s/0002_step.up.sql: tenon.t_v was begun earlier and not finished; `+
			`run "drop index concurrently tenon.t_v" and start again`)

		exec(t, conn, "drop index concurrently tenon.t_v")
		require.NoError(t, migrations.Apply(t.Context(), conn, s))
		require.Equal(t, []string{"core/1", "core/2", "s/1", "s/2"}, ledger(t, conn))
		require.Empty(t, list(t, conn, "select locktype from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"))
	})
	t.Run("waits_for_another_process_without_a_deadlock", func(t *testing.T) {
		t.Parallel()
		url := pgtest.Database(t)
		require.NoError(t, migrations.Apply(t.Context(), connect(t, url), versions("s", table+"; update tenon.t set v = id")))
		// A writer keeps the concurrent index waiting until all have come to it.
		writer := connect(t, url)
		exec(t, writer, "begin")
		exec(t, writer, "update tenon.t set v = v")
		var all sync.WaitGroup
		for range 6 {
			conn := connect(t, url)
			all.Go(func() {
				if err := migrations.Apply(t.Context(), conn, versions("s", table+"; update tenon.t set v = id", index)); err != nil {
					t.Error(err)
				}
			})
		}
		watcher := connect(t, url)
		require.Eventually(t, func() bool {
			n := list(t, watcher, `select pid::text from pg_stat_activity where query like '%pg_try_advisory_lock%'
				and datname = current_database() and pid <> pg_backend_pid()`)
			return len(n) == 5
		}, time.Minute, 10*time.Millisecond)
		exec(t, writer, "commit")
		all.Wait()
		require.Equal(t, []string{"core/1", "core/2", "s/1", "s/2"}, ledger(t, watcher))
	})
	t.Run("reports_an_invalid_index_by_its_quoted_name", func(t *testing.T) {
		t.Parallel()
		conn := emptyDatabase(t)
		s := versions("s", table, `-- tenon:no-transaction
create unique index concurrently if not exists "T_""v""" on tenon.t (v)`)
		err := migrations.Apply(t.Context(), conn, s)
		require.ErrorIs(t, err, migrations.ErrInvalidIndex)
		require.ErrorContains(t, err, `run "drop index concurrently tenon."T_""v"""" and start again`)
		exec(t, conn, "update tenon.t set v = id")
		require.ErrorIs(t, migrations.Apply(t.Context(), conn, s), migrations.ErrInvalidIndex, "it is not passed over")
		exec(t, conn, `drop index concurrently tenon."T_""v"""`)
		require.NoError(t, migrations.Apply(t.Context(), conn, s))
	})
	t.Run("gives_up_when_its_context_ends", func(t *testing.T) {
		t.Parallel()
		conn := emptyDatabase(t)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		err := migrations.Apply(ctx, conn, versions("s", "-- tenon:no-transaction\nselect pg_sleep(60)"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	t.Run("gives_up_waiting_for_another_process_when_its_context_ends", func(t *testing.T) {
		t.Parallel()
		url := pgtest.Database(t)
		gate, other := connect(t, url), connect(t, url)
		exec(t, gate, "select pg_advisory_lock(7)")
		s := versions("s", "-- tenon:no-transaction\nselect pg_advisory_lock_shared(7)")
		first, second := make(chan error, 1), make(chan error, 1)
		conn, pid := connect(t, url), fmt.Sprint(other.PgConn().PID())
		go func() { first <- migrations.Apply(t.Context(), conn, s) }()
		waiting(t, gate, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { second <- migrations.Apply(ctx, other, s) }()
		require.Eventually(t, func() bool {
			return len(list(t, gate, `select pid::text from pg_stat_activity where pid::text = $1 and query like '%pg_try_advisory_lock%'`, pid)) == 1
		}, time.Minute, 5*time.Millisecond)
		cancel()
		err := <-second
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "s/0001_step.up.sql: waiting for the process that runs it")
		exec(t, gate, "select pg_advisory_unlock(7)")
		require.NoError(t, <-first)
	})
}

func TestPgBouncer(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	database := connect(t, url).Config().Database
	pooled := connect(t, pgtest.PgBouncer(t, pgtest.Shared(t), database, nil))
	two := versions("s", "create table tenon.s (tenant_id text, id uuid, primary key (tenant_id, id))", "select 1")
	require.NoError(t, migrations.Apply(t.Context(), pooled, two))
	require.NoError(t, migrations.Apply(t.Context(), pooled, two))
	require.NoError(t, migrations.Down(t.Context(), pooled, two, 1))
	require.NoError(t, migrations.CheckNotFiltered(t.Context(), pooled))

	err := migrations.Apply(t.Context(), pooled, hostSet())
	require.ErrorIs(t, err, migrations.ErrIndirect)
	require.ErrorContains(t, err, "host/0002_widgets_name.up.sql")
	require.Equal(t, []string{"core/1", "core/2", "host/1", "s/1"}, ledger(t, connect(t, url)))
	require.NoError(t, migrations.Apply(t.Context(), connect(t, url), hostSet()))
}

// A pooler that is not installed here gives itself away in the same way: the process it names is not the one that
// answers.
func TestNoTransactionRefusesAConnectionThroughAPooler(t *testing.T) {
	t.Parallel()
	config, err := pgx.ParseConfig(pgtest.Database(t))
	require.NoError(t, err)
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return &otherPID{Conn: conn}, err
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	require.ErrorIs(t, migrations.Apply(t.Context(), conn, hostSet()), migrations.ErrIndirect)
}

// otherPID changes the process id in the server's BackendKeyData.
type otherPID struct {
	net.Conn
	done bool
}

func (c *otherPID) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if i := bytes.Index(p[:n], []byte{'K', 0, 0, 0, 12}); i >= 0 && !c.done {
		c.done = true
		pid := binary.BigEndian.Uint32(p[i+5:])
		binary.BigEndian.PutUint32(p[i+5:], pid+1)
	}
	return n, err
}
