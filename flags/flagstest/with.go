package flagstest

import (
	"testing"

	"github.com/transbotai/tenon/flags"
)

// With returns a Set that gives flag always this value and follows set in everything else. Set itself does not change, so
// a test that runs beside sees nothing of it. A nil set is one that knows no flag: the others give their defaults.
func With[T any](t testing.TB, set *flags.Set, flag flags.Typed[T], value T) *flags.Set {
	t.Helper()
	if flag == nil {
		t.Fatal("flagstest: no flag")
	}
	if set == nil {
		set = flags.NewSet(flags.NewMemoryStore(nil), nil)
	}
	return set.Fix(flag.Key(), value)
}

// Set returns a Set with these definitions, loaded, over a [flags.MemoryStore].
func Set(t testing.TB, definitions ...flags.Definition) *flags.Set {
	t.Helper()
	set := flags.NewSet(flags.NewMemoryStore(nil), nil)
	if err := set.Declare(t.Context(), definitions...); err != nil {
		t.Fatalf("flagstest: %v", err)
	}
	if err := set.Load(t.Context()); err != nil {
		t.Fatalf("flagstest: %v", err)
	}
	return set
}
