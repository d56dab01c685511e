package kpi_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/kpi"
)

func newBatcher(s kpi.Store, opts *kpi.BatcherOptions) *kpi.Batcher {
	return kpi.NewBatcher(kpi.NewTracker(s, nil), opts)
}

// running starts Run, and returns what ends it.
func running(t *testing.T, b *kpi.Batcher) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

func send(t *testing.T, b *kpi.Batcher, n int) {
	t.Helper()
	for range n {
		require.NoError(t, b.Send(t.Context(), event("e", "ann", time.Time{})))
	}
}

func left(t *testing.T, dir, ending string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+ending))
	require.NoError(t, err)
	return names
}

func TestWhatIsSentIsWrittenInBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTroubled()
		b := newBatcher(s, &kpi.BatcherOptions{MaxBatch: 100, Writers: 1})
		stop := running(t, b)
		send(t, b, 250)
		time.Sleep(time.Second)
		require.Equal(t, int64(250), s.counted(t, "e"))
		require.Equal(t, 3, s.calls)
		send(t, b, 7)
		require.NoError(t, stop(), "what is left is written when Run ends")
		require.Equal(t, int64(257), s.counted(t, "e"))
		require.Equal(t, int64(257), b.Stats().Stored)
		require.ErrorIs(t, b.Send(t.Context(), event("e", "", time.Time{})), kpi.ErrStopped)
		_, err := b.Track(t.Context(), event("e", "", time.Time{}))
		require.ErrorIs(t, err, kpi.ErrStopped)
	})
}

func TestTrackWaitsUntilEventsAreStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTroubled()
		b := newBatcher(s, &kpi.BatcherOptions{Flush: time.Hour})
		stop := running(t, b)
		e := event("e", "ann", time.Time{})
		e.Key = "k"
		receipts, err := b.Track(t.Context(), e, event("e", "bob", time.Time{}))
		require.NoError(t, err)
		require.Equal(t, kpi.Accepted, receipts[1].Outcome)
		again, err := b.Track(t.Context(), e)
		require.NoError(t, err)
		require.Equal(t, kpi.Receipt{Outcome: kpi.Duplicate, ID: receipts[0].ID}, again[0])
		none, err := b.Track(t.Context())
		require.NoError(t, err)
		require.Empty(t, none)
		require.Equal(t, int64(2), s.counted(t, "e"))
		require.NoError(t, stop())
	})
}

func TestABatchWhoseAnswerWasLostCountsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTroubled()
		b := newBatcher(s, nil)
		s.be(lossy)
		stop := running(t, b)
		send(t, b, 20)
		time.Sleep(5 * time.Second)
		require.NotEmpty(t, b.Stats().LastError)
		s.be(well)
		time.Sleep(5 * time.Second)
		require.Equal(t, int64(20), s.counted(t, "e"))
		require.NoError(t, stop())
		require.Equal(t, int64(20), s.counted(t, "e"))
	})
}

func TestAFullBatcherSlowsDownOrRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTroubled()
		s.be(away)
		waits, fails := newBatcher(s, &kpi.BatcherOptions{MaxPending: 3}), newBatcher(s, &kpi.BatcherOptions{MaxPending: 3, Full: kpi.Fail})
		spills := newBatcher(s, &kpi.BatcherOptions{MaxPending: 3, Full: kpi.Spill})
		for _, b := range []*kpi.Batcher{waits, fails, spills} {
			send(t, b, 3)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		err := waits.Send(ctx, event("e", "", time.Time{}))
		require.ErrorIs(t, err, kpi.ErrFull)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Minute, time.Since(began))
		require.ErrorIs(t, fails.Send(t.Context(), event("e", "", time.Time{})), kpi.ErrFull)
		require.ErrorIs(t, spills.Send(t.Context(), event("e", "", time.Time{})), kpi.ErrFull, "there is no spool")
		require.Equal(t, int64(1), fails.Stats().Full)
		s.be(well)
		sent := make(chan error, 1)
		go func() { sent <- waits.Send(t.Context(), event("e", "", time.Time{})) }()
		synctest.Wait()
		stop := running(t, waits)
		require.NoError(t, <-sent, "there is room again")
		require.NoError(t, stop())
		require.Equal(t, int64(4), s.counted(t, "e"))
	})
}

func TestRunReturnsWhatItCouldNotWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTroubled()
		s.be(away)
		b := newBatcher(s, &kpi.BatcherOptions{MaxBatch: 10, Drain: 3 * time.Second})
		stop := running(t, b)
		send(t, b, 25)
		tracked := make(chan error, 1)
		go func() {
			_, err := b.Track(t.Context(), event("e", "waits", time.Time{}))
			tracked <- err
		}()
		synctest.Wait()
		began := time.Now()
		err := stop()
		require.Equal(t, 3*time.Second, time.Since(began))
		var unwritten *kpi.UnwrittenError
		require.ErrorAs(t, err, &unwritten)
		require.ErrorIs(t, err, tenon.ErrUnavailable)
		require.Len(t, unwritten.Events, 26)
		require.ErrorContains(t, err, "26 events were not written: ")
		require.ErrorIs(t, <-tracked, tenon.ErrUnavailable)
		s.be(well)
		_, err = kpi.NewTracker(s, nil).Track(t.Context(), unwritten.Events...)
		require.NoError(t, err)
		require.Equal(t, int64(26), s.counted(t, "e"))
	})
}

