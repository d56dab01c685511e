package gdprpg_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/gdpr/gdprtest"
	"github.com/transbotai/tenon/internal/pgtest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	gdprtest.TestStore(t, func(t *testing.T) gdpr.Store { return gdprpg.New(database(t), nil) })
}

// telling are the options of a store that tells n and r.
func telling(n tenon.Notifier, r tenon.Recorder) *gdprpg.Options {
	return &gdprpg.Options{
		Notifier: func(pgx.Tx) tenon.Notifier { return n },
		Recorder: func(pgx.Tx) tenon.Recorder { return r },
	}
}

func TestDesk(t *testing.T) {
	t.Parallel()
	gdprtest.TestDesk(t, func(t *testing.T, n tenon.Notifier, r tenon.Recorder) gdpr.Store {
		return gdprpg.New(database(t), telling(n, r))
	})
}

// turns lets goroutines take turns with a store that is bound to a transaction, which is one connection.
type turns struct {
	*gdprpg.Store
	pgtest.Turns
}

func (s *turns) Load(ctx context.Context, tenant string) (*gdpr.Case, error) {
	defer s.Take()()
	return s.Store.Load(ctx, tenant)
}

func (s *turns) Change(ctx context.Context, tenant string, edit gdpr.Edit) (*gdpr.Case, error) {
	defer s.Take()()
	return s.Store.Change(ctx, tenant, edit)
}

func (s *turns) List(ctx context.Context, q gdpr.Query) ([]gdpr.Request, error) {
	defer s.Take()()
	return s.Store.List(ctx, q)
}

func (s *turns) Claim(ctx context.Context, c gdpr.Claim) ([]gdpr.Request, error) {
	defer s.Take()()
	return s.Store.Claim(ctx, c)
}

// bound returns a store in a transaction that is rolled back in the end. A statement that failed would abort it, so that
// all that follows failed too: no expected outcome may be an SQL error.
func bound(t *testing.T, opts *gdprpg.Options) gdpr.Store {
	t.Helper()
	return &turns{Store: gdprpg.New(pgtest.Begin(t, database(t)), opts)}
}

func TestStoreInACallersTransaction(t *testing.T) {
	t.Parallel()
	gdprtest.TestStore(t, func(t *testing.T) gdpr.Store { return bound(t, nil) })
}

func TestDeskInACallersTransaction(t *testing.T) {
	t.Parallel()
	gdprtest.TestDesk(t, func(t *testing.T, n tenon.Notifier, r tenon.Recorder) gdpr.Store { return bound(t, telling(n, r)) })
}

func TestAStoreThatIsAwaySaysSo(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "host="+t.TempDir()+" user=nobody")
	require.NoError(t, err)
	defer pool.Close()
	_, err = gdprpg.New(pool, nil).Load(t.Context(), "acme")
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	_, err = gdprpg.NewFiles(pool).Open(t.Context(), gdpr.Key{Tenant: "acme", ID: tenon.NewID(noon)})
	require.ErrorIs(t, err, tenon.ErrUnavailable)
}

func TestADatabaseWithoutTheSchemaSaysWhatToDo(t *testing.T) {
	t.Parallel()
	_, err := gdprpg.New(pgtest.Pool(t), nil).Load(t.Context(), "acme")
	require.ErrorContains(t, err, "call migrations.Apply with migrations.GDPR")
}

func TestAListBeforeWhatIsNoIDIsInvalid(t *testing.T) {
	t.Parallel()
	_, err := gdprpg.New(database(t), nil).List(t.Context(), gdpr.Query{Before: "the other one"})
	require.ErrorIs(t, err, tenon.ErrInvalid)
}
