package ratelimittest_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/internal/redistest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimitpg"
	"github.com/transbotai/tenon/ratelimit/ratelimitredis"
)

// server is what a test breaks, and what limits are shared by.
type server struct {
	store   ratelimit.Store
	pause   func() error
	resume  func() error
	kill    func() error
	restart func(context.Context) error
	flush   func(context.Context) error
}

func redisServer(t *testing.T, opts *redistest.Options) server {
	t.Helper()
	s, err := redistest.Start(t.Context(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	config := s.Options()
	config.ReadTimeout = time.Minute // without ContextTimeoutEnabled: the limiter alone sees to the time
	client := redis.NewClient(config)
	t.Cleanup(func() { _ = client.Close() })
	return server{
		store: ratelimitredis.New(client, nil), pause: s.Pause, resume: s.Resume, kill: s.Kill, restart: s.Restart,
		flush: func(ctx context.Context) error { return client.FlushAll(ctx).Err() },
	}
}

func postgresServer(t *testing.T) server {
	t.Helper()
	s, err := pgtest.Start(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	require.NoError(t, err)
	require.NoError(t, migrations.Apply(t.Context(), conn, migrations.Ratelimit))
	require.NoError(t, conn.Close(t.Context()))
	pool, err := pgxpool.New(t.Context(), s.URL("postgres"))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return server{store: ratelimitpg.New(pool, nil), pause: s.Pause, resume: s.Resume, kill: s.Kill, restart: s.Restart}
}

// timed is a store that sees to it that no call has longer than the limiter allows.
type timed struct {
	ratelimit.Store
	t *testing.T
}

func (s timed) Settle(ctx context.Context, ops []ratelimit.Op) ([]ratelimit.Outcome, error) {
	until, ok := ctx.Deadline()
	if !ok || time.Until(until) > callTimeout {
		s.t.Errorf("a call of the store may last until %s", until)
	}
	return s.Store.Settle(ctx, ops)
}

// The limit of these tests is of an hour, so that nothing is given back while they run.
const (
	hourly = 200
	share4 = hourly / processes
)

// load is callers under one policy, who check it with every call.
type load struct {
	t       *testing.T
	limiter *ratelimit.Limiter
	away    ratelimit.Away
	key     ratelimit.Key

	granted, answered, policy, local atomic.Int64
}

func newLoad(t *testing.T, s server, away ratelimit.Away, name string) *load {
	t.Helper()
	limit := ratelimit.PerHour(hourly)
	limit.Away, limit.Lease = away, 2
	limiter, err := ratelimit.NewLimiter(&ratelimit.Options{
		Store: timed{s.store, t}, Processes: processes, Timeout: callTimeout, Pause: 20 * time.Millisecond,
	}, limit)
	require.NoError(t, err)
	return &load{t: t, limiter: limiter, away: away, key: ratelimit.Key{Tenant: "acme", Name: name}}
}

func (l *load) run(ctx context.Context) {
	for ctx.Err() == nil {
		d, err := l.limiter.Take(context.WithoutCancel(ctx), l.key, 1)
		switch {
		case err != nil:
			l.t.Errorf("take: %v", err)
			return
		case d.Reason == ratelimit.ReasonAway:
			l.decided(d.Allowed)
		default:
			l.answered.Add(1)
			if d.Allowed {
				l.granted.Add(1)
			}
		}
		<-time.After(time.Millisecond)
	}
}

// decided checks what was decided in place of the store.
func (l *load) decided(allowed bool) {
	l.policy.Add(1)
	switch {
	case l.away == ratelimit.AwayDeny && allowed, l.away == ratelimit.AwayAllow && !allowed:
		l.t.Errorf("the policy is %d, and allowed %v", l.away, allowed)
	case l.away == ratelimit.AwayLocal && allowed && l.local.Add(1) > share4:
		l.t.Errorf("more than the process's share")
	}
}

// more waits until n grows by as much as 20.
func more(t *testing.T, n *atomic.Int64) {
	t.Helper()
	before := n.Load()
	require.Eventually(t, func() bool { return n.Load() >= before+20 }, time.Minute, time.Millisecond)
}

func TestStoresThatGoAwayUnderLoad(t *testing.T) {
	t.Parallel()
	away := func(leave func(server) error, back func(context.Context, server) error) func(*testing.T, server, []*load) {
		return func(t *testing.T, s server, loads []*load) {
			require.NoError(t, leave(s))
			for _, l := range loads {
				more(t, &l.policy)
				if l.away == ratelimit.AwayLocal {
					require.Eventually(t, func() bool { return l.local.Load() == share4 }, time.Minute, time.Millisecond)
				}
			}
			require.NoError(t, back(t.Context(), s))
		}
	}
	kill := func(s server) error { return s.kill() }
	pause := func(s server) error { return s.pause() }
	resume := func(_ context.Context, s server) error { return s.resume() }
	restart := func(ctx context.Context, s server) error { return s.restart(ctx) }
	volatile := func(t *testing.T) server { return redisServer(t, nil) }
	durable := func(t *testing.T) server { return redisServer(t, &redistest.Options{Durable: true}) }
	atOnce := func(t *testing.T, s server, _ []*load) { require.NoError(t, restart(t.Context(), s)) }
	flush := func(t *testing.T, s server, _ []*load) { require.NoError(t, s.flush(t.Context())) }
	for name, c := range map[string]struct {
		server func(t *testing.T) server
		breaks func(*testing.T, server, []*load)
		epochs int64 // how often the store began at nothing
	}{
		"redis_killed":            {volatile, away(kill, restart), 2},
		"redis_paused":            {volatile, away(pause, resume), 1},
		"redis_flushed":           {volatile, flush, 2},
		"redis_restarted":         {volatile, atOnce, 2},
		"redis_paused_restarted":  {volatile, away(pause, restart), 2},
		"durable_redis_killed":    {durable, away(kill, restart), 1},
		"durable_redis_restarted": {durable, atOnce, 1},
		"postgres_killed":         {postgresServer, away(kill, restart), 2},
		"postgres_paused":         {postgresServer, away(pause, resume), 1},
		"postgres_restarted":      {postgresServer, atOnce, 1},
		"nothing_happens":         {volatile, func(*testing.T, server, []*load) {}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.server(t)
			loads := []*load{
				newLoad(t, s, ratelimit.AwayDeny, "deny"), newLoad(t, s, ratelimit.AwayAllow, "allow"),
				newLoad(t, s, ratelimit.AwayLocal, "local"),
			}
			stop := runAll(loads)
			defer stop()
			for _, l := range loads {
				require.Eventually(t, func() bool { return l.granted.Load() >= 20 }, time.Minute, time.Millisecond)
			}
			c.breaks(t, s, loads)
			for _, l := range loads {
				more(t, &l.answered)
			}
			stop()
			for _, l := range loads {
				require.LessOrEqual(t, l.granted.Load(), c.epochs*hourly)
			}
		})
	}
}

func runAll(loads []*load) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, l := range loads {
		for range 4 {
			all.Go(func() { l.run(ctx) })
		}
	}
	return func() {
		cancel()
		all.Wait()
	}
}
