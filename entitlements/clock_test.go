package entitlements_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
)

// behind is a store whose answer to what time it is came late.
type behind struct {
	*entitlements.MemoryStore
	by time.Duration
}

func (s behind) Clock(context.Context) (time.Time, error) { return time.Now().Add(-s.by), nil }

func TestAUseRightAfterTheSubscriptionCountsInItsFirstPeriodWhateverTheClock(t *testing.T) {
	t.Parallel()
	store := entitlements.NewMemoryStore(nil)
	g := setup(t, store, nil, "acme")
	late := entitlements.NewGate(behind{store, 30 * time.Second}, nil)
	consume(t, late, "acme", "rates", 1)
	consume(t, g, "acme", "rates", 2)
	d := consume(t, late, "acme", "rates", 4)
	require.EqualValues(t, 7, d.Used)
}

func TestAnOperationIsMovedToTheStartByNoMoreThanClocksMayDiffer(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := &entitlements.Rights{Entitlement: &entitlements.Entitlement{StartedAt: start}}
	at := func(now time.Time) entitlements.Op {
		return entitlements.Op{Now: now, At: now, Until: now.Add(time.Hour)}
	}
	require.Equal(t, at(start), at(start.Add(-time.Microsecond)).NotBefore(r))
	require.Equal(t, at(start), at(start.Add(-time.Minute)).NotBefore(r))
	for _, kept := range []entitlements.Op{at(start), at(start.Add(time.Second)), at(start.Add(-61 * time.Second))} {
		require.Equal(t, kept, kept.NotBefore(r))
	}
	require.Equal(t, at(start), at(start).NotBefore(&entitlements.Rights{}), "there is no subscription")

	late := at(start.Add(-time.Second))
	late.At = start.Add(-24 * time.Hour)
	late.Use.At = late.At
	moved := late.NotBefore(r)
	require.Equal(t, start, moved.Now)
	require.Equal(t, late.At, moved.At, "a use that says when it happened")
}
