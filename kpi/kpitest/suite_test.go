package kpitest_test

import (
	"testing"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpitest"
)

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	kpitest.TestStore(t, func(*testing.T) kpi.Store { return kpi.NewMemoryStore(nil) })
}

func TestMemoryStoreTells(t *testing.T) {
	t.Parallel()
	kpitest.TestEffects(t, func(_ *testing.T, n tenon.Notifier, r tenon.Recorder) kpi.Store {
		return kpi.NewMemoryStore(&kpi.MemoryOptions{Notifier: n, Recorder: r})
	})
}
