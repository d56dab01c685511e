//go:build unix

package entitlements_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
)

func TestRunSaysHowManyUsesAnotherHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, dir := newTroubled(), t.TempDir()
		g := spooling(t, store, dir)
		spool(t, g, "k", 3)
		crash(t, g)
		store.be(none)
		f, err := os.Open(left(t, dir, ".spool")[0])
		require.NoError(t, err)
		require.NoError(t, syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
		over, end := context.WithCancel(t.Context())
		end()
		began := time.Now()
		err = g.Run(over)
		require.ErrorIs(t, err, tenon.ErrUnavailable)
		require.ErrorContains(t, err, "1 spooled uses are left")
		require.Equal(t, 10*time.Second, time.Since(began), "as long as Run drains")
		require.NoError(t, f.Close())
		require.NoError(t, g.Run(over))
		require.Equal(t, int64(3), store.used(t, "acme", "events"))
	})
}

// A child that is just being started holds for a moment what its parent has open, and with it the lock on a spool.
func TestRunWaitsForWhoHoldsTheSpoolForAMoment(t *testing.T) {
	t.Parallel()
	for range 20 {
		store, dir := newTroubled(), filepath.Join(t.TempDir(), "spool")
		g := spooling(t, store, dir)
		spool(t, g, "k", 3)
		f, err := os.Open(left(t, dir, ".spool")[0])
		require.NoError(t, err)
		store.be(none)
		held := make(chan error, 1)
		go func() {
			err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX) // once the gate lets go
			time.AfterFunc(5*time.Millisecond, func() { _ = f.Close() })
			held <- err
		}()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, g.Run(ctx))
		require.NoError(t, <-held)
		require.Equal(t, int64(3), store.used(t, "acme", "events"))
		require.Empty(t, left(t, dir, ""))
	}
}
