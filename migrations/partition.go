package migrations

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const ensure = `
select tenon.ensure_partitions($1::text::regclass, $2::timestamptz, $3::int)`

// EnsurePartitions makes the partition of the month of from, in UTC, and ahead further ones, for a table of schema tenon
// that is partitioned by range over a UUIDv7. It takes no lock when they are there; it does not hold up readers and
// writers of the table otherwise. Any number of sessions may call it at once. The worker role may call it. A transaction
// that already used the table may see the new partitions only after it ends, which is why they are made ahead.
func EnsurePartitions(ctx context.Context, db Querier, table string, from time.Time, ahead int) error {
	_, err := all[any](ctx, db, ensure, tableName(table), from, ahead)
	return named(table, err)
}

const dropBefore = `
select d
from tenon.drop_partitions($1::text::regclass, $2::timestamptz) d`

// DropPartitions drops the partitions of a table that hold nothing of before or later, and returns their names, oldest
// first. It needs the table for a moment to itself; when it cannot have it within two seconds it drops nothing and
// gives the error with SQLSTATE 55P03, after which the caller tries again later. The worker role may call it.
func DropPartitions(ctx context.Context, db Querier, table string, before time.Time) ([]string, error) {
	names, err := all[string](ctx, db, dropBefore, tableName(table), before)
	return names, named(table, err)
}

const missing = `
select m
from tenon.missing_partitions($1::text::regclass, $2::timestamptz, $3::int) m`

// MissingPartitions returns the names of the partitions that [EnsurePartitions] would make, oldest first. An insert into
// a month whose partition is missing fails, so a missing one is an alarm.
func MissingPartitions(ctx context.Context, db Querier, table string, from time.Time, ahead int) ([]string, error) {
	names, err := all[string](ctx, db, missing, tableName(table), from, ahead)
	return names, named(table, err)
}

const ensureEach = `
select tenon.ensure_partitions(t, now() - interval '1 month', 4)
from tenon.partitioned_tables() t`

// ensureAll makes the partitions of every table, from last month to three months ahead by the database's clock.
func ensureAll(ctx context.Context, conn *pgx.Conn) error {
	if _, err := all[any](ctx, conn, ensureEach); err != nil {
		return fmt.Errorf("partitions: %w", err)
	}
	return nil
}

// tableName returns the quoted name of a table in schema tenon, given with or without the schema.
func tableName(table string) string {
	return pgx.Identifier{"tenon", strings.TrimPrefix(table, "tenon.")}.Sanitize()
}

func named(table string, err error) error {
	if err != nil {
		return fmt.Errorf("migrations: partitions of %s: %w", table, err)
	}
	return nil
}
