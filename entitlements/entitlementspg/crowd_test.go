package entitlementspg_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/internal/proctest"
)

// goroutines is how many press on a limit in each process.
const goroutines = 64

// crowds are how many goroutines a process has, tenant by tenant: few make small batches, of which more collide.
var crowds = []int{goroutines, goroutines, 3, goroutines, 3, 1}

// crowd consumes one unit at a time until refused, for one tenant after the other.
func crowd(ctx context.Context, c *child) error {
	for n, tenant := range c.Tenants {
		var accepted, refused atomic.Int64
		together(crowds[n], func(i int) {
			for j := 0; ; j++ {
				d, err := c.gate.Consume(ctx, use(tenant, calls, 1, fmt.Sprintf("%s/%d/%d", c.Name, i, j)))
				if err != nil {
					c.Say(report{Err: err.Error()})
					return
				}
				if !d.Allowed {
					refused.Add(1)
					return
				}
				accepted.Add(1)
			}
		})
		c.Say(report{Key: tenant, Accepted: accepted.Load(), Refused: refused.Load()})
	}
	return nil
}

// four starts four children and lets them work at once.
func four(t *testing.T, work string, o order) []report {
	t.Helper()
	var children []*proctest.Process[report]
	for i := range 4 {
		o.Name = fmt.Sprint(i)
		children = append(children, proctest.Start[report](t, work, o))
	}
	for _, p := range children {
		p.Begin()
	}
	var sum []report
	for _, p := range children {
		sum = append(sum, p.Wait()...)
	}
	return sum
}

func total(t *testing.T, reports []report) (sum report) {
	t.Helper()
	for _, r := range reports {
		require.Empty(t, r.Err)
		sum.Accepted += r.Accepted
		sum.Refused += r.Refused
		sum.Replayed += r.Replayed
		sum.Ungated += r.Ungated
	}
	return sum
}

func TestFourProcessesOf64GoroutinesAcceptExactlyTheLimit(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	g := newGate(pool, nil)
	tenants := make([]string, len(crowds))
	for i := range tenants {
		tenants[i] = subscribe(t, g, "basic")
	}
	byTenant := map[string][]report{}
	for _, r := range four(t, "crowd", order{URL: url, Tenants: tenants}) {
		byTenant[r.Key] = append(byTenant[r.Key], r)
	}
	for i, tenant := range tenants {
		sum := total(t, byTenant[tenant])
		require.EqualValues(t, 1000, sum.Accepted)
		require.EqualValues(t, 4*crowds[i], sum.Refused)
		require.EqualValues(t, 1000, used(t, pool, tenant, calls))
		require.EqualValues(t, 1000, pgtest.One[int64](t, pool, "select count(*) from tenon.usage_events where tenant_id = $1", tenant))
		require.EqualValues(t, 1000, pgtest.One[int64](t, pool, "select count(*) from tenon.usage_keys where tenant_id = $1", tenant))
		reconciled(t, g, tenant)
	}
	require.Empty(t, byTenant[""], "no errors")
}

// mixedCrowd presses on a limit with overage and grants by everything that a Gate can do, each with a key that is
// sometimes sent again, and adds up what it was told.
func mixedCrowd(ctx context.Context, c *child) error {
	var sum report
	var mu sync.Mutex
	together(goroutines, func(i int) {
		m := &mixer{child: c, name: fmt.Sprintf("%s/%d", c.Name, i), dice: rand.New(rand.NewPCG(uint64(i), uint64(len(c.Name))))}
		err := m.run(ctx)
		mu.Lock()
		defer mu.Unlock()
		sum.Accepted += m.sum.Accepted
		sum.Refused += m.sum.Refused
		sum.Replayed += m.sum.Replayed
		sum.Ungated += m.sum.Ungated
		if err != nil {
			c.Say(report{Err: err.Error()})
		}
	})
	c.Say(sum)
	return nil
}

// mixer is one goroutine of mixedCrowd.
type mixer struct {
	*child
	name string
	dice *rand.Rand
	sum  report
}

