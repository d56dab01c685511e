package operating_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/kpi"
)

// background starts every loop of a process, and returns a function that ends them and says how each ended.
func background(t *testing.T, s *services) (stop func() map[string]error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var all sync.WaitGroup
	var mu sync.Mutex
	ended := map[string]error{}
	for name, run := range s.loops() {
		all.Go(func() {
			err := run(ctx)
			mu.Lock()
			defer mu.Unlock()
			ended[name] = err
		})
	}
	stop = sync.OnceValue(func() map[string]error {
		cancel()
		all.Wait()
		return ended
	})
	t.Cleanup(func() { stop() })
	return stop
}

// Whoever held a connection and asked for a second one would wait for ever.
func TestEverythingWorksOnAPoolOfOneConnection(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, house...)
	s := open(t, pgtest.Connect(t, url+"&pool_max_conns=1"), patience)
	prepare(t, s, "acme")
	stop := background(t, s)
	ctx, cancel := context.WithTimeout(staff(t.Context()), patience)
	defer cancel()
	var all sync.WaitGroup
	for name, write := range s.writes("acme") {
		all.Go(func() {
			if err := write(ctx); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	all.Wait()
	require.Eventually(t, func() bool { return len(s.told.Keys()) > 0 }, patience, time.Millisecond, "the outbox delivers")
	for name, err := range stop() {
		require.NoError(t, err, name)
	}
}

// budgets are how many connections each loop takes at most, by docs/operating.md.
var budgets = map[string]int32{
	"audit.Log": 1, "directory.Book": 1, "entitlements.Gate": 1, "entitlementspg.Store": 1, "flags.Set": 2, "gdpr.Desk": 1,
	"kpi.Batcher": 2, "kpi.Board": 1, "kpipg.Store": 1, "notify.Outbox": 2, "ratelimitpg.Store": 1, "slo.Board": 1,
	"slopg.Store": 1, "support.Timers": 3,
}

// groupCommits is how many entitlements settle by at once.
const groupCommits = 4

func TestEveryLoopKeepsWithinItsBudgetOfConnections(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, house...)
	host := open(t, pgtest.Connect(t, url), patience)
	prepare(t, host, "acme", "other", "third")
	for name := range host.loops() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.Connect(t, url+"&pool_max_conns=30")
			s := open(t, pool, patience)
			ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
			ended := make(chan error, 1)
			go func() { ended <- s.loops()[name](ctx) }()
			for _, tenant := range []string{"acme", "other", "third"} {
				for what, write := range host.writes(tenant) {
					require.NoError(t, write(staff(t.Context())), what)
				}
				require.NoError(t, s.batcher.Send(t.Context(), kpi.Event{Tenant: tenant, Name: "quote_sent"}))
			}
			acquired, most := pool.Stat().AcquireCount(), int32(0)
			require.Eventually(t, func() bool {
				most = max(most, pool.Stat().AcquiredConns())
				return pool.Stat().AcquireCount() >= acquired+50 || name == "kpi.Batcher" && acquired > 0
			}, patience, 100*time.Microsecond)
			require.LessOrEqual(t, most, budgets[name])
			cancel()
			require.NoError(t, <-ended)
		})
	}
}

func TestGroupCommitsKeepWithinTheirBudgetOfConnections(t *testing.T) {
	t.Parallel()
	pool := pgtest.Connect(t, pgtest.Database(t, house...)+"&pool_max_conns=100")
	s := open(t, pool, patience)
	prepare(t, s, "acme")
	write := s.writes("acme")["entitlements"]
	require.NoError(t, write(staff(t.Context())), "what it loads it has now")
	pool.Reset()
	var all sync.WaitGroup
	for range 60 {
		all.Go(func() {
			if err := write(staff(t.Context())); err != nil {
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, pool.Stat().TotalConns(), int32(groupCommits+1), "and one that brings what is known up to date")
}
