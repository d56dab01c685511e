package slo_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/slo"
)

// clocked gives a store the test's time.
type clocked struct {
	*slo.MemoryStore
	now *time.Time
}

func (c clocked) Clock(context.Context) (time.Time, error) { return *c.now, nil }

// place is a board in the morning whose objectives were defined long ago.
func place(t *testing.T, objectives ...slo.Objective) (*slo.Board, clocked) {
	t.Helper()
	now := morning.Add(-40 * day)
	store := clocked{slo.NewMemoryStore(nil), &now}
	_, err := slo.NewBoard(store, nil).Define(t.Context(), objectives...)
	require.NoError(t, err)
	now = morning
	return slo.NewBoard(store, nil), store
}

func minute(o slo.Objective, at time.Time, good, valid int64) slo.Minute {
	return slo.Minute{Key: o.Key, Measure: o.Measure(), At: at, Instance: "one", Good: good, Valid: valid, Closed: true}
}

func status(t *testing.T, b *slo.Board) slo.Status {
	t.Helper()
	r, err := b.Current(t.Context())
	require.NoError(t, err)
	require.Len(t, r.Statuses, 1)
	return r.Statuses[0]
}

func TestStatusNumbers(t *testing.T) {
	t.Parallel()
	b, store := place(t, quoteLatency())
	empty := status(t, b)
	require.Equal(t, slo.NoData, empty.Health)
	require.Zero(t, empty.Consumed)
	m := minute(quoteLatency(), morning.Add(-10*time.Minute), 980, 1000)
	m.Sketch = slo.Sketch{}.Observe(100 * time.Millisecond).Observe(time.Second)
	require.NoError(t, store.Record(t.Context(), []slo.Minute{m}))
	s := status(t, b)
	require.Equal(t, slo.Healthy, s.Health)
	require.InDelta(t, 0.98, s.Current, 1e-12)
	require.InDelta(t, 50, s.Allowed, 1e-12)
	require.InDelta(t, 0.4, s.Consumed, 1e-12)
	require.InDelta(t, 0.6, s.Remaining, 1e-12)
	require.Equal(t, morning.Add(-time.Hour), s.From)
	require.InEpsilon(t, float64(time.Second), float64(s.Latency.P99), 0.01)
	require.Zero(t, s.Forecast.Exhausts, "nothing burned in the last five minutes")
}

func TestHealths(t *testing.T) {
	t.Parallel()
	for want, bad := range map[slo.Health]int64{slo.Healthy: 25, slo.AtRisk: 26, slo.Exhausted: 50, slo.Breached: 51} {
		b, store := place(t, quoteLatency())
		require.NoError(t, store.Record(t.Context(), []slo.Minute{minute(quoteLatency(), morning.Add(-time.Minute), 1000-bad, 1000)}))
		require.Equal(t, want, status(t, b).Health)
	}
	whole := quoteLatency()
	whole.Target = slo.Whole
	b, store := place(t, whole)
	require.NoError(t, store.Record(t.Context(), []slo.Minute{minute(whole, morning.Add(-time.Minute), 999, 1000)}))
	s := status(t, b)
	require.Equal(t, slo.Breached, s.Health)
	require.True(t, math.IsInf(s.Consumed, 1))
}

func TestForecasts(t *testing.T) {
	t.Parallel()
	b, store := place(t, quoteLatency())
	// Half of the budget burned at ten times the rate: the rest lasts three minutes.
	require.NoError(t, store.Record(t.Context(), []slo.Minute{
		minute(quoteLatency(), morning.Add(-30*time.Minute), 1900, 1900), minute(quoteLatency(), morning.Add(-time.Minute), 50, 100),
	}))
	f := status(t, b).Forecast
	require.Equal(t, 5*time.Minute, f.Over)
	require.InDelta(t, 10, f.Rate, 1e-9)
	require.Equal(t, morning.Add(3*time.Minute), f.Exhausts)
}

