package flagstest_test

import (
	"testing"

	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagstest"
)

var rates = flags.Bool("rates", true)

// TestWithoutRates shows how a host's test asks for a value, in parallel with tests that ask for another.
func TestWithoutRates(t *testing.T) {
	t.Parallel()
	set := flagstest.Set(t, flags.Definition{Key: "rates", Type: flags.TypeBool, Default: "on"})
	without := flagstest.With(t, set, rates, false)
	if rates.On(t.Context(), without) || !rates.On(t.Context(), set) {
		t.Fatal("the set of one test is not that of another")
	}
}
