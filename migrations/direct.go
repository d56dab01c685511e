package migrations

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// applyDirect applies a file that cannot run in a transaction, such as one that builds an index concurrently. It may be
// interrupted half-way and is then run again from the top, so such a file says "if not exists".
func applyDirect(ctx context.Context, conn *pgx.Conn, set []migration, m migration) error {
	return alone(ctx, conn, m, func() error {
		left, err := stillLeft(ctx, conn, set, m)
		if err != nil || !left {
			return err
		}
		if err := checkIndexes(ctx, conn, m.set, m.up); err != nil {
			return err
		}
		began := time.Now()
		if err := execute(ctx, conn, m.set, m.up); err != nil {
			return errors.Join(err, checkIndexes(context.WithoutCancel(ctx), conn, m.set, m.up))
		}
		return locked(ctx, conn, func(tx pgx.Tx) error {
			if left, err := stillLeft(ctx, tx, set, m); err != nil || !left {
				return err
			}
			return insert(ctx, tx, m, time.Since(began))
		})
	})
}

func downDirect(ctx context.Context, conn *pgx.Conn, set Set, ms []migration, m migration) error {
	return alone(ctx, conn, m, func() error {
		newest, err := stillNewest(ctx, conn, set, ms, m)
		if err != nil || !newest {
			return err
		}
		if err := execute(ctx, conn, m.set, m.down); err != nil {
			return err
		}
		return locked(ctx, conn, func(tx pgx.Tx) error { return remove(ctx, tx, m) })
	})
}

// alone runs fn while this connection holds the lock of m. It asks for the lock again and again instead of waiting in
// Postgres: a waiting statement has a snapshot, for whose end a concurrent index waits, so that both would wait for ever.
func alone(ctx context.Context, conn *pgx.Conn, m migration, fn func() error) (err error) {
	if err := checkDirect(ctx, conn); err != nil {
		return fmt.Errorf("%s/%s runs outside a transaction: %w", m.set, m.up.name, err)
	}
	key := lockKey(fmt.Sprintf("migrations/%s/%d", m.set, m.version))
	if err := poll(ctx, conn, key); err != nil {
		return fmt.Errorf("%s/%s: waiting for the process that runs it: %w", m.set, m.up.name, err)
	}
	defer func() { err = errors.Join(err, unlock(ctx, conn, key)) }()
	return fn()
}

// checkDirect compares the process that answers with the one that the connection was opened to. A pooler makes the
// latter up.
func checkDirect(ctx context.Context, conn *pgx.Conn) error {
	pid, err := one[uint32](ctx, conn, "select pg_backend_pid()::oid")
	if err != nil {
		return err
	}
	if pid != conn.PgConn().PID() {
		return fmt.Errorf("a pooler such as PgBouncer is in between, connect to Postgres itself: %w", ErrIndirect)
	}
	return nil
}

func poll(ctx context.Context, conn *pgx.Conn, key int64) error {
	pause := 10 * time.Millisecond
	for {
		got, err := one[bool](ctx, conn, "select pg_try_advisory_lock($1)", key)
		if err != nil || got {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause/2 + rand.N(pause)):
		}
		pause = min(2*pause, time.Second)
	}
}

// unlock gives the lock back although ctx may be done. Closing the connection would give it back as well.
func unlock(ctx context.Context, conn *pgx.Conn, key int64) error {
	if conn.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, err := one[bool](ctx, conn, "select pg_advisory_unlock($1)", key)
	return err
}

var concurrentIndex = regexp.MustCompile(
	`(?is)^create\s+(?:unique\s+)?index\s+concurrently\s+(?:if\s+not\s+exists\s+)?(\S+)\s+on\s+(?:only\s+)?([^\s(]+)`)

const invalidIndex = `
select format('%I.%I', n.nspname, c.relname)
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_namespace n on n.oid = c.relnamespace
where i.indrelid = to_regclass($1)
  and c.relname = $2
  and not i.indisvalid`

// checkIndexes looks for what an interrupted "create index concurrently" leaves behind. The index takes up space and
// writes, is used by no query, and "if not exists" would pass over it.
func checkIndexes(ctx context.Context, conn *pgx.Conn, set string, sc script) error {
	if conn.IsClosed() {
		return nil
	}
	for _, st := range sc.statements {
		parts := concurrentIndex.FindStringSubmatch(st.text)
		if parts == nil {
			continue
		}
		left, err := all[string](ctx, conn, invalidIndex, parts[2], relName(parts[1]))
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return fmt.Errorf("%s/%s: %s was begun earlier and not finished; run \"drop index concurrently %s\" and start again: %w",
				set, sc.name, left[0], left[0], ErrInvalidIndex)
		}
	}
	return nil
}

// relName returns how Postgres stores an index's name as it stands in a statement.
func relName(s string) string {
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		return strings.ReplaceAll(s[1:len(s)-1], `""`, `"`)
	}
	return strings.ToLower(s)
}
