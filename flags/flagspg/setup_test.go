package flagspg_test

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagspg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// soak says whether the long versions of the loops were asked for.
func soak() bool { return os.Getenv("TENON_SOAK") != "" }

// database returns the URL of a database of the test's own and a pool on it.
func database(t *testing.T) (string, *pgxpool.Pool) {
	t.Helper()
	url := pgtest.Database(t, migrations.Flags)
	return url, connectPool(t, url)
}

func connectPool(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// now is an instant as stores keep them.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// patient returns a set that a busy machine does not hurry.
func patient(store flags.Store) *flags.Set {
	return flags.NewSet(store, &flags.Options{Timeout: time.Minute})
}

// loaded returns a set that knows what is stored.
func loaded(t *testing.T, db flagspg.DB) *flags.Set {
	t.Helper()
	s := patient(flagspg.New(db, nil))
	require.NoError(t, s.Load(t.Context()))
	return s
}

// at returns a bool flag with these tenants switched on.
func named(key string, tenants ...string) flags.Definition {
	d := flags.Definition{Key: key, Type: flags.TypeBool, Tenants: map[string]string{}}
	for _, tenant := range tenants {
		d.Tenants[tenant] = "on"
	}
	return d
}

// record returns a version of a flag as a Set would hand it over.
func record(t *testing.T, d flags.Definition, version int64) flags.Record {
	t.Helper()
	body, err := json.Marshal(d)
	require.NoError(t, err)
	return flags.Record{Kind: flags.KindFlag, Key: d.Key, Version: version, Body: body, By: "ann", Reason: "test", At: now()}
}

// put stores a version under the next revision, whatever that is.
func put(t *testing.T, s *flagspg.Store, records ...flags.Record) int64 {
	t.Helper()
	u, err := s.Load(t.Context(), 1<<62)
	require.NoError(t, err)
	revision, err := s.Write(t.Context(), flags.Write{Base: u.Revision, Records: records})
	require.NoError(t, err)
	return revision
}

// one reads one value.
func one[T any](t *testing.T, db flagspg.DB, sql string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, db.QueryRow(t.Context(), sql, args...).Scan(&v), sql)
	return v
}

func execute(t *testing.T, db flagspg.DB, sql string, args ...any) {
	t.Helper()
	_, err := db.Exec(t.Context(), sql, args...)
	require.NoError(t, err, sql)
}

func list[T any](t *testing.T, db flagspg.DB, sql string, args ...any) []T {
	t.Helper()
	rows, err := db.Query(t.Context(), sql, args...)
	require.NoError(t, err, sql)
	values, err := pgx.CollectRows(rows, pgx.RowTo[T])
	require.NoError(t, err, sql)
	return values
}

const dumpSQL = `
select 'revision ' || revision from tenon.flags_revision
union all select 'flag ' || to_jsonb(f)::text from tenon.flags f
union all select 'version ' || to_jsonb(v)::text from tenon.flag_versions v
union all select 'mark ' || to_jsonb(m)::text from tenon.flag_marks m
order by 1`

// dump returns every row.
func dump(t *testing.T, db flagspg.DB) []string {
	t.Helper()
	return list[string](t, db, dumpSQL)
}

// told is a notifier and a recorder that write into a table of the host's, in the transaction that they are given.
type told struct{ tx pgx.Tx }

func (n told) Notify(ctx context.Context, m tenon.Notification) error { return n.write(ctx, m.Key, m) }

func (n told) RecordChange(ctx context.Context, c tenon.Change) error {
	return n.write(ctx, c.Action+" "+c.Target, c)
}

func (n told) write(ctx context.Context, key string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = n.tx.Exec(ctx, "insert into public.told (key, body) values ($1, $2::text::jsonb)", key, string(text))
	return err
}

// telling makes the table, and returns options that write to it.
func telling(t *testing.T, db flagspg.DB) *flagspg.Options {
	t.Helper()
	execute(t, db, "create table public.told (key text, body jsonb)")
	return &flagspg.Options{
		Notifier: func(tx pgx.Tx) tenon.Notifier { return told{tx} },
		Recorder: func(tx pgx.Tx) tenon.Recorder { return told{tx} },
	}
}

// begin begins a transaction that ends with the test at the latest.
func begin(t *testing.T, pool *pgxpool.Pool) pgx.Tx {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return tx
}
