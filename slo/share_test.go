package slo_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/slo"
)

func TestParsePPM(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]slo.PPM{
		"0.999": 999_000, "99.9%": 999_000, "1": slo.Whole, "100%": slo.Whole, "1.000000": slo.Whole, "0.000001": 1,
		"99.9999%": 999_999, "0": 0, "0.9990000000": 999_000, "95%": 950_000,
	} {
		got, err := slo.ParsePPM(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "%", ".5", "1.1", "101%", "-0.1", "0.9999999", "NaN", "1e-3", "0x1", "0.+1", "99.99999%"} {
		_, err := slo.ParsePPM(text)
		require.ErrorIs(t, err, tenon.ErrInvalid, text)
	}
	require.Equal(t, "99.9%", slo.PPM(999_000).String())
}

func TestPPMOfRefusesWhatIsNoShare(t *testing.T) {
	t.Parallel()
	got, err := slo.PPMOf(0.999)
	require.NoError(t, err)
	require.Equal(t, slo.PPM(999_000), got)
	for _, f := range []float64{math.NaN(), math.Inf(1), -0.001, 1.001} {
		_, err := slo.PPMOf(f)
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
}

// Floats say 0.9999999999999998 for some of these.
func TestBadExactlyAtTheBudgetConsumesExactlyAllOfIt(t *testing.T) {
	t.Parallel()
	for target := slo.PPM(900_000); target <= 999_000; target += 1000 {
		for _, valid := range []int64{1000, 7000, 1_000_000, 123_456_789_000} {
			bad := valid / 1000 * int64(slo.Whole-target) / 1000
			c := slo.Count{Good: valid - bad, Valid: valid}
			require.Equal(t, 1.0, c.Burn(target), "%s of %d", target, valid) //nolint:testifylint // exactly 1 is the point
			require.Zero(t, c.CompareBurn(target, slo.One))
			require.Zero(t, c.CompareUsed(target, slo.Whole))
			more, less := c, c
			more.Good--
			less.Good++
			require.Equal(t, 1, more.CompareUsed(target, slo.Whole))
			require.Equal(t, -1, less.CompareUsed(target, slo.Whole))
		}
	}
}

func TestABudgetOfZeroIsBreachedByOneEvent(t *testing.T) {
	t.Parallel()
	require.Zero(t, slo.Count{Good: 5, Valid: 5}.Burn(slo.Whole))
	require.True(t, math.IsInf(slo.Count{Good: 4, Valid: 5}.Burn(slo.Whole), 1))
	require.Zero(t, slo.Count{}.Burn(999_000))
	require.Equal(t, 1, slo.Count{Good: 4, Valid: 5}.CompareUsed(slo.Whole, slo.Whole))
	require.Zero(t, slo.Count{Good: 5, Valid: 5}.CompareUsed(slo.Whole, slo.Whole))
}

func TestComparisonsHoldForTheLargestCounts(t *testing.T) {
	t.Parallel()
	c := slo.Count{Good: math.MaxInt64 / 2, Valid: math.MaxInt64}
	require.Equal(t, 1, c.CompareBurn(999_000, 14_400))
	require.Equal(t, 1, c.CompareUsed(500_000, slo.Whole)) // one event more than half
	c.Good++
	require.Equal(t, -1, c.CompareUsed(500_000, slo.Whole))
}

func TestQuantilesAreWithinOnePercent(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var all []time.Duration
		var s slo.Sketch
		sigma := 0.2 + 2*random.Float64()
		for range 2000 {
			d := time.Duration(20e6 * math.Exp(sigma*random.NormFloat64()))
			d = min(max(d, 2*time.Microsecond), time.Hour)
			all, s = append(all, d), s.Observe(d)
		}
		require.EqualValues(t, len(all), s.Count())
		for _, q := range []slo.PPM{1, 500_000, 950_000, 990_000, slo.Whole} {
			got, ok := s.Quantile(q)
			require.True(t, ok)
			require.InEpsilon(t, float64(nearest(all, q)), float64(got), 0.01, "p%s", q)
		}
	}
}

func TestASketchOfOddDurations(t *testing.T) {
	t.Parallel()
	_, ok := slo.Sketch(nil).Quantile(500_000)
	require.False(t, ok)
	for _, d := range []time.Duration{-time.Second, 0, 1, math.MaxInt64, math.MinInt64} {
		s := slo.Sketch{}.Observe(d)
		require.EqualValues(t, 1, s.Count())
		_, ok := s.Quantile(slo.Whole)
		require.True(t, ok)
	}
	bounds := slo.CellBounds()
	require.Len(t, bounds, 2047)
	for i, b := range bounds {
		require.Equal(t, i+1, slo.Sketch{}.Observe(time.Duration(math.Ceil(b)))[0].Index)
		require.Equal(t, i, slo.Sketch{}.Observe(time.Duration(math.Ceil(b)) - 1)[0].Index)
	}
}

func TestASketchThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	whole, err := slo.Sketch{}.Observe(time.Second).Observe(time.Minute).MarshalBinary()
	require.NoError(t, err)
	for name, b := range map[string][]byte{
		"cut_short":             whole[:len(whole)-1],
		"a_cell_without_count":  {1},
		"a_count_of_nothing":    {1, 0},
		"the_same_cell_twice":   {1, 1, 0, 1},
		"a_cell_after_the_last": {0x80, 0x10, 1, 1, 1},
		"a_negative_count":      {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
	} {
		kept := slo.Sketch{{Index: 1, Count: 2}}
		require.ErrorIs(t, kept.UnmarshalBinary(b), tenon.ErrInvalid, name)
		require.Equal(t, slo.Sketch{{Index: 1, Count: 2}}, kept, name)
	}
}

func FuzzSketch(f *testing.F) {
	b, err := slo.Sketch{}.Observe(time.Second).Observe(time.Minute).MarshalBinary()
	require.NoError(f, err)
	f.Add(b)
	f.Add([]byte{1, 1, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var s slo.Sketch
		if err := s.UnmarshalBinary(b); err != nil {
			require.ErrorIs(t, err, tenon.ErrInvalid)
			return
		}
		again, err := s.MarshalBinary()
		require.NoError(t, err)
		var same slo.Sketch
		require.NoError(t, same.UnmarshalBinary(again))
		require.Equal(t, s, same)
		last := -1
		for _, c := range s {
			require.Greater(t, c.Index, last)
			require.Less(t, c.Index, 2048)
			require.Positive(t, c.Count)
			last = c.Index
		}
	})
}

func FuzzParsePPM(f *testing.F) {
	f.Add("99.9%")
	f.Add("0.999")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := slo.ParsePPM(text)
		if err != nil {
			require.ErrorIs(t, err, tenon.ErrInvalid)
			return
		}
		require.True(t, p >= 0 && p <= slo.Whole)
		again, err := slo.ParsePPM(p.String())
		require.NoError(t, err)
		require.Equal(t, p, again)
	})
}

func FuzzCount(f *testing.F) {
	f.Add(int64(999), int64(1000), int64(999_000), int64(500_000))
	f.Fuzz(func(t *testing.T, good, valid, target, share int64) {
		valid = max(valid, 0) % 1_000_000_000
		good = min(max(good, 0), valid)
		target, share = max(target, 0)%1_000_001, max(share, 0)%1_000_001
		c := slo.Count{Good: good, Valid: valid}
		used := c.CompareUsed(slo.PPM(target), slo.PPM(share))
		want := bigCompare(c, target, share)
		require.Equal(t, want, used)
	})
}
