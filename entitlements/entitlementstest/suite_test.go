package entitlementstest_test

import (
	"testing"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	entitlementstest.TestStore(t, func(*testing.T) entitlements.Store { return entitlements.NewMemoryStore(nil) })
}

func TestSharedMemoryStore(t *testing.T) {
	t.Parallel()
	shared := entitlements.NewMemoryStore(nil)
	entitlementstest.TestStore(t, func(*testing.T) entitlements.Store { return shared })
}

// bare has nothing beside what a Store must have.
type bare struct{ entitlements.Store }

func TestAStoreWithoutReportsKeepsWhatItPromises(t *testing.T) {
	t.Parallel()
	entitlementstest.TestStore(t, func(*testing.T) entitlements.Store { return bare{entitlements.NewMemoryStore(nil)} })
}

func TestMemoryStoreNotifies(t *testing.T) {
	t.Parallel()
	entitlementstest.TestNotifications(t, func(_ *testing.T, n tenon.Notifier) entitlements.Store {
		return entitlements.NewMemoryStore(&entitlements.MemoryOptions{Notifier: n})
	})
}

func TestMemoryStoreRecords(t *testing.T) {
	t.Parallel()
	entitlementstest.TestChanges(t, func(_ *testing.T, r tenon.Recorder) entitlements.Store {
		return entitlements.NewMemoryStore(&entitlements.MemoryOptions{Recorder: r})
	})
}

func TestMemoryStoreBills(t *testing.T) {
	t.Parallel()
	entitlementstest.TestBilling(t, func(_ *testing.T, n tenon.Notifier) entitlementstest.BillingStore {
		return entitlements.NewMemoryStore(&entitlements.MemoryOptions{Notifier: n})
	})
}