func TestSeries(t *testing.T) {
	t.Parallel()
	b, store := place(t, uptime())
	for i := range 10 {
		require.NoError(t, store.Record(t.Context(), []slo.Minute{minute(uptime(), morning.Add(-time.Duration(i)*time.Minute), 1, int64(i+1))}))
	}
	_, err := b.Exclude(t.Context(), slo.Exclusion{From: morning.Add(-3 * time.Minute), To: morning.Add(-2 * time.Minute), Reason: "test"})
	require.NoError(t, err)
	points, err := b.Series(t.Context(), uptime().Key, morning.Add(-4*time.Minute), morning, 2*time.Minute)
	require.NoError(t, err)
	require.Equal(t, []slo.Point{
		{From: morning.Add(-4 * time.Minute), Count: slo.Count{Good: 1, Valid: 5}},
		{From: morning.Add(-2 * time.Minute), Count: slo.Count{Good: 2, Valid: 5}},
	}, points)
	for _, step := range []time.Duration{0, time.Second, 90 * time.Second, -time.Minute} {
		_, err := b.Series(t.Context(), uptime().Key, morning, morning.Add(time.Hour), step)
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
	for _, to := range []time.Time{morning, morning.Add(2001 * time.Minute)} {
		_, err := b.Series(t.Context(), uptime().Key, morning, to, time.Minute)
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
	_, err = b.Series(t.Context(), slo.Key{Name: "none"}, morning, morning.Add(time.Hour), time.Minute)
	require.ErrorIs(t, err, slo.ErrUnknownObjective)
}

func TestHistoryOfAStoreWithoutOneIsUnavailable(t *testing.T) {
	t.Parallel()
	_, err := slo.NewBoard(struct{ slo.Store }{slo.NewMemoryStore(nil)}, nil).History(t.Context(), morning)
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	past, err := slo.NewBoard(slo.NewMemoryStore(nil), nil).History(t.Context(), morning)
	require.NoError(t, err)
	require.Empty(t, past)
}

// broken is a store that is away.
type broken struct{ slo.Store }

func (broken) Load(context.Context) (*slo.State, error) { return nil, tenon.ErrUnavailable }

func TestABoardWithoutItsStoreHoldsReleases(t *testing.T) {
	t.Parallel()
	b := slo.NewBoard(broken{slo.NewMemoryStore(nil)}, nil)
	v, err := slo.NewReleasePolicy(b).Guard(t.Context())
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	require.Equal(t, tenon.Hold, v.Outcome)
	s := b.Stats()
	require.EqualValues(t, 1, s.Evaluations)
	require.EqualValues(t, 1, s.Failed)
	require.NotEmpty(t, s.LastError)
}

func TestStatsSayWhatABoardDid(t *testing.T) {
	t.Parallel()
	b, store := place(t, quoteLatency())
	require.Zero(t, b.Stats())
	require.NoError(t, store.Record(t.Context(), []slo.Minute{minute(quoteLatency(), morning.Add(-time.Minute), 900, 1000)}))
	_, err := b.Evaluate(t.Context())
	require.NoError(t, err)
	require.NoError(t, store.Record(t.Context(), []slo.Minute{minute(quoteLatency(), morning.Add(-2*time.Minute), 100_000, 100_000)}))
	_, err = b.Evaluate(t.Context())
	require.NoError(t, err)
	s := b.Stats()
	require.WithinDuration(t, time.Now(), s.LastRun, time.Hour)
	s.LastRun = time.Time{}
	require.Equal(t, slo.Stats{Evaluations: 2, Opened: 1, Resolved: 1, Notified: 4}, s, "an alert and a freeze, and the end of both")
}

func TestAnObjectiveStandsOnceInACall(t *testing.T) {
	t.Parallel()
	b := slo.NewBoard(slo.NewMemoryStore(nil), nil)
	milder := uptime()
	milder.Target = 990_000
	_, err := b.Define(t.Context(), uptime(), quoteLatency(), milder)
	var wrong *tenon.FieldError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, "name", wrong.Field)
	objectives, err := b.Objectives(t.Context())
	require.NoError(t, err)
	require.Empty(t, objectives)
}

func TestRunGoesOnAfterAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := slo.NewBoard(broken{slo.NewMemoryStore(nil)}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.Run(ctx) }()
		time.Sleep(31 * time.Second)
		cancel()
		require.NoError(t, <-ended)
		require.EqualValues(t, 3, b.Stats().Failed)
	})
}

func TestTheStoresClockDecides(t *testing.T) {
	t.Parallel()
	b, _ := place(t, uptime())
	r, err := b.Current(t.Context())
	require.NoError(t, err)
	require.WithinDuration(t, morning, r.At, time.Hour, "not the machine's")
}

func ExampleParsePPM() {
	p, err := slo.ParsePPM("99.95%")
	fmt.Println(int64(p), p, err)
	// Output: 999500 99.95% <nil>
}
