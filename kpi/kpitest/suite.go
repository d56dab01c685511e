package kpitest

import (
	"context"
	"testing"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/kpi"
)

// Folder is what a store offers whose rollups are made some time after the events were tracked.
type Folder interface {
	// Fold makes the rollups of all that was tracked before.
	Fold(ctx context.Context) error
}

// rule is one promise and how it is tried.
type rule conform.Rule[*rig]

// group is rules about one thing.
type group struct {
	name  string
	rules []rule
}

// TestStore checks that the empty stores that newStore gives keep what [kpi.Store] promises, and what [kpi.Keeper] and
// [kpi.Asides] promise where they implement them.
func TestStore(t *testing.T, newStore func(t *testing.T) kpi.Store) {
	for _, g := range []group{trackRules, filterRules, asideRules, stateRules, streamRules, funnelRules, badInputRules} {
		conform.Test(t, g.name, g.rules, func(t *testing.T) *rig { return newRig(t, newStore(t), nil) })
	}
}

// TestEffects checks that empty stores, which tell the notifier and the recorder that newStore is handed, keep what
// [kpi.Store] promises about what is told.
func TestEffects(t *testing.T, newStore func(t *testing.T, n tenon.Notifier, r tenon.Recorder) kpi.Store) {
	conform.Test(t, effectRules.name, effectRules.rules, func(t *testing.T) *rig {
		heard := &ears{}
		return newRig(t, newStore(t, heard, heard), heard)
	})
}
