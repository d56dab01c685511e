package slo_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/slo"
)

// away is a store that may be away.
type away struct {
	*slo.MemoryStore
	mu   sync.Mutex
	gone bool
	lose bool // keeps what it is given and says that it did not
}

func (a *away) set(gone, lose bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gone, a.lose = gone, lose
}

func (a *away) Record(ctx context.Context, m []slo.Minute) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return tenon.ErrUnavailable
	}
	err := a.MemoryStore.Record(ctx, m)
	if a.lose {
		return tenon.ErrUnavailable
	}
	return err
}

var morning = time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)

func recorder(t *testing.T, s slo.Store, opts *slo.RecorderOptions, objectives ...slo.Objective) *slo.Recorder {
	t.Helper()
	r, err := slo.NewRecorder(s, objectives, opts)
	require.NoError(t, err)
	return r
}

func counted(t *testing.T, s slo.Store, o slo.Objective, from, to time.Time) slo.Count {
	t.Helper()
	c, err := s.Count(t.Context(), []slo.Span{{Key: o.Key, Measure: o.Measure(), From: from, To: to, Slice: o.Slice}})
	require.NoError(t, err)
	return c[0]
}

func TestThresholdsAreCountedToTheNanosecond(t *testing.T) {
	t.Parallel()
	store := slo.NewMemoryStore(nil)
	var objectives []slo.Objective
	// Three thresholds in one cell of the sketch, and two elsewhere.
	thresholds := []time.Duration{500 * time.Millisecond, 500100 * time.Microsecond, 499900 * time.Microsecond, time.Second, time.Microsecond}
	for _, d := range thresholds {
		o := quoteLatency()
		o.Name, o.Threshold = d.String(), d
		objectives = append(objectives, o)
	}
	objectives = append(objectives, uptime())
	r := recorder(t, store, nil, objectives...)
	random := rand.New(rand.NewPCG(3, 4))
	want := map[string]slo.Count{}
	var all []time.Duration
	for range 5000 {
		near := thresholds[random.IntN(len(thresholds))]
		d := max(near+time.Duration(random.IntN(5)-2), 0)
		if random.IntN(3) == 0 {
			d = time.Duration(random.Int64N(int64(2 * time.Second)))
		}
		outcome := slo.Outcome(random.IntN(2))
		r.Observe(outcome, d)
		all = append(all, d)
		for _, o := range objectives {
			c := want[o.Name]
			c.Valid++
			if o.Threshold == 0 && outcome == slo.Good || o.Threshold > 0 && d <= o.Threshold {
				c.Good++
			}
			want[o.Name] = c
		}
	}
	r.Tick(morning)
	r.Tick(morning.Add(time.Minute))
	require.NoError(t, r.Flush(t.Context()))
	for _, o := range objectives {
		require.Equal(t, want[o.Name], counted(t, store, o, morning, morning.Add(time.Hour)), o.Name)
	}
	sketches, err := store.Sketch(t.Context(), []slo.Span{{
		Key: objectives[0].Key, Measure: objectives[0].Measure(), From: morning, To: morning.Add(time.Hour),
	}})
	require.NoError(t, err)
	p95, _ := sketches[0].Quantile(950_000)
	require.InEpsilon(t, float64(nearest(all, 950_000)), float64(p95), 0.01)
}

func TestObserveByManyLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	store := &away{MemoryStore: slo.NewMemoryStore(nil)}
	r := recorder(t, store, nil, uptime(), quoteLatency())
	const goroutines, each = 8, 20_000
	var busy sync.WaitGroup
	for g := range goroutines {
		busy.Go(func() {
			for i := range each {
				r.Observe(slo.Outcome(i%2), time.Duration(400+200*(g%2))*time.Millisecond)
			}
		})
	}
	done := make(chan struct{})
	go func() { busy.Wait(); close(done) }()
	now := morning
	for running := true; running; { // ticks, flushes and lost answers while events come in
		select {
		case <-done:
			running = false
		default:
		}
		now = now.Add(20 * time.Second)
		r.Tick(now)
		store.set(now.Second() == 20, now.Second() == 40)
		_ = r.Flush(t.Context())
	}
	store.set(false, false)
	now = now.Add(time.Minute)
	r.Tick(now)
	require.NoError(t, r.Flush(t.Context()))
	require.NoError(t, r.Flush(t.Context()))
	require.Equal(t, slo.Count{Good: goroutines * each / 2, Valid: goroutines * each},
		counted(t, store, uptime(), morning, now.Add(time.Hour)))
	require.Equal(t, slo.Count{Good: goroutines * each / 2, Valid: goroutines * each},
		counted(t, store, quoteLatency(), morning, now.Add(time.Hour)))
	require.Zero(t, r.Stats().Pending)
}

