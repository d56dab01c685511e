// Package lab is where the comparisons run: the machine, its servers, and how long each measurement takes.
package lab

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// Options of [New].
type Options struct {
	Rounds int           // 0 means 5
	Length time.Duration // of one measurement that is bounded by time; 0 means 3 seconds
	Log    io.Writer     // is told what is going on; nil discards
	// Quick gives up what makes the figures true (fsync, sizes) so that a test can run everything in seconds.
	Quick bool
}

// Lab is what a comparison is handed. It is not safe for concurrent use.
type Lab struct {
	Options
	server *pgtest.Server
	load   string // average of the minute before
}

// New returns a lab. Servers start when they are first asked for; Close ends them.
func New(opts Options) *Lab {
	if opts.Rounds == 0 {
		opts.Rounds = 5
	}
	if opts.Length == 0 {
		opts.Length = 3 * time.Second
	}
	if opts.Log == nil {
		opts.Log = io.Discard
	}
	return &Lab{Options: opts, load: loadAverage()}
}

// Close ends the servers.
func (l *Lab) Close() error {
	if l.server == nil {
		return nil
	}
	return l.server.Stop()
}

// Say tells what is going on.
func (l *Lab) Say(format string, args ...any) { fmt.Fprintf(l.Log, format+"\n", args...) }

// Size returns n, or less when only a test asks.
func (l *Lab) Size(n int) int {
	if l.Quick {
		return max(n/100, 2)
	}
	return n
}

// Many returns what Size does, and a tenth of it where fewer rounds than the usual ones are asked for: whoever measures
// less often is developing, and does not wait for a large table.
func (l *Lab) Many(n int) int {
	if l.Rounds < 5 {
		n /= 10
	}
	return l.Size(n)
}

// settings are those of a server of modest size. What decides durability is Postgres' default: fsync,
// synchronous_commit and full_page_writes on.
var settings = map[string]string{
	"shared_buffers":             "1GB",
	"max_wal_size":               "8GB",
	"checkpoint_timeout":         "30min", // one before each measurement, none within
	"synchronous_commit":         "on",
	"dynamic_shared_memory_type": "mmap",
}

// Postgres returns the URL of a new empty database, with the sets applied, on a durable server of our own.
func (l *Lab) Postgres(ctx context.Context, name string, sets ...migrations.Set) (string, error) {
	if l.server == nil {
		server, err := pgtest.Start(ctx, &pgtest.Options{Durable: !l.Quick, Settings: settings})
		if err != nil {
			return "", err
		}
		l.server = server
	}
	if err := l.exec(ctx, "postgres", "create database "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", err
	}
	conn, err := pgx.Connect(ctx, l.server.URL(name))
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	return l.server.URL(name), migrations.Apply(ctx, conn, sets...)
}

// Pool returns a pool, of the size that pgx chooses, on a database that [Lab.Postgres] makes.
func (l *Lab) Pool(ctx context.Context, name string, sets ...migrations.Set) (*pgxpool.Pool, error) {
	return l.PoolOf(ctx, 0, name, sets...)
}

// PoolOf is Pool with at most that many connections; 0 is what pgx chooses.
func (l *Lab) PoolOf(ctx context.Context, connections int32, name string, sets ...migrations.Set) (*pgxpool.Pool, error) {
	url, err := l.Postgres(ctx, name, sets...)
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	if connections > 0 {
		config.MaxConns = connections
	}
	return pgxpool.NewWithConfig(ctx, config)
}

func (l *Lab) exec(ctx context.Context, database, sql string) error {
	conn, err := pgx.Connect(ctx, l.server.URL(database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

// Program returns one of Postgres' own programs, from beside the server or from PATH.
func (l *Lab) Program(name string) (string, error) {
	path, err := exec.LookPath(filepath.Join(l.server.BinDir(), name))
	if err == nil {
		return path, nil
	}
	if path, err = exec.LookPath(name); err != nil {
		return "", fmt.Errorf("bench: no %s beside the server nor on PATH: install Postgres by the system's packages", name)
	}
	return path, nil
}
