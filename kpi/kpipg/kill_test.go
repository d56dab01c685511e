package kpipg_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/internal/proctest"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpipg"
)

// trackForEver tracks events a few at a time, and says what was answered.
func trackForEver(ctx context.Context, c *proctest.Child, o order, pool *pgxpool.Pool) error {
	tracker := patient(kpipg.New(pool, nil))
	c.Ready()
	for n := 0; ; n++ {
		events := []kpi.Event{sent("acme", fmt.Sprint(o.Name, "/", n)), accepted("acme", fmt.Sprint(o.Name, "/", n))}
		if _, err := tracker.Track(ctx, events...); err != nil {
			return err
		}
		for _, e := range events {
			c.Say(report{Key: e.Key})
		}
	}
}

// foldForEver folds all the time.
func foldForEver(ctx context.Context, c *proctest.Child, _ order, pool *pgxpool.Pool) error {
	store := kpipg.New(pool, nil)
	c.Ready()
	for {
		if err := store.Fold(ctx); err != nil {
			return err
		}
		c.Say(report{})
	}
}

const backendsSQL = `
select count(*)
from pg_stat_activity
where datname = current_database()
  and backend_type = 'client backend'`

func TestAWriterAndAFolderKilledAtAnyMomentLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	define(t, pool)
	kills := 4
	if conform.Soak() {
		kills = 40
	}
	var said []string
	for k := range kills {
		writer := proctest.Start[report](t, "track", order{URL: url, Name: fmt.Sprint(k)})
		folder := proctest.Start[report](t, "fold", order{URL: url})
		writer.Begin()
		folder.Begin()
		for range 10 + 13*k%37 {
			require.True(t, writer.Next())
		}
		require.True(t, folder.Next())
		for _, r := range writer.Kill() {
			said = append(said, r.Key)
		}
		folder.Kill()
		consistent(t, pool)
	}
	// what a killed process had sent may still be carried out
	require.Eventually(t, func() bool {
		return pgtest.One[int64](t, pool, backendsSQL) <= int64(pool.Stat().TotalConns())
	}, generous, 10*time.Millisecond)
	found := pgtest.List[string](t, pool, "select properties ->> 'quote' from tenon.events where event_name = 'quote_sent'")
	require.EqualValues(t, len(found), pgtest.One[int64](t, pool, "select count(distinct properties ->> 'quote') from tenon.events where event_name = 'quote_sent'"))
	keys := pgtest.One[int64](t, pool, "select count(*) from tenon.event_keys where key = any ($1)", said)
	require.EqualValues(t, len(said), keys, "what was answered is there")
	fold(t, pool)
	consistent(t, pool)
	require.Equal(t, fmt.Sprintf("%d of %d, 0", len(found), len(found)), figure(t, pool, "quote_book", "acme"))
}
