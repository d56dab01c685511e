package flagstest

import (
	"testing"

	"github.com/transbotai/tenon/flags"
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

// TestStore checks that the stores that newStore gives keep what [flags.Store] promises, and that a [flags.Set] over
// them does what it does over any.
func TestStore(t *testing.T, newStore func(t *testing.T) flags.Store) {
	for _, g := range []group{loadRules, writeRules, versionRules, markRules, crowdRules, setRules} {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			for _, one := range g.rules {
				t.Run(one.name, func(t *testing.T) {
					t.Parallel()
					one.try(newRig(t, newStore(t)))
				})
			}
		})
	}
}

func (one rule) try(r *rig) {
	r.t.Cleanup(func() {
		if r.t.Failed() {
			r.t.Log("the rule: " + one.says)
		}
	})
	one.run(r)
}
