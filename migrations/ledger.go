package migrations

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// plain sends a statement without preparing it under a name, so that it passes through PgBouncer in transaction mode.
const plain = pgx.QueryExecModeExec

// Querier is what the read-only calls need: a pool, a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// applied is a row of tenon.migrations.
type applied struct {
	Version  int
	Name     string
	Checksum string
	Breaking bool
}

const hasLedger = `
select to_regclass('tenon.migrations') is not null`

const createLedger = `
do $$
begin
  if to_regnamespace('tenon') is null then
    create schema tenon;
  end if;
  if to_regclass('tenon.migrations') is null then
    create table tenon.migrations (
      set text not null,
      version int not null,
      name text not null,
      checksum text not null,
      breaking boolean not null,
      applied_at timestamptz not null default now(),
      duration interval not null,
      primary key (set, version));
    comment on table tenon.migrations is 'The files that were applied. [app: none] [worker: select]';
  end if;
end
$$`

// bootstrap makes the schema and the ledger, under a lock, because "if not exists" does not stand two at once.
func bootstrap(ctx context.Context, conn *pgx.Conn) error {
	exists, err := one[bool](ctx, conn, hasLedger)
	if err != nil || exists {
		return err
	}
	return locked(ctx, conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, createLedger)
		return err
	})
}

const selectApplied = `
select version, name, checksum, breaking
from tenon.migrations
where set = $1
order by version`

func readApplied(ctx context.Context, db Querier, set string) ([]applied, error) {
	rows, err := db.Query(ctx, selectApplied, plain, set)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[applied])
}

const insertApplied = `
insert into tenon.migrations (set, version, name, checksum, breaking, duration)
values ($1, $2, $3, $4, $5, $6 * interval '1 microsecond')`

func insert(ctx context.Context, tx pgx.Tx, m migration, took time.Duration) error {
	_, err := tx.Exec(ctx, insertApplied, plain,
		m.set, m.version, m.up.name, m.up.checksum, m.up.breaking, took.Microseconds())
	return err
}

const deleteApplied = `
delete from tenon.migrations
where set = $1
  and version = $2`

func remove(ctx context.Context, tx pgx.Tx, m migration) error {
	_, err := tx.Exec(ctx, deleteApplied, plain, m.set, m.version)
	return err
}

// outstanding compares the files with the ledger and returns the files still to be applied.
func outstanding(set string, ms []migration, done []applied) ([]migration, error) {
	for i, a := range done {
		switch {
		case a.Version != i+1:
			return nil, fmt.Errorf("%s: version %d is applied and version %d is not: %w", set, a.Version, i+1, ErrGap)
		case i >= len(ms) && a.Breaking:
			return nil, fmt.Errorf("%s/%s: this binary knows %d versions: %w", set, a.Name, len(ms), ErrNewer)
		case i < len(ms) && ms[i].up.checksum != a.Checksum:
			return nil, fmt.Errorf("%s/%s: checksum %s was applied, the file has %s: %w",
				set, ms[i].up.name, a.Checksum, ms[i].up.checksum, ErrEdited)
		}
	}
	return ms[min(len(done), len(ms)):], nil
}

// locked runs fn in a transaction while no other migration runs in one.
func locked(ctx context.Context, conn *pgx.Conn, fn func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", plain, lockKey("migrations")); err != nil {
			return err
		}
		return fn(tx)
	})
}

// lockKey returns the advisory lock for a name.
func lockKey(name string) int64 {
	sum := sha256.Sum256([]byte("tenon/" + name))
	return int64(binary.BigEndian.Uint64(sum[:8]))
}

// one returns the only value of a query.
func one[T any](ctx context.Context, db Querier, sql string, args ...any) (T, error) {
	rows, err := db.Query(ctx, sql, append([]any{plain}, args...)...)
	if err != nil {
		var zero T
		return zero, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
}

// all returns the values of a query of one column.
func all[T any](ctx context.Context, db Querier, sql string, args ...any) ([]T, error) {
	rows, err := db.Query(ctx, sql, append([]any{plain}, args...)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[T])
}
