package faultmatrix_test

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/internal/pgtest"
)

// stage is a database on which a write is tried.
type stage struct {
	t      *testing.T
	url    string
	pool   *pgxpool.Pool // sound
	copied bool          // each try has a copy of the database
	back   string        // SQL that makes the rows again that were prepared
	now    time.Time
	tries  int               // that failed so far
	kept   map[string]string // by prepare, for do
}

// keep hands a value from prepare to do.
func (s *stage) keep(name, value string) {
	if s.kept == nil {
		s.kept = map[string]string{}
	}
	s.kept[name] = value
}

// ctx carries a caller.
func (s *stage) ctx() context.Context {
	return tenon.WithCaller(s.t.Context(), tenon.Caller{Tenant: "acme", Actor: "ann"})
}

func (s *stage) connect() {
	s.t.Helper()
	config, err := pgxpool.ParseConfig(s.url)
	require.NoError(s.t, err)
	config.MaxConns = 4
	s.pool, err = pgxpool.NewWithConfig(context.Background(), config)
	require.NoError(s.t, err)
}

const saveSQL = `
select array[
  format('create table saved.%1$I as table %2$s;', c.relname, c.oid::regclass),
  format('delete from %1$s; insert into %1$s (%2$s) overriding system value select %2$s from saved.%3$I;',
    c.oid::regclass, string_agg(quote_ident(a.attname), ', '), c.relname)]
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
where c.relnamespace in (select oid from pg_namespace where nspname in ('tenon', 'public'))
  and c.relkind in ('r', 'p')
  and not c.relispartition
group by c.oid, c.relname`

// save keeps a copy of all rows.
func (s *stage) save() {
	s.t.Helper()
	rows, err := s.pool.Query(s.t.Context(), saveSQL)
	require.NoError(s.t, err)
	both, err := pgx.CollectRows(rows, pgx.RowTo[[]string])
	require.NoError(s.t, err)
	s.execute("create schema saved")
	s.back = "set local session_replication_role = replica;" // no trigger and no foreign key
	for _, sql := range both {
		s.execute(sql[0])
		s.back += sql[1]
	}
}

// again returns the stage as it was prepared.
func (s *stage) again(t *testing.T) *stage {
	t.Helper()
	c := *s
	c.t, c.kept = t, maps.Clone(s.kept)
	if s.copied {
		c.url = pgtest.Clone(t, s.url)
		c.connect()
		t.Cleanup(c.pool.Close)
		return &c
	}
	conn, err := c.pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	require.NoError(t, conn.Conn().PgConn().Exec(t.Context(), c.back).Close(), "one transaction")
	return &c
}

func (s *stage) must(err error) {
	s.t.Helper()
	require.NoError(s.t, err)
}

func (s *stage) execute(sql string, args ...any) {
	s.t.Helper()
	_, err := s.pool.Exec(s.t.Context(), sql, args...)
	require.NoError(s.t, err, sql)
}

func (s *stage) list(sql string) []string {
	s.t.Helper()
	rows, err := s.pool.Query(s.t.Context(), sql)
	require.NoError(s.t, err, sql)
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(s.t, err, sql)
	return found
}

const busySQL = `
select count(*) = 0
from pg_stat_activity
where datname = current_database()
  and xact_start is not null
  and pid <> pg_backend_pid()`

// settled waits until the server has noticed that connections are gone: until then they hold their locks.
func (s *stage) settled() {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		var calm bool
		return s.pool.QueryRow(s.t.Context(), busySQL).Scan(&calm) == nil && calm
	}, time.Minute, time.Millisecond)
}

const tablesSQL = `
select format('select %L || '' '' || to_jsonb(t)::text from %s t', c.relname, c.oid::regclass)
from pg_class c
where c.relnamespace in (select oid from pg_namespace where nspname in ('tenon', 'public'))
  and c.relkind in ('r', 'p')
  and not c.relispartition
  and c.oid <> 'tenon.migrations'::regclass
order by 1`

// What differs from run to run: ids that are made at random, times of a clock, numbers of transactions and of
// sequences, pseudonyms, random bytes and what is signed over all that.
var (
	ids     = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	fixed   = tenon.NewID(now)[:24] // begins the ids of the tests' own
	differs = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d(:?\d\d)?)?` +
		`|"(xid|seq|base|mixed|started|touched_by|seed|latest|folded_at|from_at|salt|hash|plan_hash|signature)": ` +
		`("[^"]*"|\d+)|erased-[A-Z0-9]+|\\\\x[0-9a-f]{32,}`)
)

// counters say how often something was tried or written, by their table.
var counters = map[string]*regexp.Regexp{
	"gdpr_work":        regexp.MustCompile(`"attempts": \d+`),
	"org_entitlements": regexp.MustCompile(`"revision": \d+`),
}

// dump returns every row of every table, tenon's and the host's, with ids named by the order of their appearance.
func (s *stage) dump() []string {
	s.t.Helper()
	lines := s.list(strings.Join(s.list(tablesSQL), "\nunion all "))
	for i, line := range lines {
		lines[i] = differs.ReplaceAllString(line, "*")
		table, _, _ := strings.Cut(line, " ")
		if times := counters[table]; times != nil {
			lines[i] = times.ReplaceAllString(lines[i], "")
		}
	}
	bare := func(line string) string { return ids.ReplaceAllStringFunc(line, anonymous) }
	slices.SortFunc(lines, func(a, b string) int {
		if c := strings.Compare(bare(a), bare(b)); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	names := map[string]string{}
	for i, line := range lines {
		lines[i] = ids.ReplaceAllStringFunc(line, func(id string) string {
			if strings.HasPrefix(id, fixed) {
				return id
			}
			if names[id] == "" {
				names[id] = fmt.Sprintf("id %d", len(names)+1)
			}
			return names[id]
		})
	}
	return lines
}

func anonymous(id string) string {
	if strings.HasPrefix(id, fixed) {
		return id
	}
	return "id"
}

// id returns one of the test's own ids.
func id(n int) string { return fmt.Sprintf("%s%012x", fixed, n) }

// teller tells in the transaction that it is told in, with errors in tenon's classes, as an outbox and an audit log do.
type teller struct{ tx pgx.Tx }

func (o teller) Notify(ctx context.Context, n tenon.Notification) error {
	return o.write(ctx, "news "+n.Kind)
}

func (o teller) RecordChange(ctx context.Context, c tenon.Change) error {
	return o.write(ctx, "change "+c.Action+" "+c.Target)
}

func (o teller) write(ctx context.Context, what string) error {
	_, err := o.tx.Exec(ctx, "insert into public.told values ($1)", what)
	return pgerr.Translate(err, "Notify")
}

func notifier(tx pgx.Tx) tenon.Notifier { return teller{tx} }

func recorder(tx pgx.Tx) tenon.Recorder { return teller{tx} }

// erases returns a line's work: the erasure of a subject.
func erases(open func(pgtest.Handle) tenon.Eraser, subject tenon.Subject) work {
	return func(s *stage, db pgtest.Handle) error {
		_, err := open(db).Erase(s.ctx(), subject)
		return err
	}
}

var (
	company = tenon.Subject{Tenant: "acme"}
	person  = tenon.Subject{Tenant: "acme", User: "ann"}
)
