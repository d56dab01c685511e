package supporttest

import (
	"testing"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/support"
)

// rule is one promise and how it is tried.
type rule conform.Rule[*rig]

// group is rules about one thing.
type group struct {
	name  string
	rules []rule
}

// TestStore checks that empty stores, which tell the notifier and the recorder that newStore is handed, keep what
// [support.Store] promises, and what [support.TimerReviewer] promises where they implement it.
func TestStore(t *testing.T, newStore func(t *testing.T, n tenon.Notifier, r tenon.Recorder) support.Store) {
	for _, g := range []group{ticketRules, clockRules, ladderRules, ruleRules, timerRules, runRules, tourRules, findingRules} {
		conform.Test(t, g.name, g.rules, func(t *testing.T) *rig {
			heard := &ears{}
			return &rig{t: t, store: newStore(t, heard, heard), heard: heard, now: noon}
		})
	}
}
