package proctest

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"
)

// OnDatabase is work on a Postgres: its order is an O, which has the connection string as its field URL. The pool is
// connected when the work begins, which says itself when it is ready.
func OnDatabase[O any](work func(ctx context.Context, c *Child, o O, pool *pgxpool.Pool) error) Work {
	return func(ctx context.Context, c *Child) error {
		var o O
		var at struct{ URL string }
		if err := errors.Join(c.Order(&o), c.Order(&at)); err != nil {
			return err
		}
		pool, err := pgxpool.New(ctx, at.URL)
		if err != nil {
			return err
		}
		defer pool.Close()
		if err := pool.Ping(ctx); err != nil {
			return err
		}
		return work(ctx, c, o, pool)
	}
}
