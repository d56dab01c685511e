package entitlements_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

func use(feature string, quantity int64) entitlements.Use {
	return entitlements.Use{Tenant: "acme", Feature: feature, Quantity: quantity}
}

func TestFailClosedRefusesWhatCannotBeDecided(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, nil, "acme")
		store.be(away)
		d, err := g.Consume(t.Context(), use("rates", 1))
		require.ErrorIs(t, err, tenon.ErrUnavailable)
		require.False(t, d.Allowed)
		require.Equal(t, entitlements.Unknown, d.Answer)
		require.Equal(t, entitlements.ReasonUnavailable, d.Reason)
		require.Equal(t, "rates", d.Feature)
		d = check(t, g, "acme", "rates")
		require.False(t, d.Allowed)
		require.Equal(t, entitlements.Unknown, d.Answer)
		require.Equal(t, int64(2), g.Stats().Unknown)
	})
}

func TestFailOpenAllowsAndSaysThatItIsUncounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, nil, "acme")
		store.be(away)
		d, err := g.Consume(t.Context(), use("events", 1000))
		require.NoError(t, err)
		require.True(t, d.Allowed)
		require.True(t, d.Uncounted)
		require.Equal(t, entitlements.Unknown, d.Answer)
		require.Equal(t, int64(1), g.Stats().Uncounted)
		require.True(t, check(t, g, "acme", "events").Allowed)
		store.be(none)
		require.Zero(t, store.used(t, "acme", "events"))
	})
}

func TestLastKnownAllowsWhatWasLeftForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, &entitlements.Options{SpoolDir: t.TempDir()}, "acme")
		check(t, g, "acme", "exports")
		consume(t, g, "acme", "exports", 4)
		store.be(away)
		d, err := g.Consume(t.Context(), use("exports", 5))
		require.NoError(t, err)
		require.True(t, d.Spooled)
		require.Equal(t, entitlements.Unknown, d.Answer)
		_, err = g.Consume(t.Context(), use("exports", 2))
		require.ErrorIs(t, err, tenon.ErrUnavailable, "1 was left")
		d, err = g.Consume(t.Context(), use("exports", 1))
		require.NoError(t, err)
		require.True(t, d.Allowed)
		_, err = g.Consume(t.Context(), use("exports", 1))
		require.ErrorIs(t, err, tenon.ErrUnavailable)
	})
}

func TestLastKnownEndsWithItsAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, nil, "acme")
		check(t, g, "acme", "exports")
		store.be(away)
		time.Sleep(time.Minute)
		require.True(t, check(t, g, "acme", "exports").Allowed)
		time.Sleep(time.Second)
		d := check(t, g, "acme", "exports")
		require.False(t, d.Allowed)
		require.Greater(t, d.Age, time.Minute)
	})
}

func TestLastKnownOfNothingRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, nil, "acme")
		store.be(away)
		require.False(t, check(t, g, "acme", "exports").Allowed)
		_, err := g.Consume(t.Context(), use("exports", 1))
		require.ErrorIs(t, err, tenon.ErrUnavailable)
	})
}

func TestAStoreThatWasNeverThereIsAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		store.be(away)
		g := entitlements.NewGate(store, nil)
		d, err := g.Consume(t.Context(), use("events", 1))
		require.ErrorIs(t, err, tenon.ErrUnavailable)
		require.Equal(t, "events", d.Feature)
		require.Equal(t, entitlements.Unknown, d.Answer)
		_, err = g.Check(t.Context(), "acme", "events")
		require.ErrorIs(t, err, tenon.ErrUnavailable)
		_, err = g.CheckAll(t.Context(), "acme")
		require.ErrorIs(t, err, tenon.ErrUnavailable)
	})
}

func TestOnlyConsumeIsAnsweredByPolicy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, &entitlements.Options{SpoolDir: t.TempDir()}, "acme")
		store.be(away)
		r, err := g.Reserve(t.Context(), use("events", 1), time.Hour)
		require.ErrorIs(t, err, tenon.ErrUnavailable)
		require.Equal(t, entitlements.Unknown, r.Decision.Answer)
		require.Empty(t, r.Hold.ID)
		require.ErrorIs(t, g.Record(t.Context(), use("events", 1)), tenon.ErrUnavailable)
		require.Zero(t, g.Stats().Spooled)
	})
}

func TestAStoreThatWasAwayIsNotWaitedForByEveryCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, nil, "acme")
		store.be(silent)
		began := time.Now()
		require.True(t, check(t, g, "acme", "events").Allowed)
		require.Equal(t, 5*time.Second, time.Since(began), "the first waits for the time-out")
		began = time.Now()
		for range 100 {
			require.True(t, check(t, g, "acme", "events").Allowed)
		}
		require.Zero(t, time.Since(began))
		store.be(none)
		time.Sleep(time.Second)
		require.Equal(t, entitlements.Yes, check(t, g, "acme", "events").Answer)
	})
}

func TestASilentStoreIsWaitedForNoLongerThanTheTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, &entitlements.Options{Timeout: time.Second, SpoolDir: t.TempDir()}, "acme")
		store.be(silent)
		began := time.Now()
		d, err := g.Consume(t.Context(), use("events", 1))
		require.NoError(t, err)
		require.True(t, d.Spooled)
		require.LessOrEqual(t, time.Since(began), 2*time.Second, "once more, since the use has a key")
		time.Sleep(time.Hour) // the catalogue in memory is old
		began = time.Now()
		_, err = g.Consume(t.Context(), use("rates", 1))
		require.ErrorIs(t, err, entitlements.ErrOutcomeUnknown)
		require.LessOrEqual(t, time.Since(began), 3*time.Second)
	})
}

