package measure_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/bench/measure"
)

func TestSeries(t *testing.T) {
	t.Parallel()
	require.Equal(t, 3.0, measure.Series{9, 1, 3}.Median())
	require.Equal(t, 2.0, measure.Series{9, 1, 3, 0}.Median())
	require.Zero(t, measure.Series{}.Median())
	lowest, highest := measure.Series{9, 1, 3}.Range()
	require.Equal(t, []float64{1, 9}, []float64{lowest, highest})
	require.Equal(t, measure.Series{3, 0}, measure.Series{6, 5}.Over(measure.Series{2, 0}))
}

func TestInterleaveTurnsTheOrderAndKeepsTheSeriesApart(t *testing.T) {
	t.Parallel()
	var order string
	contender := func(name string, figure float64) measure.Contender {
		return func(context.Context) (float64, error) {
			order += name
			return figure, nil
		}
	}
	series, err := measure.Interleave(t.Context(), 2, contender("a", 1), contender("b", 2))
	require.NoError(t, err)
	require.Equal(t, "abba", order)
	require.Equal(t, []measure.Series{{1, 1}, {2, 2}}, series)
}

func TestLoadCountsEveryCallAndItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		load, err := measure.Run(t.Context(), 2, time.Second, func(_ context.Context, caller, n int) error {
			time.Sleep(time.Duration(caller+1) * 100 * time.Millisecond)
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, 15, load.Calls) // ten and five
		require.InDelta(t, 15, load.Rate(), 0.001)
		require.InDelta(t, 100, load.Quantile(0.5), 0.001)
		require.InDelta(t, 200, load.Quantile(0.99), 0.001)
	})
}

func TestLoadEndsWithTheFirstError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	_, err := measure.Run(t.Context(), 4, time.Hour, func(ctx context.Context, caller, n int) error {
		if caller == 0 {
			return broken
		}
		<-ctx.Done()
		return ctx.Err()
	})
	require.ErrorIs(t, err, broken)
}

func TestLoopCountsAllocations(t *testing.T) {
	t.Parallel()
	var kept [2]*int
	cost := measure.Loop(2, 10_000, func(goroutine, n int) int {
		for i := range n {
			kept[goroutine] = &i
		}
		return *kept[goroutine]
	})
	require.GreaterOrEqual(t, cost.Allocs, 1.0)
	require.Positive(t, cost.Nanoseconds)
}
