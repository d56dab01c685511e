package directorytest

import (
	"testing"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/internal/conform"
)

// rule is one promise and how it is tried.
type rule conform.Rule[*rig]

// group is rules about one thing.
type group struct {
	name  string
	rules []rule
}

// TestStore checks that the empty stores that newStore gives keep what [directory.Store] promises, and what
// [directory.Digester] promises where they implement it.
func TestStore(t *testing.T, newStore func(t *testing.T) directory.Store) {
	for _, g := range []group{
		partnerRules, draftRules, invitationRules, fileRules, hiddenRules, searchRules, paperRules, badInputRules,
	} {
		conform.Test(t, g.name, g.rules, func(t *testing.T) *rig { return newRig(t, newStore(t), nil) })
	}
}

// TestEffects checks that empty stores, which tell the notifier and the recorder that newStore is handed, keep what
// [directory.Store] promises about what is told.
func TestEffects(t *testing.T, newStore func(t *testing.T, n tenon.Notifier, r tenon.Recorder) directory.Store) {
	for _, g := range []group{effectRules, alertRules} {
		conform.Test(t, g.name, g.rules, func(t *testing.T) *rig {
			heard := &ears{}
			return newRig(t, newStore(t, heard, heard), heard)
		})
	}
}
