package gdprtest_test

import (
	"testing"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprtest"
)

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	gdprtest.TestStore(t, func(*testing.T) gdpr.Store { return gdpr.NewMemoryStore(nil) })
}

func TestDeskOverMemoryStore(t *testing.T) {
	t.Parallel()
	gdprtest.TestDesk(t, func(_ *testing.T, n tenon.Notifier, r tenon.Recorder) gdpr.Store {
		return gdpr.NewMemoryStore(&gdpr.MemoryOptions{Notifier: n, Recorder: r})
	})
}
