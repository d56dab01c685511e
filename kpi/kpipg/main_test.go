package kpipg_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/internal/proctest"
)

// order is what a child is to do.
type order struct {
	URL  string
	Name string // tells children apart
}

// report is a line that a child prints.
type report struct {
	Key string `json:",omitempty"` // of an event, after it was answered
}

func TestMain(m *testing.M) {
	proctest.Main(m, map[string]proctest.Work{"track": connected(trackForEver), "fold": connected(foldForEver)})
}

// child is this process while it is one.
type child struct {
	*proctest.Child
	order
	pool *pgxpool.Pool
}

// connected does the work with a pool, when the parent lets it.
func connected(work func(context.Context, *child) error) proctest.Work {
	return func(ctx context.Context, p *proctest.Child) error {
		c := &child{Child: p}
		if err := c.Order(&c.order); err != nil {
			return err
		}
		pool, err := pgxpool.New(ctx, c.URL)
		if err != nil {
			return err
		}
		defer pool.Close()
		if err := pool.Ping(ctx); err != nil {
			return err
		}
		c.pool = pool
		c.Ready()
		return work(ctx, c)
	}
}
