package flagstest

import (
	"testing"

	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/internal/conform"
)

// rule is one promise and how it is tried.
type rule conform.Rule[*rig]

// group is rules about one thing.
type group struct {
	name  string
	rules []rule
}

// TestStore checks that the stores that newStore gives keep what [flags.Store] promises, and that a [flags.Set] over
// them does what it does over any.
func TestStore(t *testing.T, newStore func(t *testing.T) flags.Store) {
	for _, g := range []group{loadRules, writeRules, versionRules, markRules, crowdRules, setRules} {
		conform.Test(t, g.name, g.rules, func(t *testing.T) *rig { return newRig(t, newStore(t)) })
	}
}
