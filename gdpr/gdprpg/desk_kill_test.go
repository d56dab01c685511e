package gdprpg_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/internal/proctest"
)

// seed is what a child of the kill loop is told.
type seed struct {
	URL string
	At  time.Time
}

// workForEver does rounds until it is killed.
func workForEver(ctx context.Context, c *proctest.Child, s seed, pool *pgxpool.Pool) error {
	d := office(pool, s.At, nil)
	c.Ready()
	for n := 0; ; n++ {
		if err := d.Round(ctx); err != nil {
			return err
		}
		c.Say(n)
	}
}

func TestRequestsOfAProcessThatIsKilledAreFinishedByAnother(t *testing.T) {
	t.Parallel()
	kills := 4
	if conform.Soak() {
		kills = 60
	}
	for k := range kills {
		pool := openOffice(t)
		at := noon
		for _, s := range stages[:2] {
			require.NoError(t, s.do(t.Context(), office(pool, at, nil)))
		}
		at = at.Add(15 * 24 * time.Hour)
		p := proctest.Start[int](t, "requests", seed{pool.Config().ConnString(), at})
		p.Begin()
		// Between some statement and the next one: those of a round are as many as this loop asks for, and more.
		for range 1 + 7*k%23 {
			pgtest.Exec(t, pool, "select count(*) from tenon.gdpr_requests")
		}
		p.Kill()
		settle(t, pool, at.Add(2*time.Hour))
		end := pgtest.List[string](t, pool, officeEndSQL)
		require.Contains(t, end, "certificates 1")
		require.NotContains(t, end, "company acme")
		require.Contains(t, end, "user zenith25@example.test")
		for _, once := range []string{"told gdpr.erased", "told gdpr.exported", "told gdpr.marked", "told gdpr.certified"} {
			require.Equal(t, 1, count(end, once), "%s in %v", once, end)
		}
	}
}

func count(all []string, one string) (n int) {
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}
