package entitlements_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// running starts Run, and stops it at the end of the test.
func running(t *testing.T, g *entitlements.Gate) (stop func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	synctest.Wait()
	return func() error {
		cancel()
		return <-done
	}
}

func TestCheckAnswersFromMemoryWithItsAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, nil, "acme")
		d := check(t, g, "acme", "rates")
		require.Equal(t, entitlements.ReasonAllowed, d.Reason)
		require.Equal(t, int64(100), d.Remaining)
		require.Positive(t, d.Age)
		time.Sleep(3 * time.Second)
		calls := store.calls.Load()
		require.Equal(t, 3*time.Second, check(t, g, "acme", "rates").Age)
		require.Equal(t, 3*time.Second, check(t, g, "acme", "white_label").Age)
		require.Equal(t, calls, store.calls.Load(), "the store was not asked")
		require.Equal(t, int64(1), store.loads.Load())
	})
}

func TestCheckLoadsAnOldViewWithoutRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, &entitlements.Options{MaxAge: 2 * time.Second}, "acme")
		elsewhere := entitlements.NewGate(store, nil)
		check(t, g, "acme", "rates")
		consume(t, elsewhere, "acme", "rates", 7)
		time.Sleep(2 * time.Second)
		require.Zero(t, check(t, g, "acme", "rates").Used, "2 seconds are not more than MaxAge")
		time.Sleep(time.Microsecond)
		d := check(t, g, "acme", "rates")
		require.Equal(t, int64(7), d.Used)
		require.Less(t, d.Age, time.Second)
	})
}

func TestCheckKnowsWhatThisProcessUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, nil, "acme")
		check(t, g, "acme", "exports")
		consume(t, g, "acme", "exports", 4)
		require.Equal(t, int64(6), check(t, g, "acme", "exports").Remaining)
		require.NoError(t, g.Record(t.Context(), entitlements.Use{Tenant: "acme", Feature: "exports", Quantity: 6}))
		d := check(t, g, "acme", "exports")
		require.Equal(t, entitlements.ReasonLimitReached, d.Reason)
		require.Equal(t, "pro", d.Upgrade)
		require.Equal(t, int64(1), store.loads.Load())
	})
}

func TestCheckFollowsAChangeOfThisProcessAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, newTroubled(), nil, "acme")
		require.Equal(t, entitlements.ReasonNotInPlan, check(t, g, "acme", "white_label").Reason)
		_, err := g.ChangePlan(t.Context(), entitlements.PlanChange{Tenant: "acme", Plan: "pro"})
		require.NoError(t, err)
		require.Equal(t, entitlements.ReasonAllowed, check(t, g, "acme", "white_label").Reason)
	})
}

func TestCheckDoesNotOutliveAPeriod(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, newTroubled(), &entitlements.Options{MaxAge: 1000 * time.Hour})
		_, err := g.Subscribe(t.Context(), entitlements.Subscription{
			Tenant: "acme", Plan: "starter", Anchor: time.Now().AddDate(0, -1, 0).Add(time.Hour),
		})
		require.NoError(t, err)
		consume(t, g, "acme", "exports", 10)
		require.False(t, check(t, g, "acme", "exports").Allowed)
		time.Sleep(time.Hour - time.Microsecond)
		require.False(t, check(t, g, "acme", "exports").Allowed)
		time.Sleep(time.Microsecond)
		require.True(t, check(t, g, "acme", "exports").Allowed)
	})
}

func TestCheckForgetsAnExpiredHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, newTroubled(), nil, "acme")
		_, err := g.Reserve(t.Context(), entitlements.Use{Tenant: "acme", Feature: "exports", Quantity: 10}, time.Minute)
		require.NoError(t, err)
		require.False(t, check(t, g, "acme", "exports").Allowed)
		time.Sleep(time.Minute)
		require.True(t, check(t, g, "acme", "exports").Allowed)
	})
}

func TestRunBringsViewsUpToDate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, nil, "acme")
		elsewhere := entitlements.NewGate(store, nil)
		stop := running(t, g)
		check(t, g, "acme", "rates")
		consume(t, elsewhere, "acme", "rates", 7)
		time.Sleep(time.Second + time.Millisecond)
		d := check(t, g, "acme", "rates")
		require.Equal(t, int64(7), d.Used)
		require.LessOrEqual(t, d.Age, time.Second)
		require.Empty(t, g.Stats().LastError)
		require.NoError(t, stop())
	})
}

