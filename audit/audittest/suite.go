package audittest

import (
	"testing"

	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/internal/conform"
)

// rule is one promise and how it is tried.
type rule conform.Rule[*rig]

// group is rules about one thing.
type group struct {
	name  string
	rules []rule
}

// TestStore checks that the empty stores that newStore gives keep what [audit.Store] promises, and what [audit.Sealer],
// [audit.Notary], [audit.Retainer] and [audit.Cursors] promise where they implement them.
func TestStore(t *testing.T, newStore func(t *testing.T) audit.Store) {
	for _, g := range []group{storeRules, queryRules, redactRules, sealRules, keepRules} {
		conform.Test(t, g.name, g.rules, func(t *testing.T) *rig { return &rig{t: t, store: newStore(t)} })
	}
}
