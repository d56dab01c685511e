//go:build unix

package entitlements_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

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