func (m *mixer) run(ctx context.Context) error {
	for n := range 8 {
		key := fmt.Sprintf("%s/%d", m.name, n)
		act := m.consume
		if n%3 == 2 {
			act = m.hold
		}
		if err := act(ctx, key, 1+m.dice.Int64N(3)); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// consume uses, sometimes says so twice, and sometimes takes back.
func (m *mixer) consume(ctx context.Context, key string, quantity int64) error {
	d, err := m.gate.Consume(ctx, use(m.Tenant, mixed, quantity, key))
	if err != nil {
		return err
	}
	if !d.Allowed {
		m.sum.Refused++
		return nil
	}
	m.sum.Accepted += quantity
	if m.dice.IntN(2) == 0 {
		again, err := m.gate.Consume(ctx, use(m.Tenant, mixed, quantity, key))
		if err != nil {
			return err
		}
		if !again.Replayed {
			return fmt.Errorf("the second time: %+v", again)
		}
		m.sum.Replayed++
	}
	if m.dice.IntN(4) == 0 {
		if _, err := m.gate.Correct(ctx, entitlements.Correction{Tenant: m.Tenant, Key: key}); err != nil {
			return err
		}
		m.sum.Accepted -= quantity
	}
	return nil
}

// hold reserves, and commits less, all or nothing of it.
func (m *mixer) hold(ctx context.Context, key string, quantity int64) error {
	r, err := m.gate.Reserve(ctx, use(m.Tenant, mixed, quantity, key), time.Minute)
	if err != nil {
		return err
	}
	if !r.Decision.Allowed {
		m.sum.Refused++
		return nil
	}
	actual := m.dice.Int64N(quantity + 1)
	if actual == 0 {
		return m.gate.Release(ctx, r.Hold)
	}
	s, err := m.gate.Commit(ctx, r.Hold, actual)
	m.sum.Accepted += actual
	m.sum.Ungated += s.Ungated
	return err
}

// watched lets the database refuse a row that exceeds what is allowed, at whatever moment.
const watched = `
alter table tenon.usage_counters add constraint never_more
  check (feature_key <> 'mixed' or used + held - granted <= 230)`

func TestNoMomentExceedsWhatIsAllowedWithHoldsGrantsOverageAndCorrections(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	pgtest.Exec(t, pool, watched)
	g := newGate(pool, nil)
	tenant := subscribe(t, g, "basic")
	for _, amount := range []int64{40, 60} {
		_, err := g.Grant(t.Context(), tenant, entitlements.Grant{Feature: mixed, Amount: amount})
		require.NoError(t, err)
	}
	stop := reconcileAllTheWhile(t, entitlementspg.New(pool, nil), tenant)
	sum := total(t, four(t, "mixed", order{URL: url, Tenant: tenant}))
	require.Positive(t, stop(), "looked at least once while they worked")

	require.Zero(t, sum.Ungated)
	require.Positive(t, sum.Refused)
	require.Positive(t, sum.Replayed)
	require.LessOrEqual(t, sum.Accepted, int64(330))
	require.Equal(t, sum.Accepted, used(t, pool, tenant, mixed), "what they were told adds up to what is counted")
	require.Equal(t, sum.Accepted, pgtest.One[int64](t, pool, "select sum(qty)::bigint from tenon.usage_events where tenant_id = $1", tenant))
	require.Zero(t, pgtest.One[int64](t, pool, "select sum(held)::bigint from tenon.usage_counters where tenant_id = $1", tenant))
	reconciled(t, g, tenant)

	for consume(t, g, use(tenant, mixed, 1, "")).Allowed {
	}
	require.EqualValues(t, 330, used(t, pool, tenant, mixed), "and everything that was given back can be used")
	reconciled(t, g, tenant)
}

// reconcileAllTheWhile compares counters with events in one snapshot after another, until stop, which returns how often.
func reconcileAllTheWhile(t *testing.T, s *entitlementspg.Store, tenant string) (stop func() int) {
	ctx, cancel := context.WithCancel(t.Context())
	looked := make(chan int)
	go func() {
		n := 0
		for ; ctx.Err() == nil; n++ {
			drifts, err := s.Reconcile(ctx, tenant, false)
			if ctx.Err() == nil && (err != nil || len(drifts) > 0) {
				t.Errorf("in the middle: %v, %v", drifts, err)
				break
			}
		}
		looked <- n
	}()
	return func() int {
		cancel()
		return <-looked
	}
}
