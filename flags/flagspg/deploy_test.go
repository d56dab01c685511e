package flagspg_test

import (
	"context"
	"fmt"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagspg"
	"github.com/transbotai/tenon/migrations"
)

// nextRelease is the present schema and what a later release may add to it: columns that may be null or have a default,
// and an index built concurrently. It takes the tables in the order in which a write does.
func nextRelease(t *testing.T) migrations.Set {
	t.Helper()
	present, err := fs.Sub(migrations.FS(), migrations.Flags.Name())
	require.NoError(t, err)
	names, err := fs.Glob(present, "*.up.sql")
	require.NoError(t, err)
	files := fstest.MapFS{
		fmt.Sprintf("%04d_more.up.sql", len(names)+1): {Data: []byte(`
alter table tenon.flags_revision add column note text;
alter table tenon.flags add column project text;
alter table tenon.flag_versions add column project text not null default '';
alter table tenon.flag_marks add column instance text;`)},
		fmt.Sprintf("%04d_more.up.sql", len(names)+2): {Data: []byte(`-- tenon:no-transaction
create index concurrently if not exists flag_versions_at on tenon.flag_versions (at);`)},
	}
	for _, name := range names {
		body, err := fs.ReadFile(present, name)
		require.NoError(t, err)
		files[name] = &fstest.MapFile{Data: body}
	}
	return migrations.NewSet(migrations.Flags.Name(), files)
}

func TestTheNextReleasesMigrationRunsWhileThisOneWorks(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	store := flagspg.New(pool, nil)
	set := loaded(t, pool)
	require.NoError(t, set.Declare(t.Context(), named("beta", "acme")))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- editUntil(ctx, set) }()

	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	require.NoError(t, migrations.Apply(t.Context(), conn, nextRelease(t)))
	for range 3 { // by statements prepared before and after
		require.NoError(t, store.Mark(t.Context(), []flags.Mark{{Flag: "beta", Variant: "on", Seen: now()}}))
		_, err := store.Marks(t.Context())
		require.NoError(t, err)
		_, err = set.Versions(t.Context(), "beta", 0, 5)
		require.NoError(t, err)
		require.NoError(t, loaded(t, pool).Load(t.Context()))
	}
	cancel()
	require.NoError(t, <-done)
	_, err = store.Erase(t.Context(), tenon.Subject{Tenant: "acme"})
	require.NoError(t, err)
	consistent(t, pool)
	require.NoError(t, migrations.Apply(t.Context(), conn, migrations.Flags), "and this release may start on the next one's schema")
}

// editUntil changes a flag until ctx is done.
func editUntil(ctx context.Context, set *flags.Set) error {
	for n := 0; ctx.Err() == nil; n++ {
		edit, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		_, err := set.Edit(edit, "beta", func(d *flags.Definition) error {
			d.Description = fmt.Sprint(n)
			return nil
		}, "")
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}
