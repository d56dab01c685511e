package entitlementstest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/transbotai/tenon/entitlements"
)

// TestModel plays a random sequence of use, holds, corrections, grants and changes of rights against the store and
// against a reference, which keeps every event and hold and recomputes every balance from them each time. Every answer
// must agree, and at the end the counters, the grants and what Reconcile finds. The same seed and steps make the same
// sequence. It is played three times, each with a tenant of its own: one operation a call, several operations a call, and
// every operation sent twice, which must change nothing.
//
// A sequence that fails is made shorter as long as it fails, and printed.
func TestModel(t *testing.T, newStore func(t *testing.T) entitlements.Store, seed int64, steps int) {
	script := newScript(seed, steps)
	for _, way := range []struct {
		name string
		way  way
	}{{"one_by_one", oneByOne}, {"in_pieces", inPieces}, {"each_twice", eachTwice}} {
		t.Run(way.name, func(t *testing.T) {
			store := newStore(t)
			prepare(t, store)
			fault := play(t, store, script, way.way)
			if fault == nil {
				return
			}
			shortest := shrink(t, store, script, way.way)
			t.Fatalf("seed %d: %v\nthe shortest sequence found (of %d steps):\n%s\nwhich gives: %v",
				seed, fault, len(shortest), tell(shortest), play(t, store, shortest, way.way))
		})
	}
}

// way is how a sequence is sent to the store.
type way int

const (
	oneByOne way = iota
	inPieces
	eachTwice
)

// play plays script to a new tenant and says where store and reference differ.
func play(t *testing.T, store entitlements.Store, script []step, w way) error {
	p, err := newPlayer(t, store, w)
	if err != nil {
		return err
	}
	for i, s := range script {
		if err := p.play(s); err != nil {
			return fmt.Errorf("step %d, %s: %w", i, s, err)
		}
	}
	if err := p.flush(); err != nil {
		return err
	}
	return p.finish()
}

// shrink leaves steps out as long as the rest still fails. It gives up after some hundred tries.
func shrink(t *testing.T, store entitlements.Store, script []step, w way) []step {
	tries := 400
	for size := len(script) / 2; size > 0; size /= 2 {
		for from := 0; from < len(script) && tries > 0; tries-- {
			shorter := slices.Concat(script[:from], script[min(from+size, len(script)):])
			if play(t, store, shorter, w) != nil {
				script = shorter
			} else {
				from += size
			}
		}
	}
	return script
}

func tell(script []step) string {
	var b strings.Builder
	for i, s := range script {
		fmt.Fprintf(&b, "%4d  %s\n", i, s)
	}
	return b.String()
}

// newScript makes a sequence from a seed.
func newScript(seed int64, steps int) []step {
	r := rand.New(rand.NewPCG(uint64(seed), 0x7e0))
	script := make([]step, steps)
	for i := range script {
		script[i] = newStep(r)
	}
	return script
}
