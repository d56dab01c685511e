package flagspg_test

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
	Revision int64  `json:",omitempty"` // of a write, after it was answered
	Key      string `json:",omitempty"`
	Version  int64  `json:",omitempty"`
}

func TestMain(m *testing.M) {
	proctest.Main(m, map[string]proctest.Work{"write": connected(writeForEver), "ramp": connected(rampForEver)})
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
