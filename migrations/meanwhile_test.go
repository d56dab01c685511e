package migrations_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// queue is processes that wait for each other, in the order in which they came: each has read what is applied, and
// goes on when it is its turn.
type queue struct {
	t    *testing.T
	url  string
	gate *pgx.Conn
	n    int // that wait, whoever is at the gate included
	head chan error
}

// newQueue applies s and puts a process at the head that waits at the gate.
func newQueue(t *testing.T, s migrations.Set) *queue {
	t.Helper()
	q := &queue{t: t, url: pgtest.Database(t)}
	q.gate = connect(t, q.url)
	require.NoError(t, migrations.Apply(t.Context(), q.gate, s))
	exec(t, q.gate, "select pg_advisory_lock(7)")
	q.head = q.join(func(conn *pgx.Conn) error {
		return migrations.Apply(t.Context(), conn, versions("gate", "select pg_advisory_xact_lock(7)"))
	})
	return q
}

// join adds a process and returns, when it waits, what it will come to.
func (q *queue) join(work func(conn *pgx.Conn) error) (ended chan error) {
	q.t.Helper()
	conn := connect(q.t, q.url)
	ended = make(chan error, 1)
	go func() { ended <- work(conn) }()
	q.n++
	waiting(q.t, q.gate, q.n)
	return ended
}

func (q *queue) open() {
	q.t.Helper()
	exec(q.t, q.gate, "select pg_advisory_unlock(7)")
	require.NoError(q.t, <-q.head)
}

// waiting waits until so many connections wait for advisory locks.
func waiting(t *testing.T, conn *pgx.Conn, n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		return len(list(t, conn, `select pid::text from pg_locks where locktype = 'advisory' and not granted
			and database = (select oid from pg_database where datname = current_database())`)) == n
	}, time.Minute, 5*time.Millisecond)
}

func TestWhatOthersDidMeanwhile(t *testing.T) {
	t.Parallel()
	first := "create table tenon.a (id int primary key)"
	second := "create table tenon.b (id int primary key)"
	t.Run("says_so_when_a_version_is_taken_back_meanwhile", func(t *testing.T) {
		t.Parallel()
		q := newQueue(t, versions("s", first, second))
		down := q.join(func(conn *pgx.Conn) error { return migrations.Down(t.Context(), conn, versions("s", first, second), 1) })
		applied := q.join(func(conn *pgx.Conn) error {
			return migrations.Apply(t.Context(), conn, versions("s", first, second, "select 3"))
		})
		q.open()
		require.NoError(t, <-down)
		err := <-applied
		require.ErrorIs(t, err, migrations.ErrGap)
		require.ErrorContains(t, err, "s/0003_step.up.sql: version 2 was taken back meanwhile")
		require.Equal(t, []string{"core/1", "core/2", "gate/1", "s/1"}, ledger(t, q.gate))
	})
	t.Run("keeps_a_version_on_which_another_was_put_meanwhile", func(t *testing.T) {
		t.Parallel()
		q := newQueue(t, versions("s", first))
		applied := q.join(func(conn *pgx.Conn) error { return migrations.Apply(t.Context(), conn, versions("s", first, second)) })
		down := q.join(func(conn *pgx.Conn) error { return migrations.Down(t.Context(), conn, versions("s", first, second), 0) })
		q.open()
		require.NoError(t, <-applied)
		err := <-down
		require.ErrorIs(t, err, migrations.ErrGap)
		require.ErrorContains(t, err, "s/0001_step.up.sql: version 2 was applied meanwhile")
		require.Equal(t, []string{"core/1", "core/2", "gate/1", "s/1", "s/2"}, ledger(t, q.gate))
	})
}
