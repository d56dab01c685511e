package pgtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// owners is the first key of the advisory locks by which processes on one server show that they live; the second is
// their token.
const owners = 0x7e_0a_11

// borrow uses a server that is not ours: it removes the databases of processes that are gone, and holds a lock, on a
// connection that lasts as long as this process, that tells others not to remove ours.
func borrow(ctx context.Context, url string) (*Server, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("pgtest: TENON_TEST_DATABASE_URL: %w", err)
	}
	s := &Server{external: url, owner: conn, clones: clones{token: rand.Uint32()}}
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1, $2)", owners, int32(s.clones.token)); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return s, dropLeftovers(ctx, conn)
}

func dropLeftovers(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, "select datname from pg_database where starts_with(datname, $1)", namePrefix)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := dropLeftover(ctx, conn, name); err != nil {
			return err
		}
	}
	return nil
}

func dropLeftover(ctx context.Context, conn *pgx.Conn, name string) error {
	token, ok := parseToken(strings.TrimPrefix(name, namePrefix))
	if !ok {
		return nil
	}
	var dead bool
	err := conn.QueryRow(ctx, "select pg_try_advisory_lock($1, $2)", owners, int32(token)).Scan(&dead)
	if err != nil || !dead {
		return err
	}
	_, err = conn.Exec(ctx, "drop database if exists "+pgx.Identifier{name}.Sanitize()+" with (force)")
	_, unlockErr := conn.Exec(ctx, "select pg_advisory_unlock($1, $2)", owners, int32(token))
	return errors.Join(err, unlockErr)
}

func parseToken(s string) (uint32, bool) {
	if len(s) < 8 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:8], 16, 32)
	return uint32(n), err == nil
}
