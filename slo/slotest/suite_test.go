package slotest_test

import (
	"testing"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slotest"
)

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	slotest.TestStore(t, func(*testing.T) slo.Store { return slo.NewMemoryStore(nil) })
}

func TestMemoryStoreTells(t *testing.T) {
	t.Parallel()
	slotest.TestEffects(t, func(_ *testing.T, n tenon.Notifier, r tenon.Recorder) slo.Store {
		return slo.NewMemoryStore(&slo.MemoryOptions{Notifier: n, Recorder: r})
	})
}
