package supportpg_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/internal/proctest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supportpg"
)

// fire fires timers, one by one and in batches, and keeps a row of each in the transaction that ends it.
func fire(ctx context.Context, c *proctest.Child, _ order, pool *pgxpool.Pool) error {
	work := support.Work{
		"one": {Each: supportpg.Each(func(ctx context.Context, tx pgx.Tx, t support.Timer) error {
			_, err := tx.Exec(ctx, "insert into public.fired (key) values ($1)", t.Key)
			return err
		})},
		"many": {Size: 50, Batch: supportpg.Batch(func(ctx context.Context, tx pgx.Tx, timers []support.Timer) error {
			keys := make([]string, len(timers))
			for i, t := range timers {
				keys[i] = t.Key
			}
			_, err := tx.Exec(ctx, "insert into public.fired (key) select unnest($1::text[])", keys)
			return err
		})},
	}
	timers, err := support.NewTimers(supportpg.New(pool, nil), work, &support.TimersOptions{
		Lease: time.Second, Poll: 20 * time.Millisecond, Backoff: time.Millisecond, MaxBackoff: 50 * time.Millisecond, Attempts: -1,
	})
	if err != nil {
		return err
	}
	c.Ready()
	return timers.Run(ctx)
}

// worker starts a process that fires timers.
func worker(t *testing.T, url string) *proctest.Process[struct{}] {
	t.Helper()
	p := proctest.Start[struct{}](t, "fire", order{URL: url})
	p.Begin()
	return p
}

func TestEveryTimerFiresOnceThoughWorkersAndPostgresAreKilled(t *testing.T) {
	t.Parallel()
	count, kills := 5_000, 6
	if conform.Soak() {
		count, kills = 200_000, 60
	}
	server := pgtest.Own(t, nil, migrations.Support)
	url := server.URL("postgres")
	pool := pgtest.Connect(t, url)
	pgtest.Exec(t, pool, "create table public.fired (key text not null)")
	scheduleMany(t, pool, count)
	workers := []*proctest.Process[struct{}]{worker(t, url), worker(t, url)}
	fired := func() (n int) { // -1 while the server is away
		if pool.QueryRow(t.Context(), "select count(*) from public.fired").Scan(&n) != nil {
			return -1
		}
		return n
	}
	for k := range kills {
		want := count * (k + 1) / (kills + 2)
		require.Eventually(t, func() bool { return fired() >= want }, 2*time.Minute, time.Millisecond)
		if k%3 == 2 {
			require.NoError(t, server.Kill())
			require.NoError(t, server.Restart(t.Context()))
			continue
		}
		workers[k%2].Kill()
		workers[k%2] = worker(t, url)
	}
	require.Eventually(t, func() bool { return fired() >= count }, 4*time.Minute, 10*time.Millisecond)
	require.Eventually(t, func() bool { return left(t, pool) == 0 }, time.Minute, 10*time.Millisecond)
	for _, w := range workers {
		w.Kill()
	}
	require.Equal(t, count, fired(), "rows")
	require.Equal(t, count, pgtest.One[int](t, pool, "select count(distinct key) from public.fired"), "timers")
}

func left(t *testing.T, pool *pgxpool.Pool) int {
	t.Helper()
	return pgtest.One[int](t, pool, "select count(*) from tenon.timers")
}

// scheduleMany schedules timers that are due, half of each kind.
func scheduleMany(t *testing.T, db supportpg.DB, count int) {
	t.Helper()
	store, at := supportpg.New(db, nil), tenon.Instant(time.Now().Add(-time.Minute))
	for n := 0; n < count; {
		var timers []support.Timer
		for ; n < count && len(timers) < 5_000; n++ {
			kind := []string{"one", "many"}[n%2]
			timers = append(timers, support.Timer{TimerRef: support.TimerRef{Tenant: "acme", Key: fmt.Sprint(n)}, At: at, Kind: kind})
		}
		require.NoError(t, store.Schedule(t.Context(), timers))
	}
}
