package gdprpg_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/internal/proctest"
	"github.com/transbotai/tenon/migrations"
)

// works are what this binary does as a process of its own.
var works = map[string]proctest.Work{"erase": eraseOnce, "requests": workForEver}

func TestMain(m *testing.M) { proctest.Main(m, works) }

// soak says whether the long versions of the loops were asked for.
func soak() bool { return os.Getenv("TENON_SOAK") != "" }

func database(t *testing.T) *pgxpool.Pool {
	t.Helper()
	return pgtest.Pool(t, migrations.GDPR)
}

func mustExec(t *testing.T, db gdprpg.DB, sql string, args ...any) {
	t.Helper()
	_, err := db.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func list[T any](t *testing.T, db gdprpg.DB, sql string, args ...any) []T {
	t.Helper()
	rows, err := db.Query(t.Context(), sql, args...)
	require.NoError(t, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[T])
	require.NoError(t, err)
	return found
}

func one[T any](t *testing.T, db gdprpg.DB, sql string, args ...any) T {
	t.Helper()
	found := list[T](t, db, sql, args...)
	require.Len(t, found, 1)
	return found[0]
}
