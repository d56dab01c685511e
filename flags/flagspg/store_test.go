package flagspg_test

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagspg"
	"github.com/transbotai/tenon/flags/flagstest"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func TestStore(t *testing.T) {
	t.Parallel()
	flagstest.TestStore(t, func(t *testing.T) flags.Store { return flagspg.New(pgtest.Pool(t, migrations.Flags), nil) })
}

func TestStoreSharedByAll(t *testing.T) {
	t.Parallel()
	store := flagspg.New(pgtest.Pool(t, migrations.Flags), nil)
	flagstest.TestStore(t, func(*testing.T) flags.Store { return store })
}

func TestStoreTellsOfChanges(t *testing.T) {
	t.Parallel()
	flagstest.TestChanges(t, func(t *testing.T, r tenon.Recorder, n tenon.Notifier) flags.Store {
		return flagspg.New(pgtest.Pool(t, migrations.Flags), &flagspg.Options{
			Recorder: func(pgx.Tx) tenon.Recorder { return r }, Notifier: func(pgx.Tx) tenon.Notifier { return n },
		})
	})
}

// oneAtATime lets goroutines take turns with a store that is bound to a transaction, which is one connection.
type oneAtATime struct {
	store *flagspg.Store
	mu    sync.Mutex
}

func (s *oneAtATime) Load(ctx context.Context, since int64) (flags.Update, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.Load(ctx, since)
}

func (s *oneAtATime) Write(ctx context.Context, w flags.Write) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.Write(ctx, w)
}

func (s *oneAtATime) Versions(ctx context.Context, q flags.VersionQuery) ([]flags.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.Versions(ctx, q)
}

func (s *oneAtATime) Mark(ctx context.Context, marks []flags.Mark) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.Mark(ctx, marks)
}

func (s *oneAtATime) Marks(ctx context.Context) ([]flags.Mark, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.Marks(ctx)
}

// A statement that failed would abort the transaction, so that all that follows failed too: no expected outcome may be
// an SQL error.
func TestStoreInACallersTransaction(t *testing.T) {
	t.Parallel()
	flagstest.TestStore(t, func(t *testing.T) flags.Store {
		return &oneAtATime{store: flagspg.New(pgtest.Begin(t, pgtest.Pool(t, migrations.Flags)), nil)}
	})
}

func TestAWriteInACallersTransactionHoldsWhenItCommits(t *testing.T) {
	t.Parallel()
	pool := database(t)
	set := loaded(t, pool)
	for _, commit := range []bool{false, true} {
		tx := pgtest.Begin(t, pool)
		bound := set.WithStore(flagspg.New(tx, nil))
		_, err := bound.Put(t.Context(), named("beta", "acme"), "signed")
		require.NoError(t, err)
		require.NoError(t, set.Load(t.Context()))
		_, err = set.Flag("beta")
		require.ErrorIs(t, err, flags.ErrUnknownFlag, "nothing of it is seen outside")
		if commit {
			require.NoError(t, tx.Commit(t.Context()))
		} else {
			require.NoError(t, tx.Rollback(t.Context()))
		}
	}
	require.NoError(t, set.Load(t.Context()))
	d, err := set.Flag("beta")
	require.NoError(t, err)
	require.EqualValues(t, 1, d.Version)
	require.EqualValues(t, 1, set.Revision(), "the revision that was rolled back was given again")
}

func TestTheHostIsToldInTheTransactionAndItsErrorUndoesTheWrite(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s := flagspg.New(pool, telling(t, pool))
	write := flags.Write{
		Records:       []flags.Record{record(t, named("beta"), 1)},
		Changes:       []tenon.Change{{Action: "flags.changed", Target: "flag/beta"}},
		Notifications: []tenon.Notification{{Key: "beta/1", Kind: "flags.rolled_back"}},
	}
	pgtest.Exec(t, pool, "alter table public.told add constraint unique_key unique (key)")
	_, err := s.Write(t.Context(), write)
	require.NoError(t, err)
	require.Equal(t, []string{"beta/1", "flags.changed flag/beta"}, pgtest.List[string](t, pool, "select key from public.told order by key"))

	before := dump(t, pool)
	write.Base, write.Records[0].Version = 1, 2
	_, err = s.Write(t.Context(), write)
	require.ErrorContains(t, err, "unique_key")
	require.Equal(t, before, dump(t, pool))
}

// refusing is a recorder and a notifier that will not have it.
type refusing struct{}

func (refusing) RecordChange(context.Context, tenon.Change) error { return tenon.ErrDenied }

func (refusing) Notify(context.Context, tenon.Notification) error { return tenon.ErrDenied }

func TestAHostThatRefusesLeavesNothingBehindInItsOwnTransaction(t *testing.T) {
	t.Parallel()
	pool := database(t)
	write := flags.Write{
		Records: []flags.Record{record(t, named("beta"), 1)},
		Changes: []tenon.Change{{Action: "flags.changed"}}, Notifications: []tenon.Notification{{Key: "k"}},
	}
	for _, opts := range []*flagspg.Options{
		{Recorder: func(pgx.Tx) tenon.Recorder { return refusing{} }},
		{Notifier: func(pgx.Tx) tenon.Notifier { return refusing{} }},
	} {
		tx := pgtest.Begin(t, pool)
		_, err := flagspg.New(tx, opts).Write(t.Context(), write)
		require.ErrorIs(t, err, tenon.ErrDenied)
		require.Equal(t, []string{"revision 0"}, dump(t, tx), "the caller may go on and commit")
		require.NoError(t, tx.Rollback(t.Context()))
	}
}