func TestWhileTheStoreIsAwayEventsGoToTheSpool(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, dir := newTroubled(), filepath.Join(t.TempDir(), "made", "when needed")
		s.be(away)
		b := newBatcher(s, &kpi.BatcherOptions{SpoolDir: dir, MaxPending: 5, Full: kpi.Spill})
		send(t, b, 9) // four do not fit
		stop := running(t, b)
		e := event("e", "ann", noon)
		e.At, e.Properties = time.Now().Add(-time.Hour), map[string]any{"lane": "a → b\n", "n": 1.5, "list": []int{1}}
		receipts, err := b.Track(t.Context(), e)
		require.NoError(t, err)
		require.Equal(t, kpi.Spooled, receipts[0].Outcome)
		time.Sleep(time.Hour)
		require.Zero(t, s.counted(t, "e"))
		require.Equal(t, int64(10), b.Stats().Spool)
		info, err := os.Stat(left(t, dir, ".spool")[0])
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		s.be(well)
		time.Sleep(5 * time.Second)
		require.Equal(t, int64(10), s.counted(t, "e"))
		require.Zero(t, b.Stats().Spool)
		require.NoError(t, stop())
		require.Empty(t, left(t, dir, ""))
	})
}

func TestTheSpoolOfADeadProcessIsStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, dir := newTroubled(), t.TempDir()
		s.be(away)
		b := newBatcher(s, &kpi.BatcherOptions{SpoolDir: dir})
		stop := running(t, b)
		_, err := b.Track(t.Context(), event("e", "ann", time.Time{}), event("e", "bob", time.Time{}))
		require.NoError(t, err)
		require.NoError(t, stop(), "what is in the spool is safe")
		file := left(t, dir, ".spool")[0]
		lines, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, slices.Concat(lines, lines[:len(lines)/3], []byte("\nnoise\n")), 0o600))
		s.be(well)
		require.NoError(t, running(t, newBatcher(s, &kpi.BatcherOptions{SpoolDir: dir}))())
		require.Equal(t, int64(2), s.counted(t, "e"))
		require.Empty(t, left(t, dir, ".spool"))
		require.Len(t, left(t, dir, ".refused"), 1, "what is torn is kept for a person")
	})
}

func TestAnEventThatTheStoreRefusesIsKeptAside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTroubled()
		s.be(choosy)
		b := newBatcher(s, nil)
		stop := running(t, b)
		send(t, b, 5)
		receipts, err := b.Track(t.Context(), event("poison", "", time.Time{}), event("e", "", time.Time{}))
		require.NoError(t, err)
		require.Equal(t, []kpi.Outcome{kpi.Quarantined, kpi.Accepted}, []kpi.Outcome{receipts[0].Outcome, receipts[1].Outcome})
		kept, err := kpi.NewTracker(s, nil).Quarantined(t.Context(), kpi.AsideQuery{})
		require.NoError(t, err)
		require.Len(t, kept, 1)
		require.Contains(t, kept[0].Reason, "poison")
		s.be(deaf)
		require.NoError(t, b.Send(t.Context(), event("poison", "", time.Time{})))
		send(t, b, 5)
		var unwritten *kpi.UnwrittenError
		require.ErrorAs(t, stop(), &unwritten)
		require.Len(t, unwritten.Events, 1)
		require.Equal(t, int64(1), b.Stats().Lost)
		require.Equal(t, int64(11), s.counted(t, "e"))
	})
}

func TestBadEventsAreRefusedWhenTheyAreSent(t *testing.T) {
	t.Parallel()
	b := newBatcher(newTroubled(), nil)
	require.ErrorIs(t, b.Send(t.Context(), event("", "", time.Time{})), tenon.ErrInvalid)
	_, err := b.Track(t.Context(), event("e", "", time.Now().Add(48*time.Hour)))
	require.ErrorIs(t, err, tenon.ErrInvalid)
	require.Zero(t, b.Stats().Pending)
}

// Batchers write while the store comes and goes, and others replay the folder: every event is there once.
func TestBatchersShareAFolder(t *testing.T) {
	t.Parallel()
	s, dir := newTroubled(), t.TempDir()
	var batchers []*kpi.Batcher
	var stops []func() error
	for range 3 {
		b := newBatcher(s, &kpi.BatcherOptions{SpoolDir: dir, Retry: time.Millisecond, MaxBatch: 7, MaxPending: 20, Flush: -1})
		batchers, stops = append(batchers, b), append(stops, running(t, b))
	}
	s.be(moody)
	var writers sync.WaitGroup
	var failed atomic.Int64
	for _, b := range batchers {
		for w := range 3 {
			writers.Go(func() {
				for i := range 60 {
					if _, err := b.Track(t.Context(), event("e", fmt.Sprint(w, i), time.Time{})); err != nil {
						failed.Add(1)
					}
				}
			})
		}
	}
	writers.Wait()
	s.be(well)
	for _, stop := range stops {
		require.NoError(t, stop())
	}
	require.NoError(t, running(t, newBatcher(s, &kpi.BatcherOptions{SpoolDir: dir}))())
	require.Zero(t, failed.Load())
	require.Equal(t, int64(540), s.counted(t, "e"))
	require.Empty(t, left(t, dir, ""))
}

func TestAFolderThatCannotBeWrittenKeepsEventsInMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, file := newTroubled(), filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		s.be(away)
		b := newBatcher(s, &kpi.BatcherOptions{SpoolDir: filepath.Join(file, "below"), Drain: time.Second})
		stop := running(t, b)
		send(t, b, 4)
		time.Sleep(time.Minute)
		s.be(well)
		time.Sleep(time.Minute)
		require.Equal(t, int64(4), s.counted(t, "e"))
		err := stop()
		var unwritten *kpi.UnwrittenError
		require.True(t, err == nil || errors.As(err, &unwritten) && len(unwritten.Events) == 0, err)
	})
}