func TestObserveAllocatesNothing(t *testing.T) {
	r := recorder(t, slo.NewMemoryStore(nil), nil, uptime(), quoteLatency())
	require.Zero(t, testing.AllocsPerRun(1000, func() { r.Observe(slo.Bad, 501*time.Millisecond) }))
}

func TestNegativeDurationsCountAsZeroAndAreTold(t *testing.T) {
	t.Parallel()
	store := slo.NewMemoryStore(nil)
	r := recorder(t, store, nil, quoteLatency())
	r.Tick(morning)
	r.Observe(slo.Good, -time.Second)
	r.Observe(slo.Good, 1<<63-1)
	require.NoError(t, r.Flush(t.Context()))
	require.Equal(t, slo.Count{Good: 1, Valid: 2}, counted(t, store, quoteLatency(), morning, morning.Add(time.Minute)))
	require.EqualValues(t, 1, r.Stats().Negative)
}

func TestAMinuteIsFlushedAsItGrowsAndClosedWhenItIsOver(t *testing.T) {
	t.Parallel()
	store := slo.NewMemoryStore(nil)
	r := recorder(t, store, nil, uptime())
	later := morning.Add(time.Hour)
	for i := range 3 {
		r.Observe(slo.Good, 0)
		r.Tick(morning.Add(time.Duration(i) * time.Second))
		require.NoError(t, r.Flush(t.Context()))
		require.Equal(t, slo.Count{Good: int64(i + 1), Valid: int64(i + 1), Open: 1}, counted(t, store, uptime(), morning, later))
	}
	r.Tick(morning.Add(-time.Hour)) // a clock that goes backwards moves nothing
	r.Tick(morning.Add(time.Minute))
	require.NoError(t, r.Flush(t.Context()))
	require.Equal(t, slo.Count{Good: 3, Valid: 3}, counted(t, store, uptime(), morning, later))
	again := recorder(t, store, nil, uptime()) // a process that starts in the same minute
	again.Tick(morning)
	again.Observe(slo.Bad, 0)
	require.NoError(t, again.Flush(t.Context()))
	require.Equal(t, slo.Count{Good: 3, Valid: 4, Open: 1}, counted(t, store, uptime(), morning, later))
}

func TestMinutesWaitWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	store := &away{MemoryStore: slo.NewMemoryStore(nil), gone: true}
	r := recorder(t, store, &slo.RecorderOptions{MaxPending: 3}, uptime())
	for i := range 6 {
		r.Tick(morning.Add(time.Duration(i) * time.Minute))
		r.Observe(slo.Good, 0)
		err := r.Flush(t.Context())
		require.ErrorIs(t, err, tenon.ErrUnavailable)
	}
	s := r.Stats()
	require.Equal(t, 3, s.Pending)
	require.EqualValues(t, 2, s.Dropped)
	require.Equal(t, morning.Add(2*time.Minute), s.Oldest)
	require.EqualValues(t, 6, s.Failed)
	require.NotEmpty(t, s.LastError)
	store.set(false, false)
	require.NoError(t, r.Flush(t.Context()))
	require.Equal(t, slo.Count{Good: 4, Valid: 4, Open: 1}, counted(t, store, uptime(), morning, morning.Add(time.Hour)))
	require.Empty(t, r.Stats().LastError)
}

func TestRunSamplesTheGaugeAndDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := slo.NewMemoryStore(nil)
		waited, calls := 30*time.Second, 0
		gauge := func(context.Context) (time.Duration, error) {
			if calls++; calls == 3 {
				return 0, errors.New("the queue does not answer")
			}
			waited += 10 * time.Second // nothing comes out
			return waited, nil
		}
		begin := time.Now()
		r := recorder(t, store, &slo.RecorderOptions{Gauge: gauge}, queueWait())
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		time.Sleep(61 * time.Second)
		cancel()
		require.NoError(t, <-ended)
		// 40, 50, failed, 60, 70, 80, 90: three within a minute.
		require.Equal(t, slo.Count{Good: 3, Valid: 6}, counted(t, store, queueWait(), begin.Add(-time.Minute), begin.Add(time.Hour)))
		require.EqualValues(t, 1, r.Stats().GaugeFailed)
	})
}

func TestRunReturnsWhatItCouldNotStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &away{MemoryStore: slo.NewMemoryStore(nil), gone: true}
		r := recorder(t, store, nil, uptime())
		r.Observe(slo.Good, 0)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		time.Sleep(time.Minute)
		cancel()
		err := <-ended
		require.ErrorIs(t, err, tenon.ErrUnavailable)
		require.ErrorContains(t, err, "1 minutes wait to be stored")
	})
}

func TestARecorderNeedsGoodObjectives(t *testing.T) {
	t.Parallel()
	bad := uptime()
	bad.Target = 0
	for _, objectives := range [][]slo.Objective{nil, {bad}, {uptime(), uptime()}} {
		_, err := slo.NewRecorder(slo.NewMemoryStore(nil), objectives, nil)
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
}

// shifted is a store whose clock is ten minutes ahead of this machine's.
type shifted struct{ *slo.MemoryStore }

func (shifted) Clock(context.Context) (time.Time, error) {
	return time.Now().Add(10 * time.Minute), nil
}

func TestMinutesAreTheStoresNotTheMachines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := shifted{slo.NewMemoryStore(nil)}
		r := recorder(t, store, nil, uptime())
		begin := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		time.Sleep(30 * time.Second)
		r.Observe(slo.Good, 0)
		time.Sleep(30 * time.Second)
		cancel()
		require.NoError(t, <-ended)
		require.Equal(t, slo.Count{Good: 1, Valid: 1}, counted(t, store, uptime(), begin.Add(10*time.Minute), begin.Add(20*time.Minute)))
		require.Zero(t, counted(t, store, uptime(), begin.Add(-time.Hour), begin.Add(10*time.Minute)))
	})
}

// mute is a store whose clock never answers.
type mute struct{ *slo.MemoryStore }

func (mute) Clock(ctx context.Context) (time.Time, error) {
	<-ctx.Done()
	return time.Time{}, ctx.Err()
}

func TestAClockOrAGaugeThatDoesNotAnswerKeepsNoMinuteFromTurning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := mute{slo.NewMemoryStore(nil)}
		deaf := func(ctx context.Context) (time.Duration, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}
		r := recorder(t, store, &slo.RecorderOptions{Gauge: deaf}, uptime())
		begin := time.Now().Truncate(time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		time.Sleep(30 * time.Second)
		for range 3 {
			r.Observe(slo.Good, 0)
			time.Sleep(time.Minute)
		}
		for i := range 3 {
			at := begin.Add(time.Duration(i) * time.Minute)
			require.Equal(t, int64(1), counted(t, store, uptime(), at, at.Add(time.Minute)).Valid)
		}
		cancel()
		require.NoError(t, <-ended)
	})
}

func TestAClockThatIsSetBackHidesNothing(t *testing.T) {
	t.Parallel()
	store := slo.NewMemoryStore(nil)
	r := recorder(t, store, nil, uptime())
	for _, at := range []time.Duration{0, 10 * time.Minute, 0, time.Minute, 0, 10 * time.Minute} { // one minute back is none
		r.Tick(morning.Add(at))
		r.Observe(slo.Good, 0)
	}
	require.NoError(t, r.Flush(t.Context()))
	in := func(minute time.Duration) slo.Count {
		at := morning.Add(minute)
		return counted(t, store, uptime(), at, at.Add(time.Minute))
	}
	require.Equal(t, []int64{2, 2, 2}, []int64{in(0).Valid, in(time.Minute).Valid, in(10 * time.Minute).Valid})
}