func TestABodyIsKeptAsItWasWritten(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s := flagspg.New(pool, nil)
	for key, body := range map[string]string{
		"order":   `{"b": 1, "a": 2, "a": 3}`,
		"numbers": `{"n": 12345678901234567890.10e400}`,
		"escapes": `{"s": "\u0000\ud800"}`,
		"null":    `null`,
	} {
		r := flags.Record{Kind: flags.KindFlag, Key: key, Version: 1, Body: []byte(body), At: now()}
		put(t, s, r)
		stored, err := s.Versions(t.Context(), flags.VersionQuery{Kind: flags.KindFlag, Key: key, Limit: 1})
		require.NoError(t, err)
		require.Equal(t, body, string(stored[0].Body))
	}
}

func TestWhatPostgresCannotKeepIsInvalid(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s := flagspg.New(pool, nil)
	before := dump(t, pool)
	for name, r := range map[string]flags.Record{
		"no json":       {Key: "beta", Body: []byte(`{"a": `)},
		"invalid utf-8": {Key: "beta", Reason: "\xff"},
		"a zero byte":   {Key: "be\x00ta"},
	} {
		r.Kind, r.Version, r.At = flags.KindFlag, 1, now()
		_, err := s.Write(t.Context(), flags.Write{Records: []flags.Record{r}})
		require.ErrorIs(t, err, tenon.ErrInvalid, name)
	}
	_, err := s.Write(t.Context(), flags.Write{})
	require.ErrorIs(t, err, tenon.ErrInvalid)
	require.Equal(t, before, dump(t, pool))

	tx := pgtest.Begin(t, pool)
	for _, body := range []string{`{`, "\"\xff\""} {
		_, err := flagspg.New(tx, nil).Write(t.Context(), flags.Write{Records: []flags.Record{
			{Kind: flags.KindFlag, Key: "beta", Version: 1, Body: []byte(body), At: now()},
		}})
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
	require.Equal(t, before, dump(t, tx), "the caller's transaction goes on")
}

func TestAPoisonedRowKeepsItsLastGoodVersionAndStopsNoOther(t *testing.T) {
	t.Parallel()
	pool := database(t)
	set := loaded(t, pool)
	for _, key := range []string{"first", "poisoned", "last"} {
		_, err := set.Put(t.Context(), named(key, "acme"), "")
		require.NoError(t, err)
	}
	pgtest.Exec(t, pool, `update tenon.flags_revision set revision = revision + 1`)
	pgtest.Exec(t, pool, `
update tenon.flags
set body = '{"key": "poisoned", "type": "bool", "rules": [{"if": {"attr": "a", "op": "of next year"}, "serve": "on"}]}',
  version = 2, revision = 4
where key = 'poisoned'`)
	last := named("last", "zenith")
	last.Version = 1
	_, err := loaded(t, pool).Put(t.Context(), last, "")
	require.NoError(t, err, "and others are written beside it")
	require.NoError(t, set.Load(t.Context()))
	require.Contains(t, set.Stats().Faults, "flag/poisoned")
	for key, tenant := range map[string]string{"first": "acme", "poisoned": "acme", "last": "zenith"} {
		require.Equal(t, true, set.Evaluate(key, &flags.Who{Tenant: tenant}).Value, key)
	}
	require.Equal(t, flags.CodeParse, loaded(t, pool).Evaluate("poisoned", &flags.Who{Tenant: "acme"}).Code,
		"a process that never saw a good version says so")
}

func TestTheClockIsTheDatabases(t *testing.T) {
	t.Parallel()
	pool := database(t)
	before := pgtest.One[int64](t, pool, "select floor(extract(epoch from clock_timestamp()))::bigint")
	at, err := flagspg.New(pool, nil).Clock(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, at.Unix(), before)
	require.Zero(t, at.Nanosecond()%1000)
}

func TestWithoutTheSchemaTheErrorSaysWhatToDo(t *testing.T) {
	t.Parallel()
	_, err := flagspg.New(pgtest.Pool(t), nil).Load(t.Context(), 0)
	require.ErrorContains(t, err, "migrations.Flags")
}

func TestADatabaseThatHasLostItsRevisionIsNoEmptyOne(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s := flagspg.New(pool, nil)
	put(t, s, record(t, named("f", "acme"), 1))
	set := loaded(t, pool)
	pgtest.Exec(t, pool, "delete from tenon.flags_revision")
	_, err := s.Load(t.Context(), 0)
	require.ErrorContains(t, err, "has lost its row")
	require.Error(t, set.Load(t.Context()))
	require.Equal(t, true, set.Evaluate("f", &flags.Who{Tenant: "acme"}).Value, "what is live stays")
}
