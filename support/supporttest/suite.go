package supporttest

import (
	"testing"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/support"
)

// rule is one promise and how it is tried.
type rule struct {
	name string
	says string // the promise, printed when it is broken
	run  func(r *rig)
}

// group is rules about one thing.
type group struct {
	name  string
	rules []rule
}

// TestStore checks that empty stores, which tell the notifier and the recorder that newStore is handed, keep what
// [support.Store] promises, and what [support.TimerReviewer] promises where they implement it.
func TestStore(t *testing.T, newStore func(t *testing.T, n tenon.Notifier, r tenon.Recorder) support.Store) {
	for _, g := range []group{ticketRules, clockRules, ladderRules, ruleRules, timerRules, runRules, tourRules, findingRules} {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			for _, one := range g.rules {
				t.Run(one.name, func(t *testing.T) {
					t.Parallel()
					t.Cleanup(func() {
						if t.Failed() {
							t.Log("the rule: " + one.says)
						}
					})
					heard := &ears{}
					one.run(&rig{t: t, store: newStore(t, heard, heard), heard: heard, now: noon})
				})
			}
		})
	}
}
