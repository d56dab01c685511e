package migrations

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/transbotai/tenon"
)

// Apply brings the database to the newest version of the sets, [Core] first, and then makes the partitions of last
// month, this month and the three after it for every partitioned table in schema tenon. Any number of processes may
// call it at once, on an empty database too: one works, the others wait for it and find the work done. A database that
// is up to date costs one read for each set and two more.
//
// The files of a set are applied in order, each in a transaction of its own that is recorded in tenon.migrations, so
// that after an error the files before it are in place and a second call goes on from there. Before it changes anything
// it compares what was applied with the files: see [ErrEdited], [ErrGap] and [ErrNewer]. A version that this binary does
// not know and that is not marked breaking is left alone.
//
// conn must not be in a transaction. Its role becomes the owner of what is made. A file waits for the table locks that
// it needs, and others wait behind it; a lock_timeout among conn's settings bounds that.
func Apply(ctx context.Context, conn *pgx.Conn, sets ...Set) error {
	if err := apply(ctx, conn, sets); err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	return nil
}

func apply(ctx context.Context, conn *pgx.Conn, sets []Set) error {
	if err := checkIdle(conn); err != nil {
		return err
	}
	loaded, err := loadAll(sets)
	if err != nil {
		return err
	}
	if err := bootstrap(ctx, conn); err != nil {
		return err
	}
	todo, err := pending(ctx, conn, loaded)
	if err != nil {
		return err
	}
	for _, m := range todo {
		run := applyFile
		if m.up.noTransaction {
			run = applyDirect
		}
		if err := run(ctx, conn, loaded[m.set], m); err != nil {
			return err
		}
	}
	return ensureAll(ctx, conn)
}

func checkIdle(conn *pgx.Conn) error {
	if conn.PgConn().TxStatus() != 'I' {
		return tenon.Invalid("conn", "is in a transaction")
	}
	return nil
}

// loaded holds the files of several sets.
type loaded map[string][]migration

func loadAll(sets []Set) (loaded, error) {
	l := loaded{}
	for _, s := range append([]Set{Core}, sets...) {
		ms, err := s.load()
		if err != nil {
			return nil, err
		}
		l[s.name] = ms
	}
	return l, nil
}

// pending returns what is to be applied, Core first, then set by set in the order of their names.
func pending(ctx context.Context, db Querier, l loaded) ([]migration, error) {
	var todo []migration
	for _, set := range l.names() {
		done, err := readApplied(ctx, db, set)
		if err != nil {
			return nil, err
		}
		left, err := outstanding(set, l[set], done)
		if err != nil {
			return nil, err
		}
		todo = append(todo, left...)
	}
	return todo, nil
}

// applyFile applies m unless another process has done so meanwhile.
func applyFile(ctx context.Context, conn *pgx.Conn, set []migration, m migration) error {
	return locked(ctx, conn, func(tx pgx.Tx) error {
		left, err := stillLeft(ctx, tx, set, m)
		if err != nil || !left {
			return err
		}
		began := time.Now()
		if err := execute(ctx, tx.Conn(), m.set, m.up); err != nil {
			return err
		}
		return insert(ctx, tx, m, time.Since(began))
	})
}

// stillLeft reports whether m is the next to be applied, and false when it is applied already.
func stillLeft(ctx context.Context, db Querier, set []migration, m migration) (bool, error) {
	done, err := readApplied(ctx, db, m.set)
	if err != nil {
		return false, err
	}
	left, err := outstanding(m.set, set, done)
	switch {
	case err != nil:
		return false, err
	case len(done) >= m.version:
		return false, nil
	case left[0].version != m.version:
		return false, fmt.Errorf("%s/%s: version %d was taken back meanwhile: %w", m.set, m.up.name, left[0].version, ErrGap)
	}
	return true, nil
}

// execute runs the statements of a file one by one, so that an error can name the line.
func execute(ctx context.Context, conn *pgx.Conn, set string, sc script) error {
	for _, st := range sc.statements {
		if err := conn.PgConn().Exec(ctx, st.text).Close(); err != nil {
			return fmt.Errorf("%s/%s: line %d: %w", set, sc.name, errorLine(st, err), err)
		}
	}
	return nil
}

// errorLine returns the line of the file that err is about.
func errorLine(st statement, err error) int {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Position < 1 {
		return st.line
	}
	before := []rune(st.text)
	before = before[:min(int(pg.Position)-1, len(before))]
	return st.line + strings.Count(string(before), "\n")
}
