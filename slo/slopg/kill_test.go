package slopg_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/proctest"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slopg"
)

// said is a line of a child: what it has observed before a flush, and what was flushed after it.
type said struct{ Observed, Flushed int }

// batch is how many events a child observes between two flushes.
const batch = 100

// steady observes, flushes and moves the time on without an end, and says what it does.
func steady(ctx context.Context, c *proctest.Child, _ order, pool *pgxpool.Pool) error {
	r, err := slo.NewRecorder(slopg.New(pool, nil), []slo.Objective{uptime(), latency()}, &slo.RecorderOptions{Timeout: time.Minute})
	if err != nil {
		return err
	}
	c.Ready()
	for n := 0; ; n++ {
		r.Tick(start.Add(time.Duration(n) * 20 * time.Second))
		for range batch {
			r.Observe(slo.Good, time.Millisecond)
		}
		c.Say(said{Observed: (n + 1) * batch})
		if err := r.Flush(ctx); err != nil {
			return err
		}
		c.Say(said{Flushed: (n + 1) * batch})
	}
}

var start = time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)

// run lets a child say some lines, kills it, and returns the most that it said.
func run(t *testing.T, url string, lines int) (most said) {
	t.Helper()
	p := proctest.Start[said](t, "steady", order{URL: url})
	p.Begin()
	for range lines {
		require.True(t, p.Next())
	}
	for _, s := range p.Kill() {
		most.Observed, most.Flushed = max(most.Observed, s.Observed), max(most.Flushed, s.Flushed)
	}
	return most
}

func TestAKilledProcessLosesWhatItHadNotFlushedAndDoublesNothing(t *testing.T) {
	t.Parallel()
	pool := database(t)
	store := slopg.New(pool, nil)
	kills := 4
	if conform.Soak() {
		kills = 200
	}
	var flushed, observed int64
	for k := range kills {
		most := run(t, pool.Config().ConnString(), 5+17*k%43)
		flushed += int64(most.Flushed)
		observed += int64(max(most.Observed, most.Flushed+batch)) // it may have begun another batch, unsaid
		for _, o := range []slo.Objective{uptime(), latency()} {
			c := count(t, store, o, start, start.Add(24*time.Hour))
			require.GreaterOrEqual(t, c.Valid, flushed, "what was flushed is there")
			require.LessOrEqual(t, c.Valid, observed, "nothing is counted twice")
			require.Equal(t, c.Good, c.Valid)
			require.LessOrEqual(t, c.Open, int64(k+1))
			require.Positive(t, c.Open, "the minute that was lost in part is told")
		}
	}
}
