package entitlementspg_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func TestACancelledCallerIsToldAtOnceAndCancelsNobodyElse(t *testing.T) {
	t.Parallel()
	pool := database(t)
	g := newGate(pool, nil)
	tenant := subscribe(t, g, "basic")
	allowed(t, g, use(tenant, calls, 1, ""))
	unlock := locked(t, pool, tenant, calls)

	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := g.Consume(ctx, use(tenant, calls, 1, "gone"))
		gone <- err
	}()
	awaitWaiters(t, pool, 1)
	const others = 8
	stayed := make(chan entitlements.Decision, others)
	var ends sync.WaitGroup
	for i := range others {
		ends.Go(func() {
			d, err := g.Consume(t.Context(), use(tenant, calls, 1, fmt.Sprint(i)))
			if err != nil {
				t.Errorf("one that stayed: %v", err)
			}
			stayed <- d
		})
	}
	cancel()
	select {
	case err := <-gone:
		require.ErrorIs(t, err, entitlements.ErrOutcomeUnknown)
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(time.Minute):
		t.Fatal("the cancelled caller still waits")
	}
	unlock()
	ends.Wait()
	for range others {
		require.True(t, (<-stayed).Allowed)
	}
	require.True(t, consume(t, g, use(tenant, calls, 1, "gone")).Replayed, "it was counted, and its key says so")
	require.EqualValues(t, 2+others, used(t, pool, tenant, calls))
	reconciled(t, g, tenant)
}

func TestACounterThatStaysLockedIsNotWaitedForBeyondTheTimeout(t *testing.T) {
	t.Parallel()
	pool := database(t)
	g := newGate(pool, nil)
	tenant := subscribe(t, g, "basic")
	allowed(t, g, use(tenant, calls, 1, ""))
	unlock := locked(t, pool, tenant, calls)
	impatient := entitlementspg.New(pool, &entitlementspg.Options{Timeout: time.Second})
	_, err := impatient.Settle(t.Context(), []entitlements.Op{op(entitlements.OpConsume, use(tenant, calls, 1, "k"), now())})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	unlock()
	require.False(t, consume(t, g, use(tenant, calls, 1, "k")).Replayed)
	require.EqualValues(t, 2, used(t, pool, tenant, calls), "of the first try nothing came")
}

func TestACallerWhoseContextHasEndedSendsNothing(t *testing.T) {
	t.Parallel()
	pool := database(t)
	g := newGate(pool, nil)
	tenant := subscribe(t, g, "basic")
	allowed(t, g, use(tenant, calls, 1, ""))
	before := dump(t, pool, tenant)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, key := range []string{"k", ""} {
		_, err := g.Consume(ctx, use(tenant, calls, 1, key))
		require.ErrorIs(t, err, context.Canceled)
		_, err = g.Reserve(ctx, use(tenant, calls, 1, key), time.Minute)
		require.ErrorIs(t, err, context.Canceled)
	}
	require.Equal(t, before, dump(t, pool, tenant))
}

func TestABatchThatWaitsTooLongEndsAndIsCountedOnceWhenSentAgain(t *testing.T) {
	t.Parallel()
	pool := database(t)
	g, hurried := newGate(pool, nil), newGate(pool, &entitlementspg.Options{Timeout: 100 * time.Millisecond})
	tenant := subscribe(t, g, "basic")
	allowed(t, g, use(tenant, calls, 1, ""))
	unlock := locked(t, pool, tenant, calls)
	d, err := hurried.Consume(t.Context(), use(tenant, calls, 1, "k"))
	require.ErrorIs(t, err, entitlements.ErrOutcomeUnknown)
	require.Equal(t, entitlements.Unknown, d.Answer)
	require.False(t, d.Allowed, "the feature fails closed")
	unlock()
	allowed(t, g, use(tenant, calls, 1, "k"))
	require.EqualValues(t, 2, used(t, pool, tenant, calls))
	reconciled(t, g, tenant)
}

// outage is a server of the test's own under load.
type outage struct {
	server *pgtest.Server
	pool   *pgxpool.Pool
	gate   *entitlements.Gate
	store  *entitlementspg.Store
	tenant string

	mu      sync.Mutex
	kept    map[string]entitlements.Decision // by key: what was acknowledged
	unsure  map[string]bool                  // keys whose outcome is unknown
	refused map[string]bool                  // not let through
}

func newOutage(t *testing.T) *outage {
	t.Helper()
	server := pgtest.Own(t, &pgtest.Options{Durable: conform.Soak()}, migrations.Entitlements)
	pool := pgtest.Connect(t, server.URL("postgres"))
	store := entitlementspg.New(pool, &entitlementspg.Options{Timeout: 100 * time.Millisecond})
	_, err := store.Declare(t.Context(), catalog(), now())
	require.NoError(t, err)
	g := entitlements.NewGate(store, &entitlements.Options{
		SpoolDir: t.TempDir(), Timeout: 200 * time.Millisecond, Refresh: 20 * time.Millisecond,
	})
	o := &outage{
		server: server, pool: pool, gate: g, store: store, tenant: subscribe(t, newGate(pool, nil), "basic"),
		kept: map[string]entitlements.Decision{}, unsure: map[string]bool{}, refused: map[string]bool{},
	}
	require.Eventually(t, func() bool { // within the short time-out, which the machine may be too busy for
		_, err := g.Check(t.Context(), o.tenant, open)
		return err == nil
	}, time.Minute, time.Millisecond)
	return o
}

