package auditpg_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/internal/proctest"
)

// stored is a record that a child was told is stored.
type stored struct{ ID string }

// recordAndSeal records and seals in turns until it is killed.
func recordAndSeal(ctx context.Context, c *proctest.Child, _ order, pool *pgxpool.Pool) error {
	log := audit.NewLog(auditpg.New(pool, nil), nil)
	sealing := make(chan error, 1)
	c.Ready()
	go func() {
		var err error
		for err == nil {
			_, err = log.Seal(ctx)
		}
		sealing <- err
	}()
	var err error
	for n := 0; err == nil; n++ {
		var id string
		if id, err = log.Record(ctx, audit.Record{Tenant: "acme", Action: "a.b", Payload: fmt.Appendf(nil, "%d", n)}); err == nil {
			c.Say(stored{ID: id})
		}
	}
	return errors.Join(err, <-sealing)
}

func TestWhatWasStoredIsSealedOnceAfterProcessesAreKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rounds := 3
	if conform.Soak() {
		rounds = 60
	}
	acknowledged := map[string]bool{}
	for range rounds {
		var children []*proctest.Process[stored]
		for range 2 {
			children = append(children, proctest.Start[stored](t, "record and seal", order{URL: w.pool.Config().ConnString()}))
		}
		for _, p := range children {
			p.Begin()
		}
		for range 20 {
			require.True(t, children[0].Next())
		}
		for _, p := range children {
			for _, r := range p.Kill() {
				acknowledged[r.ID] = true
			}
		}
	}
	w.checkpoint()
	w.sound()
	sealed := w.sealedIDs()
	for id := range acknowledged {
		require.Equal(t, 1, sealed[id])
	}
	require.Equal(t, int64(len(sealed)), pgtest.One[int64](t, w.pool, "select count(*) from tenon.audit_log"))
}
