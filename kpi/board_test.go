package kpi_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/kpi"
)

// ears hear what is told.
type ears struct {
	mu   sync.Mutex
	told []tenon.Notification
}

func (e *ears) Notify(_ context.Context, n tenon.Notification) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told = append(e.told, n)
	return nil
}

func (e *ears) take() (states []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, n := range e.told {
		states = append(states, n.Data["state"]+" "+n.Data["value"])
	}
	e.told = nil
	return states
}

func TestRunTellsWhenAGoalIsCrossed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		heard := &ears{}
		s := kpi.NewMemoryStore(&kpi.MemoryOptions{Notifier: heard})
		tracker := kpi.NewTracker(s, nil)
		var boards []*kpi.Board
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		for range 3 {
			b := kpi.NewBoard(s, &kpi.BoardOptions{Every: time.Hour})
			boards = append(boards, b)
			running.Go(func() { _ = b.Run(ctx) })
		}
		k := kpi.KPI{Name: "sent", Title: "Quotes sent", Last: 3, Count: &kpi.Count{Of: kpi.On("e")}, Goal: &kpi.Goal{Target: 2}}
		require.NoError(t, boards[0].Define(t.Context(), k))
		time.Sleep(30 * time.Minute) // boards look at full hours
		for d, n := range []int{1, 2, 3, 0, 1} {
			for range n {
				_, err := tracker.Track(t.Context(), event("e", "", time.Time{}))
				require.NoError(t, err)
			}
			time.Sleep(24 * time.Hour)
			synctest.Wait()
			want := [][]string{{"missed 1"}, {"reached 2"}, nil, nil, {"missed 1"}}[d] // a day without a sample is not judged
			require.Equal(t, want, heard.take(), d)
		}
		cancel()
		running.Wait()
		stats := boards[0].Stats()
		require.Positive(t, stats.Evaluations)
		require.Zero(t, stats.Failed)
		require.False(t, stats.LastRun.IsZero())
	})
}

func TestAGoalThatIsChangedIsJudgedAnew(t *testing.T) {
	t.Parallel()
	heard := &ears{}
	s := kpi.NewMemoryStore(&kpi.MemoryOptions{Notifier: heard})
	b := board(s, noon)
	track(t, s, event("e", "", noon.Add(-24*time.Hour)))
	k := kpi.KPI{Name: "n", Count: &kpi.Count{Of: kpi.On("e")}, Goal: &kpi.Goal{Target: 2, MinSample: 1}}
	for _, c := range []struct {
		goal kpi.Goal
		want []string
	}{
		{kpi.Goal{Target: 2}, []string{"missed 1"}},
		{kpi.Goal{Target: 3}, nil},
		{kpi.Goal{Target: 1}, []string{"reached 1"}},
		{kpi.Goal{Target: 0.5, AtMost: true}, []string{"missed 1"}},
		{kpi.Goal{Target: 3, MinSample: 2}, nil},
	} {
		k.Goal = &c.goal
		require.NoError(t, b.Define(t.Context(), k))
		_, err := b.Evaluate(t.Context())
		require.NoError(t, err)
		require.Equal(t, c.want, heard.take(), c.goal)
	}
}

// stale is a store that shows definitions as they were before.
type stale struct {
	kpi.Store
	state *kpi.State
}

func (s stale) Load(context.Context) (*kpi.State, error) { return s.state.Clone(), nil }

func TestAGoalThatWasChangedMeanwhileIsNotDecided(t *testing.T) {
	t.Parallel()
	heard := &ears{}
	s := kpi.NewMemoryStore(&kpi.MemoryOptions{Notifier: heard})
	b := board(s, noon)
	track(t, s, event("e", "", noon.Add(-24*time.Hour)))
	k := kpi.KPI{Name: "n", Count: &kpi.Count{Of: kpi.On("e")}, Goal: &kpi.Goal{Target: 2}}
	require.NoError(t, b.Define(t.Context(), k))
	before, err := s.Load(t.Context())
	require.NoError(t, err)
	k.Goal = &kpi.Goal{Target: 1}
	for _, change := range []func() error{
		func() error { return b.Define(t.Context(), k) }, func() error { return b.Retire(t.Context(), "n", "not needed") },
	} {
		require.NoError(t, change())
		judged, err := board(stale{s, before}, noon).Evaluate(t.Context())
		require.NoError(t, err)
		require.Len(t, judged, 1)
		require.Empty(t, heard.take())
		after, err := s.Load(t.Context())
		require.NoError(t, err)
		require.Empty(t, after.Goals)
	}
}

func TestAStoreWithoutAQuarantineSaysSo(t *testing.T) {
	t.Parallel()
	bare := tracker(kpi.NewMemoryStore(nil), noon) // a clock is all that its store has beside
	_, err := bare.Quarantined(t.Context(), kpi.AsideQuery{})
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	require.ErrorContains(t, err, "no quarantine")
}

func TestAStoreThatIsAwayIsSaid(t *testing.T) {
	t.Parallel()
	s := newTroubled()
	s.be(away)
	_, err := kpi.NewTracker(s, nil).Track(t.Context(), event("e", "", time.Time{}))
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	require.ErrorIs(t, kpi.NewTracker(s, nil).Retract(t.Context(), kpi.Ref{Tenant: "acme", Key: "k"}), tenon.ErrUnavailable)
}

// slow is a store that answers only when the caller has given up.
type slow struct{ kpi.Store }

func (slow) Track(ctx context.Context, _ []kpi.Entry) ([]kpi.Receipt, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestACallThatTakesTooLongHasAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := kpi.NewTracker(slow{kpi.NewMemoryStore(nil)}, nil).Track(t.Context(), event("e", "", time.Time{}))
		require.ErrorIs(t, err, tenon.ErrUnavailable)
		require.ErrorContains(t, err, "unknown")
		require.Equal(t, 5*time.Second, time.Since(began))
	})
}

func TestTooManyEventsAreRefused(t *testing.T) {
	t.Parallel()
	s := kpi.NewMemoryStore(nil)
	_, err := tracker(s, noon).Track(t.Context(), make([]kpi.Event, kpi.MaxEvents+1)...)
	require.ErrorIs(t, err, tenon.ErrInvalid)
	receipts, err := tracker(s, noon).Track(t.Context())
	require.NoError(t, err)
	require.Empty(t, receipts)
	_, err = tracker(s, noon).Track(t.Context(), event("fine", "", noon), event("", "", noon))
	require.ErrorContains(t, err, "events[1]: name: is empty")
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0": "0", "-0": "0", "5.0": "5", "1e3": "1000", "0.0000005": "0.000001", "-0.0000005": "-0.000001", "0.0000004": "0",
		"1e12": "1000000000000", "-1E-2": "-0.01", "12.345678": "12.345678",
	} {
		var a kpi.Amount
		require.NoError(t, a.UnmarshalJSON([]byte(text)))
		require.Equal(t, want, a.String(), text)
	}
	for _, text := range []string{"1e13", "-1000000000001", "1e400", "NaN", "Infinity", "x", ""} {
		var a kpi.Amount
		require.ErrorIs(t, a.UnmarshalJSON([]byte(text)), tenon.ErrInvalid, text)
	}
	require.Equal(t, "36h", (36 * kpi.Hour).String())
	require.Equal(t, "1d", (24 * kpi.Hour).String())
}