func TestRunFollowsTheCatalogue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, nil, "acme")
		stop := running(t, g)
		next := freight()
		next.Features = append(next.Features, entitlements.Feature{Key: "lanes", Kind: entitlements.Boolean})
		_, err := entitlements.NewGate(store, nil).ApplyCatalog(t.Context(), next)
		require.NoError(t, err)
		_, err = g.Check(t.Context(), "acme", "lanes")
		require.ErrorIs(t, err, entitlements.ErrUnknownFeature)
		time.Sleep(time.Second + time.Millisecond)
		require.Equal(t, entitlements.ReasonNotInPlan, check(t, g, "acme", "lanes").Reason)
		require.NoError(t, stop())
	})
}

func TestRunLeavesWhatNobodyAsksAbout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, nil, "acme")
		stop := running(t, g)
		check(t, g, "acme", "rates")
		time.Sleep(time.Minute)
		require.LessOrEqual(t, store.loads.Load(), int64(2), "once by the check, once by the round after")
		require.NoError(t, stop())
	})
}

func TestRunRecoversFromAStoreThatWasAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, nil, "acme")
		check(t, g, "acme", "rates")
		stop := running(t, g)
		store.be(away)
		time.Sleep(3 * time.Second)
		require.Contains(t, g.Stats().LastError, "connection lost")
		store.be(none)
		time.Sleep(1100 * time.Millisecond)
		require.Empty(t, g.Stats().LastError)
		require.WithinDuration(t, time.Now(), g.Stats().LastRefresh, time.Second)
		require.NoError(t, stop())
	})
}

func TestColdChecksLoadOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, nil, "acme")
		goOn := store.hold()
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				d, err := g.Check(t.Context(), "acme", "rates")
				require.NoError(t, err)
				require.True(t, d.Allowed)
			})
		}
		synctest.Wait()
		goOn()
		all.Wait()
		require.Equal(t, int64(1), store.loads.Load())
	})
}

func TestACheckThatIsCancelledLeavesTheLoadToOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, nil, "acme")
		goOn := store.hold()
		impatient, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			_, err := g.Check(impatient, "acme", "rates")
			require.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		all.Go(func() {
			d, err := g.Check(t.Context(), "acme", "rates")
			require.NoError(t, err)
			require.True(t, d.Allowed)
		})
		cancel()
		synctest.Wait()
		goOn()
		all.Wait()
	})
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, &entitlements.Options{MaxTenants: 100, MaxAge: time.Hour}, "busy")
		for i := range 2000 {
			check(t, g, fmt.Sprint("tenant-", i), "rates")
			check(t, g, "busy", "rates")
			require.LessOrEqual(t, g.Stats().Tenants, 100)
		}
		require.Equal(t, int64(2000), store.loads.Load()-g.Stats().Loads+2000)
		require.Less(t, store.loads.Load(), int64(2020), "the tenant that is asked about most stays")
	})
}

func TestCheckAllIsOneView(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, nil, "acme")
		consume(t, g, "acme", "rates", 60)
		all, err := g.CheckAll(t.Context(), "acme")
		require.NoError(t, err)
		var got []string
		for _, d := range all {
			got = append(got, d.Feature+" "+d.Reason.String())
		}
		require.Equal(t, []string{
			"directory allowed", "events allowed", "exports allowed", "rates over_soft", "retention allowed", "white_label not_in_plan",
		}, got)
		require.Equal(t, int64(1), store.loads.Load())
		_, err = g.CheckAll(t.Context(), "")
		require.ErrorIs(t, err, tenon.ErrInvalid)
	})
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, newTroubled(), nil, "acme")
		d, err := g.Check(t.Context(), "acme", "moons")
		require.ErrorIs(t, err, entitlements.ErrUnknownFeature)
		require.Equal(t, entitlements.ReasonUnknownFeature, d.Reason)
		require.False(t, d.Allowed)
		_, err = g.Check(t.Context(), "", "rates")
		require.ErrorContains(t, err, "entitlements: tenant: is empty")
		d = check(t, g, "nobody", "rates")
		require.Equal(t, entitlements.ReasonNoPlan, d.Reason)
	})
}

func TestABoundGateSeesItsStoreAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, newTroubled(), nil, "acme")
		check(t, g, "acme", "rates")
		other := newTroubled()
		setup(t, other, nil, "acme")
		bound := g.WithStore(other)
		consume(t, bound, "acme", "rates", 9)
		require.Equal(t, int64(9), check(t, bound, "acme", "rates").Used)
		require.Zero(t, check(t, g, "acme", "rates").Used)
		other.be(away)
		_, err := bound.Consume(t.Context(), entitlements.Use{Tenant: "acme", Feature: "events", Quantity: 1})
		require.ErrorIs(t, err, tenon.ErrUnavailable, "no policy answers in a caller's transaction")
		_, err = bound.Check(t.Context(), "acme", "events")
		require.ErrorIs(t, err, tenon.ErrUnavailable)
	})
}
