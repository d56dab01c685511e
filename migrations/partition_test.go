package migrations_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

var november = time.Date(2026, 11, 30, 23, 59, 59, 999_999_000, time.UTC)

func TestPartitions(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	conn := emptyDatabase(t)
	require.NoError(t, migrations.Apply(ctx, conn, hostSet()))
	exec(t, conn, `
create table tenon.events (
  tenant_id text not null,
  id uuid not null,
  value int not null check (value > 0),
  twice int generated always as (value * 2) stored,
  primary key (tenant_id, id)) partition by range (id);
create index events_value on tenon.events (tenant_id, value)`)

	want := []string{"events_y2026m11", "events_y2026m12", "events_y2027m01"}
	names, err := migrations.MissingPartitions(ctx, conn, "events", november, 2)
	require.NoError(t, err)
	require.Equal(t, want, names)
	for range 2 {
		require.NoError(t, migrations.EnsurePartitions(ctx, conn, "tenon.events", november, 2))
	}
	names, err = migrations.MissingPartitions(ctx, conn, "events", november, 3)
	require.NoError(t, err)
	require.Equal(t, []string{"events_y2027m02"}, names)
	first := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	zeros := "-0000-0000-000000000000"
	require.Equal(t, []string{"FOR VALUES FROM ('" + tenon.NewID(first)[:13] + zeros + "') TO ('" +
		tenon.NewID(first.AddDate(0, 1, 0))[:13] + zeros + "')"},
		list(t, conn, "select pg_get_expr(relpartbound, oid) from pg_class where relname = 'events_y2026m11'"))

	for _, at := range []time.Time{
		first, november, november.Add(time.Microsecond),
		time.Date(2027, 1, 31, 23, 59, 59, 999_999_999, time.UTC),
	} {
		exec(t, conn, "insert into tenon.events values ('acme', $1, 1)", tenon.NewID(at))
		require.Equal(t, []string{"events" + at.Format("_y2006m01")},
			list(t, conn, "select relname::text from tenon.events e join pg_class c on c.oid = e.tableoid"), at)
		exec(t, conn, "delete from tenon.events")
	}
	for _, at := range []time.Time{
		time.Date(2026, 10, 31, 23, 59, 59, 999_999_999, time.UTC), time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC),
	} {
		_, err := conn.Exec(ctx, "insert into tenon.events values ('acme', $1, 1)", tenon.NewID(at))
		require.ErrorContains(t, err, "23514", "no partition, no default partition")
	}
	require.Len(t, list(t, conn, "select indexrelid::regclass::text from pg_index where indrelid = 'tenon.events_y2026m12'::regclass"), 2)
	_, err = conn.Exec(ctx, "insert into tenon.events_y2026m12 values ('acme', $1, 0)", tenon.NewID(november.Add(time.Hour)))
	require.ErrorContains(t, err, "value_check")

	names, err = migrations.DropPartitions(ctx, conn, "events", time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC))
	require.NoError(t, err)
	require.Equal(t, want[:1], names)
	names, err = migrations.DropPartitions(ctx, conn, "events", time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	require.Equal(t, want[1:], names)
	require.Len(t, partitions(t, conn, "readings"), 5,
		"Apply made them, and nobody else's are dropped")
}

func TestIDFloorIsTheSmallestIDOfItsInstant(t *testing.T) {
	t.Parallel()
	conn := emptyDatabase(t)
	require.NoError(t, migrations.Apply(t.Context(), conn))
	exec(t, conn, "set timezone = 'Asia/Kathmandu'")
	for _, at := range []time.Time{time.UnixMilli(1), november, time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)} {
		at = at.UTC().Truncate(time.Millisecond)
		floor := list(t, conn, "select tenon.id_floor($1)::text", at)[0]
		require.Equal(t, tenon.NewID(at)[:13], floor[:13])
		require.Less(t, floor, tenon.NewID(at))
		require.Greater(t, floor, tenon.NewID(at.Add(-time.Microsecond))[:13])
	}
}

func TestEnsurePartitionsByManySessions(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	conn := connect(t, url)
	require.NoError(t, migrations.Apply(t.Context(), conn, hostSet()))
	var all sync.WaitGroup
	for range 12 {
		other := connect(t, url)
		all.Go(func() {
			if err := migrations.EnsurePartitions(t.Context(), other, "readings", time.Now(), 24); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Len(t, partitions(t, conn, "readings"), 26)
}

func TestPartitionsBesideOpenTransactions(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	url := pgtest.Database(t)
	conn, writer := connect(t, url), connect(t, url)
	require.NoError(t, migrations.Apply(ctx, conn, hostSet()))
	exec(t, writer, "begin")
	exec(t, writer, "insert into tenon.readings values ('acme', $1, 1)", tenon.NewID(time.Now()))

	exec(t, conn, "set lock_timeout = '1s'")
	require.NoError(t, migrations.EnsurePartitions(ctx, conn, "readings", time.Now(), 12), "a writer does not hold it up")

	exec(t, conn, "set lock_timeout = 0")
	_, err := migrations.DropPartitions(ctx, conn, "readings", time.Now())
	var pg *pgconn.PgError
	require.True(t, errors.As(err, &pg), "%v", err)
	require.Equal(t, "55P03", pg.Code, "it gives up soon")
	exec(t, writer, "commit")
	exec(t, writer, "insert into tenon.readings values ('acme', $1, 1)", tenon.NewID(time.Now().AddDate(0, 6, 0)))
	names, err := migrations.DropPartitions(ctx, conn, "readings", time.Now())
	require.NoError(t, err)
	require.Len(t, names, 1)
}

func TestPartitionsRefuse(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	conn := emptyDatabase(t)
	require.NoError(t, migrations.Apply(ctx, conn, hostSet()))
	exec(t, conn, "create table public.logs (id uuid) partition by range (id); create table tenon.byday (day date) partition by range (day)")
	for _, table := range []string{"widgets", "byday", "nothing", "public.logs", `readings"; drop table tenon.widgets; --`} {
		require.Error(t, migrations.EnsurePartitions(ctx, conn, table, november, 1), table)
		_, err := migrations.DropPartitions(ctx, conn, table, november)
		require.Error(t, err, table)
	}
	require.Error(t, migrations.EnsurePartitions(ctx, conn, "readings", november, -1))
	require.NoError(t, migrations.Apply(ctx, conn, hostSet()), "other partitioned tables do not disturb it")
}
