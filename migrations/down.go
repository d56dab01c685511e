package migrations

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
)

// Down takes back the versions of set above to, the newest first, each in a transaction of its own; with 0 it takes back
// all. What a version's tables held is lost. It refuses, before it changes anything, when a version is applied that the
// set does not know, when a file was edited, when a down file is missing, and to take back [Core] while other sets
// stand on it. A version that another process puts on top meanwhile ends it with [ErrGap]. Down is for development and
// for a deploy that went wrong; a host calls it by hand.
func Down(ctx context.Context, conn *pgx.Conn, set Set, to int) error {
	if err := down(ctx, conn, set, to); err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	return nil
}

func down(ctx context.Context, conn *pgx.Conn, set Set, to int) error {
	if to < 0 {
		return tenon.Invalid("to", "%d is negative", to)
	}
	if err := checkIdle(conn); err != nil {
		return err
	}
	ms, err := set.load()
	if err != nil {
		return err
	}
	n, err := downFrom(ctx, conn, set, ms)
	if err != nil {
		return err
	}
	for v := n; v > to; v-- {
		if ms[v-1].down.name == "" {
			return set.invalid(ms[v-1].up.name, "has no down file")
		}
	}
	for v := n; v > to; v-- {
		if err := downFile(ctx, conn, set, ms, ms[v-1]); err != nil {
			return err
		}
	}
	return nil
}

const setsBeside = `
select count(distinct set)
from tenon.migrations
where set <> $1`

// downFrom returns the version that set is at.
func downFrom(ctx context.Context, db Querier, set Set, ms []migration) (int, error) {
	exists, err := one[bool](ctx, db, hasLedger)
	if err != nil || !exists {
		return 0, err
	}
	if set.name == Core.name {
		others, err := one[int](ctx, db, setsBeside, Core.name)
		if err != nil {
			return 0, err
		}
		if others > 0 {
			return 0, fmt.Errorf("%s: %d other sets are applied: %w", set.name, others, tenon.ErrConflict)
		}
	}
	done, err := readApplied(ctx, db, set.name)
	if err != nil {
		return 0, err
	}
	if _, err := outstanding(set.name, ms, done); err != nil {
		return 0, err
	}
	if len(done) > len(ms) {
		return 0, fmt.Errorf("%s: this binary knows %d versions and %d are applied: %w", set.name, len(ms), len(done), ErrNewer)
	}
	return len(done), nil
}

// downFile takes back m unless another process has done so meanwhile.
func downFile(ctx context.Context, conn *pgx.Conn, set Set, ms []migration, m migration) error {
	if m.down.noTransaction {
		return downDirect(ctx, conn, set, ms, m)
	}
	return locked(ctx, conn, func(tx pgx.Tx) error {
		newest, err := stillNewest(ctx, tx, set, ms, m)
		if err != nil || !newest {
			return err
		}
		if err := execute(ctx, tx.Conn(), m.set, m.down); err != nil {
			return err
		}
		return remove(ctx, tx, m)
	})
}

// stillNewest reports whether m is the next to be taken back, and false when it is taken back already.
func stillNewest(ctx context.Context, db Querier, set Set, ms []migration, m migration) (bool, error) {
	n, err := downFrom(ctx, db, set, ms)
	if err == nil && n > m.version {
		err = fmt.Errorf("%s/%s: version %d was applied meanwhile: %w", m.set, m.up.name, n, ErrGap)
	}
	return n == m.version, err
}
