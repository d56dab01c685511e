package supporttest_test

import (
	"testing"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supporttest"
)

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	supporttest.TestStore(t, func(_ *testing.T, n tenon.Notifier, r tenon.Recorder) support.Store {
		return support.NewMemoryStore(&support.MemoryOptions{Notifier: n, Recorder: r})
	})
}
