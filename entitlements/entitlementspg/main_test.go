package entitlementspg_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/internal/proctest"
)

// order is what a child is to do.
type order struct {
	URL     string
	Tenant  string
	Tenants []string // instead
	Name    string   // begins the child's keys
}

// report is a line that a child prints: what it was answered, or what its work came to.
type report struct {
	Key      string `json:",omitempty"` // of an acceptance, after it was answered
	Quantity int64  `json:",omitempty"`
	Accepted int64  `json:",omitempty"` // units in all, less what was taken back
	Refused  int64  `json:",omitempty"`
	Replayed int64  `json:",omitempty"`
	Ungated  int64  `json:",omitempty"`
	Err      string `json:",omitempty"`
}

func TestMain(m *testing.M) {
	proctest.Main(m, map[string]proctest.Work{
		"crowd": withGate(crowd), "mixed": withGate(mixedCrowd), "steady": withGate(steady), "race": withGate(raceForKeys),
	})
}

// child is this process while it is one.
type child struct {
	*proctest.Child
	order
	gate *entitlements.Gate
}

// withGate does the work with a gate that knows the catalogue, when the parent lets it.
func withGate(work func(context.Context, *child) error) proctest.Work {
	return proctest.OnDatabase(func(ctx context.Context, p *proctest.Child, o order, pool *pgxpool.Pool) error {
		c := &child{Child: p, order: o, gate: newGate(pool, nil)}
		if _, err := c.gate.Catalog(ctx); err != nil {
			return err
		}
		c.Ready()
		return work(ctx, c)
	})
}
