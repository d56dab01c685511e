package kpitest_test

import (
	"testing"

	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpitest"
)

func ExampleTestStore() {
	_ = func(t *testing.T) {
		kpitest.TestStore(t, func(*testing.T) kpi.Store { return kpi.NewMemoryStore(nil) })
	}
}
