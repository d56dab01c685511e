package entitlementspg_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/listenpg"
)

func TestALimitThatIsLoweredBindsEveryProcessFromTheMomentTheCallReturns(t *testing.T) {
	t.Parallel()
	pool := database(t)
	one, two := newGate(pool, nil), newGate(pool, nil)
	for range 5 {
		tenant := subscribe(t, one, "basic")
		stop := hammer(t, one, []string{tenant})
		hard := int64(0)
		require.NoError(t, two.Override(t.Context(), tenant, entitlements.Override{
			Feature: open, Period: entitlements.Monthly, Hard: &hard, Reason: "enough",
		}))
		before := used(t, pool, tenant, open)
		for _, g := range []*entitlements.Gate{one, two} {
			require.False(t, consume(t, g, use(tenant, open, 1, "")).Allowed)
		}
		stop()
		require.Equal(t, before, used(t, pool, tenant, open), "nothing was accepted after it")
		require.NoError(t, two.RemoveOverride(t.Context(), tenant, open, entitlements.Monthly))
		for _, g := range []*entitlements.Gate{one, two} {
			allowed(t, g, use(tenant, open, 1, ""))
		}
		reconciled(t, one, tenant)
	}
}

func TestAPeriodThatEndsUnderLoadKeepsBothLimits(t *testing.T) {
	t.Parallel()
	pool := database(t)
	g := newGate(pool, nil)
	tenant := subscribe(t, g, "basic")
	begun := now().Add(-30 * time.Minute)
	_, err := g.Subscribe(t.Context(), entitlements.Subscription{
		Tenant: tenant, Plan: "basic", StartedAt: begun, CurrentPeriodStart: begun,
	})
	require.NoError(t, err)
	var gates []*entitlements.Gate // two stores, each used before and after the end at once
	for range 2 {
		s := entitlementspg.New(pool, &entitlementspg.Options{Timeout: time.Minute})
		gates = append(gates, gateBehind(s, 0), gateBehind(s, -time.Hour))
	}
	together(16, func(i int) {
		for fits := true; fits; {
			d, err := gates[i%len(gates)].Consume(t.Context(), use(tenant, hourly, 1, ""))
			if err != nil {
				t.Errorf("consume: %v", err)
			}
			fits = err == nil && d.Allowed
		}
	})
	require.Equal(t, []int64{50, 50}, pgtest.List[int64](t, pool, `
select used
from tenon.usage_counters
where tenant_id = $1
  and feature_key = 'hourly'
order by period_start`, tenant))
	reconciled(t, g, tenant)
}

func TestAGateLearnsAtOnceWhatOtherProcessesChange(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	listener := listenpg.New(config, nil)
	other := newGate(pool, nil)
	tenant := subscribe(t, other, "free")
	store := entitlementspg.New(pool, &entitlementspg.Options{Listener: listener})
	g := entitlements.NewGate(store, &entitlements.Options{Refresh: time.Hour, MaxAge: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- listener.Run(ctx) }()
	go func() { done <- g.Run(ctx) }()

	sees := func(plan string) func() bool {
		return func() bool {
			d, err := g.Check(t.Context(), tenant, calls)
			return err == nil && d.Plan == plan
		}
	}
	require.Eventually(t, sees("free"), 10*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return listener.Stats().Connected }, 10*time.Second, time.Millisecond)
	_, err = other.ChangePlan(t.Context(), entitlements.PlanChange{Tenant: tenant, Plan: "top"})
	require.NoError(t, err)
	require.Eventually(t, sees("top"), 10*time.Second, time.Millisecond)

	next := catalog()
	next.Features = append(next.Features, entitlements.Feature{Key: "brand_new", Kind: entitlements.Boolean})
	_, err = other.ApplyCatalog(t.Context(), next)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		v, err := g.Catalog(t.Context())
		return err == nil && v.Features["brand_new"].Kind == entitlements.Boolean
	}, 10*time.Second, time.Millisecond)

	cancel()
	require.NoError(t, <-done)
	require.NoError(t, <-done)
}

func TestDeclaringTheSameAgainChangesNothing(t *testing.T) {
	t.Parallel()
	pool := database(t)
	before := pgtest.One[int64](t, pool, "select revision from tenon.catalog")
	diff, err := entitlementspg.New(pool, nil).Declare(t.Context(), catalog(), now())
	require.NoError(t, err)
	require.Empty(t, diff)
	require.Equal(t, before, pgtest.One[int64](t, pool, "select revision from tenon.catalog"))
}

func TestPlansAreReadableAsRows(t *testing.T) {
	t.Parallel()
	pool := database(t)
	c := catalog()
	c.Plans[1].Currency, c.Plans[1].Monthly, c.Plans[1].Yearly = "USD", 9900, 99000
	c.Plans = c.Plans[:2]
	_, err := newGate(pool, nil).ApplyCatalog(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, []string{"basic 1 t 99.00 990.00 2", "free 0 t 0.00 0.00 1", "top 2 f 0.00 0.00 1"}, pgtest.List[string](t, pool, `
select concat_ws(' ', id, tier, active, price_monthly, price_yearly, version)
from tenon.plans
order by id`))
	require.Equal(t, []string{"1 1000 0 0", "2 1000 0 0"}, pgtest.List[string](t, pool, `
select concat_ws(' ', plan_version, hard_limit, soft_limit, overage_limit)
from tenon.plan_features
where plan_id = 'basic'
  and feature_key = 'calls'
order by 1`))
	require.Equal(t, "-1", pgtest.One[string](t, pool, "select hard_limit::text from tenon.plan_features where plan_id = 'top'"))
}
