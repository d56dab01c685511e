package kpi_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/kpi"
)

// silent is a store that cannot be reached: its clock does not answer.
type silent struct{ *troubled }

func (silent) Clock(ctx context.Context) (time.Time, error) {
	<-ctx.Done()
	return time.Time{}, ctx.Err()
}

func TestSendDoesNotWaitForAClockThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := kpi.NewBatcher(kpi.NewTracker(silent{newTroubled()}, nil), nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		for range 100 {
			require.NoError(t, b.Send(ctx, event("e", "", time.Time{})))
		}
		require.Less(t, time.Since(began), 5*time.Second)
		require.Equal(t, 100, b.Stats().Pending)
	})
}

func TestAGoalThatCannotBeReadDoesNotHideTheOthers(t *testing.T) {
	t.Parallel()
	heard := &ears{}
	s := kpi.NewMemoryStore(&kpi.MemoryOptions{Notifier: heard})
	b := board(s, noon)
	require.NoError(t, b.Define(t.Context(),
		kpi.KPI{Name: "a", Count: &kpi.Count{Of: kpi.On("e")}, Goal: &kpi.Goal{Target: 2}},
		kpi.KPI{Name: "b", Sum: &kpi.Sum{Of: kpi.On("e"), Property: "n"}, Goal: &kpi.Goal{Target: 1}},
		kpi.KPI{Name: "c", Count: &kpi.Count{Of: kpi.On("e")}, Goal: &kpi.Goal{Target: 3}}))
	for range 10 {
		e := event("e", "", noon.Add(-24*time.Hour))
		e.Properties = map[string]any{"n": int64(1e12)}
		track(t, s, e)
	}
	judged, err := b.Evaluate(t.Context())
	require.ErrorIs(t, err, kpi.ErrSum)
	require.ErrorContains(t, err, `"b"`)
	require.Len(t, judged, 2)
	k := kpi.KPI{Name: "c", Count: &kpi.Count{Of: kpi.On("e")}, Goal: &kpi.Goal{Target: 30}}
	require.NoError(t, b.Define(t.Context(), k))
	_, err = b.Evaluate(t.Context())
	require.ErrorIs(t, err, kpi.ErrSum)
	require.Equal(t, []string{"missed 10"}, heard.take())
}

func TestATotalThatDoesNotFitIsAnError(t *testing.T) {
	t.Parallel()
	s := kpi.NewMemoryStore(nil)
	b := board(s, noon)
	require.NoError(t, b.Define(t.Context(), kpi.KPI{Name: "b", Sum: &kpi.Sum{Of: kpi.On("e"), Property: "n"}}))
	for day := range 2 {
		for range 6 {
			e := event("e", "", noon.AddDate(0, 0, -1-day))
			e.Properties = map[string]any{"n": int64(1e12)}
			track(t, s, e)
		}
	}
	_, err := b.Read(t.Context(), kpi.Query{KPI: "b"})
	require.ErrorIs(t, err, kpi.ErrSum)
}

func TestNumbersThatAreNextToNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"1e-7", "-4e-7", "1e-400", "1e-999999", "-1e-99999999999", "0.0000004999"} {
		a, ok := kpi.AmountOf(json.Number(text))
		require.True(t, ok, text)
		require.Zero(t, a, text)
	}
	a, ok := kpi.AmountOf("5e-7")
	require.True(t, ok)
	require.Equal(t, kpi.Amount(1), a)
	for _, text := range []string{"1e-20000", "0e-20000", "0e20000", "1e-99999999999"} {
		e := event("e", "", noon)
		e.Properties = map[string]any{"n": json.Number(text)}
		_, err := tracker(kpi.NewMemoryStore(nil), noon).Track(t.Context(), e)
		require.ErrorIs(t, err, tenon.ErrInvalid, text)
	}
}

func TestPropertiesThatHoldThemselvesAreKeptAside(t *testing.T) {
	t.Parallel()
	round := map[string]any{"a": 1}
	round["round"] = []any{round}
	s := kpi.NewMemoryStore(nil)
	e := event("e", "", noon)
	e.Properties = round
	tracker := kpi.NewTracker(still{s, noon}, &kpi.TrackerOptions{Unfit: kpi.Quarantine, Timeout: time.Minute})
	receipts, err := tracker.Track(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, kpi.Quarantined, receipts[0].Outcome)
}