// clocked is a troubled store that has a clock.
type clocked struct{ *troubled }

func (s clocked) Clock(ctx context.Context) (time.Time, error) { return time.Now(), s.before(ctx) }

func TestASilentClockIsWaitedForNoLongerThanTheTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		store.be(silent)
		began := time.Now()
		_, err := entitlements.NewGate(clocked{store}, nil).Consume(t.Context(), use("rates", 1))
		require.Error(t, err)
		require.LessOrEqual(t, time.Since(began), 10*time.Second)
		store.be(none)
		g := setup(t, clocked{store}, nil, "acme")
		store.be(silent)
		stop := running(t, g)
		time.Sleep(11 * time.Second)
		require.NotEmpty(t, g.Stats().LastError)
		store.be(none)
		require.NoError(t, stop())
	})
}

func TestACancelledCallerDoesNotKnowTheOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, &entitlements.Options{SpoolDir: t.TempDir()}, "acme")
		store.be(silent)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		u := use("events", 3)
		u.Key = "k"
		d, err := g.Consume(ctx, u)
		require.ErrorIs(t, err, entitlements.ErrOutcomeUnknown)
		require.ErrorIs(t, err, tenon.ErrUnavailable)
		require.False(t, d.Allowed)
		require.Zero(t, g.Stats().Spooled, "who is not there any more is answered by no policy")
		store.be(none)
		d, err = g.Consume(t.Context(), u)
		require.NoError(t, err)
		require.Equal(t, int64(3), d.Used)
	})
}

func TestAConnectionThatIsLostAfterwardsCountsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, &entitlements.Options{SpoolDir: t.TempDir()}, "acme")
		store.be(broken)
		d, err := g.Consume(t.Context(), use("events", 3)) // it has no key of its own
		require.NoError(t, err)
		require.True(t, d.Spooled)
		store.be(none)
		require.Equal(t, int64(3), store.used(t, "acme", "events"))
		stop := running(t, g)
		require.NoError(t, stop())
		require.Equal(t, int64(3), store.used(t, "acme", "events"))
		require.Zero(t, g.Stats().Spooled)
		require.Zero(t, g.Stats().SetAside)
	})
}

func TestAConnectionThatIsLostOnceIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, nil, "acme")
		store.be(stumbles)
		d, err := g.Consume(t.Context(), use("rates", 100)) // it has no key of its own, and its policy is to refuse
		require.NoError(t, err)
		require.True(t, d.Allowed)
		require.True(t, d.Replayed)
		require.Equal(t, int64(100), d.Used)
		store.be(stumbles)
		r, err := g.Reserve(t.Context(), use("exports", 10), time.Hour)
		require.NoError(t, err)
		require.NotEmpty(t, r.Hold.ID)
		store.be(stumbles)
		s, err := g.Commit(t.Context(), r.Hold, 10)
		require.NoError(t, err)
		require.Equal(t, int64(10), s.Decision.Used)
	})
}

func TestInputIsRefusedWithoutTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, nil, "acme")
		store.be(away)
		_, err := g.Consume(t.Context(), use("events", -1))
		require.ErrorIs(t, err, tenon.ErrInvalid)
		_, err = g.Consume(t.Context(), use("moons", 1))
		require.ErrorIs(t, err, tenon.ErrUnavailable, "another process may have declared it meanwhile")
		_, err = g.Reserve(t.Context(), use("events", 1), 0)
		require.ErrorContains(t, err, "ttl")
		_, err = g.Reserve(t.Context(), use("events", 0), time.Hour)
		require.ErrorContains(t, err, "quantity")
	})
}

func TestAnUnknownFeatureIsUnknownThoughTheStoreIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, nil, "acme")
		store.be(away)
		time.Sleep(time.Minute) // the catalogue in memory is old, and the only one there is
		d, err := g.Check(t.Context(), "acme", "moons")
		require.ErrorIs(t, err, entitlements.ErrUnknownFeature)
		require.Equal(t, entitlements.No, d.Answer)
		require.Equal(t, entitlements.ReasonUnknownFeature, d.Reason)
	})
}

func TestLastKnownOfAFeatureThatIsNewerThanTheViewRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTroubled()
		g := setup(t, store, nil, "acme")
		check(t, g, "acme", "rates")
		next := freight()
		next.Features = append(next.Features, entitlements.Feature{
			Key: "customs", Kind: entitlements.Boolean, Fallback: entitlements.Fallback{Policy: entitlements.LastKnown, MaxAge: time.Hour},
		})
		_, err := g.ApplyCatalog(t.Context(), next)
		require.NoError(t, err)
		store.be(away)
		d := check(t, g, "acme", "customs")
		require.False(t, d.Allowed)
		require.Equal(t, entitlements.Unknown, d.Answer)
	})
}

func TestAUseOfNothingIsNotSpooled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, dir := newTroubled(), t.TempDir()
		g := spooling(t, store, dir)
		d := consume(t, g, "acme", "events", 0)
		require.True(t, d.Allowed)
		require.False(t, d.Spooled || d.Uncounted)
		require.Empty(t, left(t, dir, ""))
	})
}
