package entitlementstest_test

import (
	"fmt"
	"testing"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

func TestMemoryStoreModel(t *testing.T) {
	t.Parallel()
	for seed := range int64(100) {
		t.Run(fmt.Sprintf("seed_%d", seed), func(t *testing.T) {
			t.Parallel()
			entitlementstest.TestModel(t, func(*testing.T) entitlements.Store { return entitlements.NewMemoryStore(nil) }, seed, 250)
		})
	}
}
