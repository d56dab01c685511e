package directorytest_test

import (
	"testing"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directorytest"
)

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	directorytest.TestStore(t, func(*testing.T) directory.Store { return directory.NewMemoryStore(nil) })
}

func TestMemoryStoreTells(t *testing.T) {
	t.Parallel()
	directorytest.TestEffects(t, func(_ *testing.T, n tenon.Notifier, r tenon.Recorder) directory.Store {
		return directory.NewMemoryStore(&directory.MemoryOptions{Notifier: n, Recorder: r})
	})
}
