package entitlementspg_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/internal/pgtest"
)

// wrongClock runs f where time.Now is off by as much. A bubble of synctest has a clock of its own, which stands still
// while something waits for the network.
func wrongClock(t *testing.T, off time.Duration, f func(t *testing.T)) {
	t.Helper()
	want := time.Now().Add(off)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(want))
		f(t)
	})
}

// decided is what two processes with different clocks must agree on.
type decided struct {
	consumed, refused, checked entitlements.Decision
	holdFor                    time.Duration // from the making of the hold to its expiry
	madeAt                     time.Time     // of the hold
	event                      time.Time     // of the use
	entitlement                entitlements.Entitlement
}

// decide connects and does a bit of everything.
func decide(t *testing.T, url, tenant string) (d decided) {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	g := newGate(conn, nil)
	_, err = g.Subscribe(ctx, entitlements.Subscription{
		Tenant: tenant, Plan: "free", CurrentPeriodStart: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC),
	})
	require.NoError(t, err)
	d.consumed = consume(t, g, use(tenant, calls, 2, "k"))
	d.refused = consume(t, g, use(tenant, calls, 2, "l"))
	d.checked, err = g.Check(ctx, tenant, calls)
	require.NoError(t, err)
	d.checked.Age = 0
	r, err := g.Reserve(ctx, use(tenant, calls, 1, ""), time.Minute)
	require.NoError(t, err)
	d.holdFor, d.madeAt = r.Hold.ExpiresAt.Sub(r.Hold.CreatedAt), r.Hold.CreatedAt
	d.event = pgtest.One[time.Time](t, conn, "select occurred_at from tenon.usage_events where tenant_id = $1", tenant)
	d.entitlement, err = g.Entitlement(ctx, tenant)
	require.NoError(t, err)
	return d
}

func TestProcessesWhoseClocksDifferDecideAlike(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	before := pgtest.One[time.Time](t, pool, "select clock_timestamp()")
	right := decide(t, url, "right")
	for name, off := range map[string]time.Duration{"ahead": 10 * time.Minute, "behind": -10 * time.Minute, "days_ahead": 49 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			wrongClock(t, off, func(t *testing.T) {
				here := time.Now()
				wrong := decide(t, url, name)
				after := pgtest.One[time.Time](t, connected(t, url), "select clock_timestamp()")
				require.Greater(t, here.Sub(after).Abs(), 9*time.Minute, "this process's clock is wrong indeed")

				require.Equal(t, right.consumed, wrong.consumed, "the numbers, the reasons and when the period ends")
				require.Equal(t, right.refused, wrong.refused)
				require.Equal(t, right.checked, wrong.checked)
				require.Equal(t, right.holdFor, wrong.holdFor)
				for _, at := range []time.Time{wrong.madeAt, wrong.event, wrong.entitlement.StartedAt} {
					require.WithinRange(t, at, before, after, "by the database's clock")
				}
			})
		})
	}
}

