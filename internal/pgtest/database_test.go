package pgtest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func TestDatabaseIsTheTestsOwn(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"one", "another"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			exec1(t, pgtest.Pool(t), "create table t ()")
		})
	}
}

func TestDatabaseHasItsSets(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t, migrations.Core)
	require.True(t, read[bool](t, pool, "select to_regclass('tenon.migrations') is not null"))
}

func TestDatabaseIsDroppedAfterItsTest(t *testing.T) {
	t.Parallel()
	var name string
	t.Run("test", func(t *testing.T) {
		name = read[string](t, pgtest.Pool(t), "select current_database()")
	})
	conn := connect(t, pgtest.Shared(t).URL("postgres"))
	require.Zero(t, read[int](t, conn, "select count(*) from pg_database where datname = '"+name+"'"))
}

func TestACopyHoldsWhatItsOriginalHeldAndIsItsOwn(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	conn := connect(t, url)
	exec1(t, conn, "create table t as select 7 as n")
	require.NoError(t, conn.Close(t.Context()))
	for range 2 {
		copied := connect(t, pgtest.Clone(t, url))
		require.Equal(t, 7, read[int](t, copied, "select sum(n)::int from t"))
		exec1(t, copied, "insert into t values (8)")
	}
}

func TestBorrowedServer(t *testing.T) {
	t.Parallel()
	lender := start(t, &pgtest.Options{TCP: true})
	admin := connect(t, lender.URL("postgres"))
	exec1(t, admin, "create database tenon_test_00c0ffee_db1") // of a process that is gone
	first, err := pgtest.Borrow(t.Context(), lender.URL("postgres"))
	require.NoError(t, err)
	name, err := first.Clone(t.Context())
	require.NoError(t, err)

	_, err = pgtest.Borrow(t.Context(), lender.URL("postgres"))
	require.NoError(t, err)

	const count = "select count(*) from pg_database where datname = "
	require.Zero(t, read[int](t, admin, count+"'tenon_test_00c0ffee_db1'"))
	require.Equal(t, 1, read[int](t, admin, count+"'"+name+"'"), "of a process that lives")
	require.Equal(t, name, read[string](t, connect(t, first.URL(name)), "select current_database()"))
	require.ErrorContains(t, first.Pause(), "not ours")
}

func BenchmarkDatabase(b *testing.B) {
	pgtest.Database(b, migrations.Core)
	began := time.Now()
	for b.Loop() {
		pgtest.Database(b, migrations.Core)
	}
	b.ReportMetric(float64(time.Since(began).Milliseconds())/float64(b.N), "ms/database")
}
