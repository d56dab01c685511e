package kpi_test

import (
	"context"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/kpi"
)

func TestASendThatWaitsForRoomIsRefusedWhenRunEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTroubled()
		s.be(away)
		b := newBatcher(s, &kpi.BatcherOptions{MaxPending: 1, Writers: 1, MaxBatch: 1, Drain: time.Second})
		stop := running(t, b)
		send(t, b, 1)
		synctest.Wait() // it is being written, again and again
		send(t, b, 1)
		waits := make(chan error, 1)
		go func() { waits <- b.Send(t.Context(), event("e", "waits", time.Time{})) }()
		synctest.Wait()
		var unwritten *kpi.UnwrittenError
		require.ErrorAs(t, stop(), &unwritten)
		require.ErrorIs(t, <-waits, kpi.ErrStopped)
		require.Len(t, unwritten.Events, 2, "the one that was refused is not among them")
	})
}

func TestOfACallThatGaveUpTheOutcomeIsUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTroubled()
		s.be(away)
		b := newBatcher(s, nil)
		stop := running(t, b)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := b.Track(ctx, event("e", "ann", time.Time{}))
		require.ErrorIs(t, err, tenon.ErrUnavailable)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "unknown")
		s.be(well)
		require.NoError(t, stop())
		require.Equal(t, int64(1), s.counted(t, "e"), "it was stored all the same")
	})
}

// until lets a bubble's time pass until something holds. A child that another test is starting holds a file of the spool
// for a moment, however often it is tried meanwhile.
func until(t *testing.T, holds func() bool) {
	t.Helper()
	for range 100_000 {
		if holds() {
			return
		}
		time.Sleep(time.Second)
	}
	t.Fatal("it never held")
}

func TestAFileOfTheSpoolThatCannotBeReadIsToldAndHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, dir := newTroubled(), t.TempDir()
		require.NoError(t, os.Symlink("0.spool", filepath.Join(dir, "0.spool"))) // leads to itself
		s.be(away)
		b := newBatcher(s, &kpi.BatcherOptions{SpoolDir: dir})
		stop := running(t, b)
		send(t, b, 3)
		time.Sleep(time.Minute)
		require.Equal(t, int64(3), b.Stats().Spool)
		s.be(well)
		until(t, func() bool { return s.counted(t, "e") == 3 })
		err := stop()
		var unwritten *kpi.UnwrittenError
		require.ErrorAs(t, err, &unwritten)
		require.Empty(t, unwritten.Events)
		require.ErrorContains(t, err, "0.spool")
	})
}

// fussy is a store that refuses events of some names whatever they are, and says which.
type fussy struct{ *troubled }

func (s fussy) Track(ctx context.Context, entries []kpi.Entry) ([]kpi.Receipt, error) {
	s.mu.Lock()
	now := s.state
	s.mu.Unlock()
	for _, e := range entries {
		if now == well && strings.HasPrefix(e.Event.Name, "poison") {
			return nil, fmt.Errorf("no %s: %w", e.Event.Name, tenon.ErrInvalid)
		}
	}
	return s.troubled.Track(ctx, entries)
}

func TestWhatTheStoreRefusesFromTheSpoolIsKeptWithItsOwnReason(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, dir := newTroubled(), t.TempDir()
		s.be(away)
		b := kpi.NewBatcher(kpi.NewTracker(fussy{s}, nil), &kpi.BatcherOptions{SpoolDir: dir, Writers: 1})
		stop := running(t, b)
		for _, name := range []string{"poison-1", "e", "poison-2"} {
			require.NoError(t, b.Send(t.Context(), event(name, "", time.Time{})))
		}
		time.Sleep(time.Minute)
		s.be(well)
		until(t, func() bool { return len(left(t, dir, ".spool")) == 0 })
		require.NoError(t, stop())
		require.Equal(t, int64(2), b.Stats().Lost)
		require.Equal(t, int64(1), s.counted(t, "e"))
		require.Empty(t, left(t, dir, ".spool"))
		kept, err := os.ReadFile(left(t, dir, ".refused")[0])
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSpace(string(kept)), "\n")
		require.Len(t, lines, 2)
		for i, name := range []string{"poison-1", "poison-2"} {
			require.Contains(t, lines[i], `"name":"`+name+`"`)
			require.Contains(t, lines[i], "no "+name)
		}
	})
}

func TestALineOfTheSpoolThatIsNoEventIsKeptAside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, dir := newTroubled(), t.TempDir()
		body := `{"id":"018f0000-0000-7000-8000-000000000001","tenant":"acme","name":"e","properties":[7]}`
		line := fmt.Sprintf("%08x %s\n", crc32.ChecksumIEEE([]byte(body)), body)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "old.spool"), []byte(line), 0o600))
		stop := running(t, newBatcher(s, &kpi.BatcherOptions{SpoolDir: dir}))
		until(t, func() bool { return len(left(t, dir, ".spool")) == 0 })
		require.NoError(t, stop())
		require.Zero(t, s.counted(t, "e"))
		kept, err := os.ReadFile(left(t, dir, ".refused")[0])
		require.NoError(t, err)
		require.Contains(t, string(kept), `"properties":[7]`)
	})
}

func TestNegativeOptionsMeanTheDefaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTroubled()
		s.be(away)
		tracker := kpi.NewTracker(s, &kpi.TrackerOptions{Timeout: -1})
		b := kpi.NewBatcher(tracker, &kpi.BatcherOptions{SpoolDir: t.TempDir(), Retry: -1, Drain: -1, MaxPending: -1, MaxBatch: -1, Writers: -1})
		stop := running(t, b)
		require.NoError(t, b.Send(t.Context(), event("e", "", time.Time{})))
		time.Sleep(time.Minute)
		s.be(well)
		until(t, func() bool { return s.counted(t, "e") == 1 })
		require.NoError(t, stop())

		goals := kpi.NewBoard(s, &kpi.BoardOptions{Every: -1, Timeout: -1})
		ctx, cancel := context.WithTimeout(t.Context(), 11*time.Minute)
		defer cancel()
		require.NoError(t, goals.Run(ctx))
		require.EqualValues(t, 3, goals.Stats().Evaluations)
		require.Zero(t, goals.Stats().Failed)
	})
}