// load uses one feature that stays open when the store is away and one that closes, until stop.
func (o *outage) load(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		together(8, func(i int) {
			for n := 0; ctx.Err() == nil; n++ {
				o.use(t, []string{open, calls}[i%2], fmt.Sprintf("%d/%d", i, n))
			}
		})
	}()
	return func() {
		cancel()
		<-done
	}
}

func (o *outage) use(t *testing.T, feature, key string) {
	d, err := o.gate.Consume(t.Context(), use(o.tenant, feature, 1, key))
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case d.Allowed && err == nil:
		o.kept[key] = d
		if feature == calls && d.Spooled || d.Uncounted {
			t.Errorf("%s: %+v", feature, d)
		}
	case err == nil:
		o.refused[key] = true
	default:
		if feature == open {
			t.Errorf("%s is to stay open: %v", feature, err)
		}
		if !isAway(err) {
			t.Errorf("%s: %v", feature, err)
		}
		o.unsure[key] = true
	}
}

func (o *outage) count(f func(entitlements.Decision) bool) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, d := range o.kept {
		if f(d) {
			n++
		}
	}
	return n
}

func (o *outage) spooled() int {
	return o.count(func(d entitlements.Decision) bool { return d.Spooled })
}

func (o *outage) stored() int {
	return o.count(func(d entitlements.Decision) bool { return !d.Spooled })
}

// more waits until n grows by as much as 10.
func more(t *testing.T, n func() int) {
	t.Helper()
	before := n()
	require.Eventually(t, func() bool { return n() >= before+10 }, 30*time.Second, time.Millisecond)
}

// settled ends the load, lets Run count what is spooled, and checks that each acknowledged use is there once.
func (o *outage) settled(t *testing.T, stop func()) {
	t.Helper()
	stop()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Eventually(t, func() bool { return o.gate.Run(ctx) == nil }, time.Minute, time.Millisecond,
		"counts once more what is spooled")
	require.Zero(t, o.gate.Stats().SetAside)
	stored := map[string]int{}
	for _, key := range pgtest.List[string](t, o.pool, `
select k.key
from tenon.usage_keys k
join tenon.usage_events e on e.tenant_id = k.tenant_id and e.id = k.id
where k.tenant_id = $1`, o.tenant) {
		stored[key]++
	}
	for key := range o.kept {
		require.Equal(t, 1, stored[key], "%s was acknowledged", key)
	}
	for key := range stored {
		_, known := o.kept[key]
		require.True(t, known || o.unsure[key], "%s was never let through", key)
	}
	sum := pgtest.One[int64](t, o.pool, "select sum(qty)::bigint from tenon.usage_events where tenant_id = $1", o.tenant)
	require.EqualValues(t, len(stored), sum)
	reconciled(t, o.gate, o.tenant)
}

func TestPostgresKilledUnderLoadLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	o := newOutage(t)
	stop := o.load(t)
	rounds := 1
	if conform.Soak() {
		rounds = 20
	}
	for range rounds {
		more(t, o.stored)
		require.NoError(t, o.server.Kill())
		more(t, o.spooled)
		require.NoError(t, o.server.Restart(t.Context()))
		more(t, o.stored)
	}
	o.settled(t, stop)
}

func TestPostgresRestartedUnderLoadLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	o := newOutage(t)
	stop := o.load(t)
	more(t, o.stored)
	require.NoError(t, o.server.Restart(t.Context()))
	more(t, o.stored)
	o.settled(t, stop)
}

func TestPostgresPausedUnderLoadIsNotWaitedForAndLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	o := newOutage(t)
	stop := o.load(t)
	more(t, o.stored)
	require.NoError(t, o.server.Pause())
	more(t, o.spooled)
	d, err := o.gate.Consume(t.Context(), use(o.tenant, calls, 1, "while it is away"))
	require.True(t, isAway(err), "%v", err)
	require.Equal(t, entitlements.Unknown, d.Answer)
	require.False(t, d.Allowed)
	o.mu.Lock()
	o.unsure["while it is away"] = true
	o.mu.Unlock()
	require.NoError(t, o.server.Resume())
	more(t, o.stored)
	o.settled(t, stop)
}

func TestRunGoesOnAfterPostgresWasAway(t *testing.T) {
	t.Parallel()
	o := newOutage(t)
	s := entitlementspg.New(o.pool, &entitlementspg.Options{Every: 5 * time.Millisecond})
	require.NoError(t, o.server.Kill())
	stop := running(t, s) // the first round, too, may find it away
	require.Eventually(t, func() bool { return s.Stats().LastError != "" }, time.Minute, time.Millisecond)
	require.NoError(t, o.server.Restart(t.Context()))
	require.Eventually(t, func() bool { return s.Stats().LastError == "" && !s.Stats().LastRun.IsZero() }, time.Minute, time.Millisecond)
	require.NoError(t, stop())
}
