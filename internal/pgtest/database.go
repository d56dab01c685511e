package pgtest

import (
	"context"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/migrations"
)

// TB is what this package needs of a *testing.T, *testing.B or *testing.F.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Context() context.Context
	Name() string
}

// patience bounds what is done for a test and not by it: starting, cloning, dropping.
const patience = time.Minute

var shared struct {
	once   sync.Once
	server *Server
	err    error
}

// Shared returns the server that all tests of this process share. It is started, or found by TENON_TEST_DATABASE_URL,
// at the first call and ends with the process.
func Shared(t TB) *Server {
	t.Helper()
	shared.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if conn := os.Getenv("TENON_TEST_DATABASE_URL"); conn != "" {
			shared.server, shared.err = borrow(ctx, conn)
			return
		}
		shared.server, shared.err = Start(ctx, nil)
	})
	if shared.err != nil {
		t.Fatalf("%v", shared.err)
	}
	return shared.server
}

// Database returns the connection string of a database that has these sets applied and that is the test's own: it is
// dropped when the test ends, with whoever is still connected. Sets are told apart by their names.
func Database(t TB, sets ...migrations.Set) string {
	t.Helper()
	names := make([]string, len(sets))
	for i, set := range sets {
		names[i] = set.Name()
	}
	return Copy(t, "sets "+strings.Join(names, " "), func(ctx context.Context, url string) error {
		return apply(ctx, url, sets)
	})
}

// Copy returns the connection string of a database that is the test's own, as [Database] does: a copy of one that fill
// made what it is. Those with the same name are copies of the same one, which is filled once.
func Copy(t TB, name string, fill func(ctx context.Context, url string) error) string {
	t.Helper()
	s := Shared(t)
	made, err := s.clone(t.Context(), name, fill)
	if err != nil {
		t.Fatalf("pgtest: a database for %s: %v", t.Name(), err)
	}
	t.Cleanup(func() { drop(t, s, made) })
	return s.URL(made)
}

func drop(t TB, s *Server, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.admin(ctx, "drop database if exists "+name+" with (force)"); err != nil {
		t.Logf("pgtest: %v", err)
	}
}

// Clone returns the connection string of a copy of a database that [Database] made and that nobody is connected to. It
// is the test's own, and dropped when the test ends.
func Clone(t TB, database string) string {
	t.Helper()
	s := Shared(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	config, err := pgx.ParseConfig(database)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	name := s.clones.another()
	if err := s.copy(ctx, name, config.Database); err != nil {
		t.Fatalf("pgtest: a clone of %s for %s: %v", config.Database, t.Name(), err)
	}
	t.Cleanup(func() { drop(t, s, name) })
	return s.URL(name)
}

// Pool returns a pool on a [Database] of its own. It is closed when the test ends, and the test fails when it has not
// given every connection back by then.
func Pool(t TB, sets ...migrations.Set) *pgxpool.Pool {
	t.Helper()
	return Connect(t, Database(t, sets...))
}

// Connect returns a pool on a database by its connection string, which is closed as [Pool]'s is.
func Connect(t TB, url string) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return connect(t, config)
}

func connect(t TB, config *pgxpool.Config) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() { closePool(t, pool) })
	return pool
}

func closePool(t TB, pool *pgxpool.Pool) {
	closed := make(chan struct{})
	go func() {
		pool.Close() // waits for connections that are out
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(patience):
		t.Fatalf("pgtest: %d connections were not given back to the pool", pool.Stat().AcquiredConns())
	}
}
