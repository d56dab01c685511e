package operating_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// firstRelease returns the sets as they were in the beginning: the first file of each. Core goes first by itself,
// whole.
func firstRelease(t *testing.T) []migrations.Set {
	t.Helper()
	var sets []migrations.Set
	for _, set := range house {
		first := fstest.MapFS{}
		require.NoError(t, fs.WalkDir(migrations.FS(), set.Name(), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), "0001_") {
				return err
			}
			text, err := fs.ReadFile(migrations.FS(), path)
			first[d.Name()] = &fstest.MapFile{Data: text}
			return err
		}))
		sets = append(sets, migrations.NewSet(set.Name(), first))
	}
	return sets
}

const rowsSQL = `
select format('select %L || '' '' || to_jsonb(t)::text from %s t', c.relname, c.oid::regclass)
from pg_class c
where c.relnamespace = 'tenon'::regnamespace
  and c.relkind in ('r', 'p')
  and not c.relispartition
  and c.relname not in ('migrations', 'audit_state')
order by 1`

// rows returns every row of schema tenon.
func rows(t *testing.T, db pgtest.Handle) []string {
	t.Helper()
	return list(t, db, strings.Join(list(t, db, rowsSQL), "\nunion all "))
}

func list(t *testing.T, db pgtest.Handle, sql string) []string {
	t.Helper()
	found, err := db.Query(t.Context(), sql)
	require.NoError(t, err, sql)
	values, err := pgx.CollectRows(found, pgx.RowTo[string])
	require.NoError(t, err, sql)
	return values
}

// A deploy overlaps: this release runs on the schema of the one before for as long as nobody has applied the files, and
// what was stored then is there afterwards, as it was.
func TestWhatTheFirstReleaseStoredIsThereAfterTheUpgrade(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	require.NoError(t, migrations.Apply(t.Context(), conn, firstRelease(t)...))
	pool := pgtest.Connect(t, url)
	s := open(t, pool, patience)
	prepare(t, s, "acme", "zenith")
	for name, write := range s.writes("acme") {
		require.NoError(t, write(staff(t.Context())), name)
	}
	before := rows(t, pool)
	require.Greater(t, len(before), 20)
	require.NoError(t, migrations.Apply(t.Context(), conn, house...))
	require.Subset(t, rows(t, pool), before)
	for name, write := range s.writes("zenith") {
		require.NoError(t, write(staff(t.Context())), name)
	}
	for name, read := range s.reads() {
		_, err := read(t.Context())
		require.NoError(t, err, name)
	}
	_, err = s.rights.RemindOfTrials(t.Context(), time.Now(), []time.Duration{time.Hour})
	require.NoError(t, err, "what the later files brought is there")
}
