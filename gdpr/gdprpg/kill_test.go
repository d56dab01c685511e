package gdprpg_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/internal/proctest"
)

// order is what a child is told to erase.
type order struct {
	URL      string
	Deletion gdpr.Deletion
	Plan     gdpr.Plan
}

// eraseOnce carries out a plan.
func eraseOnce(ctx context.Context, c *proctest.Child, o order, pool *pgxpool.Pool) error {
	c.Ready()
	if _, err := smallHost(pool).Erase(ctx, o.Deletion, o.Plan); err != nil {
		return err
	}
	<-ctx.Done() // a child is killed, whether it was fast or not
	return nil
}

// smallHost takes many transactions for few rows.
func smallHost(db gdprpg.DB) *gdprpg.Host {
	return gdprpg.NewHost(db, gdprpg.HostOptions{Company: bazaar(), Secret: secret, Batch: 1})
}

const erasedSoFarSQL = `
select coalesce(sum(rows), 0)
from tenon.gdpr_work`

func TestAnErasureGoesOnWhereAProcessWasKilled(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	host, d := smallHost(pool), deletion("acme")
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	var total int64
	for _, n := range erasedRows {
		total += n
	}
	for kills, reached := 0, int64(0); kills < 5; kills++ {
		p := proctest.Start[struct{}](t, "erase", order{URL: pool.Config().ConnString(), Deletion: d, Plan: plan})
		p.Begin()
		require.Eventually(t, func() bool {
			now := pgtest.One[int64](t, pool, erasedSoFarSQL)
			return now >= min(reached+3, total)
		}, patience, tick)
		p.Kill()
		reached = pgtest.One[int64](t, pool, erasedSoFarSQL)
	}
	_, err = host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	certificate, err := host.Certify(t.Context(), d, nil)
	require.NoError(t, err)
	require.Equal(t, erasedRows, rows(certificate.Tables), "each row is counted once")
}
