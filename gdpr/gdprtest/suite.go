package gdprtest

import (
	"testing"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/internal/conform"
)

// rule is one promise and how it is tried.
type rule conform.Rule[*rig]

// group is rules about one thing.
type group struct {
	name  string
	rules []rule
}

// TestStore checks that the empty stores that newStore gives keep what [gdpr.Store] promises.
func TestStore(t *testing.T, newStore func(t *testing.T) gdpr.Store) {
	for _, g := range []group{caseRules, listRules, claimRules} {
		conform.Test(t, g.name, g.rules, func(t *testing.T) *rig { return newRig(t, newStore(t), nil) })
	}
}

// TestDesk checks that a [gdpr.Desk] over empty stores, which tell the notifier and the recorder that newStore is handed,
// sees requests through.
func TestDesk(t *testing.T, newStore func(t *testing.T, n tenon.Notifier, r tenon.Recorder) gdpr.Store) {
	for _, g := range []group{effectRules, askRules, dueRules, holdRules, dropRules, erasureRules, exportRules, leftRules, linkRules} {
		conform.Test(t, g.name, g.rules, func(t *testing.T) *rig {
			heard := &ears{}
			return newRig(t, newStore(t, heard, heard), heard)
		})
	}
}