func connected(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func TestAHoldExpiresByTheDatabasesClock(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	g := newGate(pool, nil)
	tenant := subscribe(t, g, "free")
	r, err := g.Reserve(t.Context(), use(tenant, calls, 3, ""), 5*time.Minute)
	require.NoError(t, err)
	wrongClock(t, 10*time.Minute, func(t *testing.T) {
		conn := connected(t, url)
		ahead := newGate(conn, nil)
		require.False(t, consume(t, ahead, use(tenant, calls, 1, "")).Allowed, "the hold lives")
		s, err := ahead.Commit(t.Context(), r.Hold, 3)
		require.NoError(t, err)
		require.Zero(t, s.Ungated, "and is committed in time")
	})
	reconciled(t, g, tenant)
}

// behind is a store whose answer to what time it is came late. By a negative time it is ahead.
type behind struct {
	*entitlementspg.Store
	by time.Duration
}

func (s behind) Clock(ctx context.Context) (time.Time, error) {
	t, err := s.Store.Clock(ctx)
	return t.Add(-s.by), err
}

func gateBehind(s *entitlementspg.Store, by time.Duration) *entitlements.Gate {
	return entitlements.NewGate(behind{s, by}, &entitlements.Options{Timeout: time.Minute})
}

func TestAUseRightAfterTheSubscriptionCountsInItsFirstPeriodWhateverTheClock(t *testing.T) {
	t.Parallel()
	pool := database(t)
	g := newGate(pool, nil)
	tenant := subscribe(t, g, "basic")
	e, err := g.Entitlement(t.Context(), tenant)
	require.NoError(t, err)
	late := gateBehind(entitlementspg.New(pool, &entitlementspg.Options{Timeout: time.Minute}), 30*time.Second)

	allowed(t, late, use(tenant, calls, 1, "")) // nothing is sealed yet
	allowed(t, g, use(tenant, calls, 2, ""))
	allowed(t, late, use(tenant, calls, 4, "")) // and now it is
	r, err := late.Reserve(t.Context(), use(tenant, calls, 8, ""), time.Hour)
	require.NoError(t, err)
	require.Equal(t, e.StartedAt, r.Hold.CreatedAt)
	require.Equal(t, e.StartedAt.Add(time.Hour), r.Hold.ExpiresAt)
	s, err := late.Commit(t.Context(), r.Hold, 8)
	require.NoError(t, err)
	require.EqualValues(t, 15, s.Decision.Used)
	tx := pgtest.Begin(t, pool)
	allowed(t, late.WithStore(entitlementspg.New(tx, nil)), use(tenant, calls, 16, ""))
	require.NoError(t, tx.Commit(t.Context()))

	require.Equal(t, 1, pgtest.One[int](t, pool, "select count(*) from tenon.usage_counters where tenant_id = $1", tenant))
	require.EqualValues(t, 31, used(t, pool, tenant, calls))
	require.Equal(t, e.StartedAt, pgtest.One[time.Time](t, pool,
		"select min(occurred_at) from tenon.usage_events where tenant_id = $1", tenant).UTC())
	reconciled(t, g, tenant)
}

func TestAUseThatSaysThatItWasBeforeTheSubscriptionCountsThere(t *testing.T) {
	t.Parallel()
	pool := database(t)
	g := newGate(pool, nil)
	tenant := subscribe(t, g, "basic")
	u := use(tenant, calls, 3, "")
	u.At = now().Add(-time.Hour)
	require.NoError(t, g.Record(t.Context(), u))
	allowed(t, g, use(tenant, calls, 1, ""))
	require.Equal(t, []int64{3, 1}, pgtest.List[int64](t, pool,
		"select used from tenon.usage_counters where tenant_id = $1 order by period_start", tenant))
	reconciled(t, g, tenant)
}

func TestAUseAMinuteAheadIsJudgedByTheDatabasesClock(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	tenant := subscribe(t, newGate(pool, nil), "basic")
	wrongClock(t, 10*time.Minute, func(t *testing.T) {
		g := newGate(connected(t, url), nil)
		u := use(tenant, calls, 1, "")
		u.At = time.Now()
		_, err := g.Consume(t.Context(), u)
		require.ErrorContains(t, err, "lies ahead")
	})
}

func TestRunGoesByTheDatabasesClock(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	opts := &entitlementspg.Options{KeepKeys: 5 * time.Minute}
	g := newGate(pool, opts)
	tenant := subscribe(t, g, "basic")
	allowed(t, g, use(tenant, calls, 1, "k"))
	wrongClock(t, 10*time.Minute, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		store := entitlementspg.New(connected(t, url), opts)
		done := make(chan error, 1)
		go func() { done <- store.Run(ctx) }()
		synctest.Wait()
		for store.Stats().LastRun.IsZero() {
			require.Empty(t, store.Stats().LastError)
			synctest.Wait()
		}
		cancel()
		require.NoError(t, <-done)
	})
	require.True(t, consume(t, g, use(tenant, calls, 1, "k")).Replayed, "a key of a moment ago is still there")
}

func TestReconcileGoesByTheDatabasesClock(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	g := newGate(pool, nil)
	tenant := subscribe(t, g, "basic")
	_, err := g.Subscribe(t.Context(), entitlements.Subscription{Tenant: tenant, Plan: "basic", CurrentPeriodStart: now().Add(-time.Hour)})
	require.NoError(t, err)
	allowed(t, g, use(tenant, calls, 1, ""))
	pgtest.Exec(t, pool, "update tenon.usage_counters set used = used + 1 where tenant_id = $1", tenant)
	wrongClock(t, 49*time.Hour, func(t *testing.T) {
		s := entitlementspg.New(connected(t, url), &entitlementspg.Options{KeepEvents: 24 * time.Hour})
		drifts, err := s.Reconcile(t.Context(), tenant, false)
		require.NoError(t, err)
		require.Len(t, drifts, 1, "the period began after what is kept")
	})
}
