package directorypg_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directorypg"
	"github.com/transbotai/tenon/directory/directorytest"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func database(t *testing.T) *pgxpool.Pool {
	t.Helper()
	return pgtest.Pool(t, migrations.Directory, migrations.Notify)
}

// noon is when tests begin.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// at is a store at a time of the test's.
type at struct {
	*directorypg.Store
	now time.Time
}

func (s at) Clock(context.Context) (time.Time, error) { return s.now, nil }

// bookAt returns a book over a store at an instant.
func bookAt(s *directorypg.Store, now time.Time, opts *directory.Options) *directory.Book {
	o := directory.Options{}
	if opts != nil {
		o = *opts
	}
	o.Timeout, o.Key = time.Minute, tenon.NewSecret("a key of the tests'")
	return directory.NewBook(at{s, now}, &o)
}

func profile(name string) directory.Profile {
	return directory.Profile{Name: name, Services: []string{"ltl"}, Regions: []string{"us-ca"}, Public: true}
}

// publish lists a partner that everybody may see.
func publish(t *testing.T, b *directory.Book, tenant string, p directory.Profile) *directory.Dossier {
	t.Helper()
	d, err := b.Create(t.Context(), tenant, p)
	require.NoError(t, err)
	d, err = b.Submit(t.Context(), d.Ref, 1)
	require.NoError(t, err)
	res, err := b.Publish(t.Context(), d.Ref, 1)
	require.NoError(t, err)
	require.Empty(t, res.Refused)
	return res.Dossier
}

func found(t *testing.T, b *directory.Book, s directory.Search) []string {
	t.Helper()
	page, err := b.Search(t.Context(), s)
	require.NoError(t, err)
	names := []string{}
	for _, r := range page.Results {
		names = append(names, r.Name)
	}
	return names
}

// telling are options of a store that tells n and r.
func telling(n tenon.Notifier, r tenon.Recorder) *directorypg.Options {
	return &directorypg.Options{
		Notifier: func(pgx.Tx) tenon.Notifier { return n },
		Recorder: func(pgx.Tx) tenon.Recorder { return r },
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	directorytest.TestStore(t, func(t *testing.T) directory.Store { return directorypg.New(database(t), nil) })
}

func TestStoreTells(t *testing.T) {
	t.Parallel()
	directorytest.TestEffects(t, func(t *testing.T, n tenon.Notifier, r tenon.Recorder) directory.Store {
		return directorypg.New(database(t), telling(n, r))
	})
}

// turns lets goroutines take turns with a store that is bound to a transaction, which is one connection.
type turns struct {
	*directorypg.Store
	pgtest.Turns
}

func (s *turns) Load(ctx context.Context, ref directory.Ref) (*directory.Dossier, error) {
	defer s.Take()()
	return s.Store.Load(ctx, ref)
}

func (s *turns) Change(ctx context.Context, ref directory.Ref, edit directory.Edit) (*directory.Dossier, error) {
	defer s.Take()()
	return s.Store.Change(ctx, ref, edit)
}

func (s *turns) ChangeDue(ctx context.Context, due directory.Due, edit directory.Edit) (int, error) {
	defer s.Take()()
	return s.Store.ChangeDue(ctx, due, edit)
}

func (s *turns) Digest(
	ctx context.Context, now time.Time, day directory.Date, tell func(directory.Digest) directory.Effects,
) (directory.Digest, bool, error) {
	defer s.Take()()
	return s.Store.Digest(ctx, now, day, tell)
}

// bound returns a store in a transaction that is rolled back in the end. A statement that failed would abort it, so that
// all that follows failed too: no expected outcome may be an SQL error.
func bound(t *testing.T, opts *directorypg.Options) directory.Store {
	t.Helper()
	return &turns{Store: directorypg.New(pgtest.Begin(t, database(t)), opts)}
}

func TestStoreInACallersTransaction(t *testing.T) {
	t.Parallel()
	directorytest.TestStore(t, func(t *testing.T) directory.Store { return bound(t, nil) })
}

func TestStoreTellsInACallersTransaction(t *testing.T) {
	t.Parallel()
	directorytest.TestEffects(t, func(t *testing.T, n tenon.Notifier, r tenon.Recorder) directory.Store {
		return bound(t, telling(n, r))
	})
}
