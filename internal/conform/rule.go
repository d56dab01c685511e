// Package conform is what the suites in the packages with the suffix test have in common: rules that say what they
// check, and ears that hear what a store tells.
package conform

import (
	"reflect"
	"testing"
)

// Rule is one promise and how it is tried, by a rig that drives what is tested.
type Rule[R any] struct {
	Name string
	Says string // the promise, printed when it is broken
	Run  func(r R)
}

// Try tries the rule.
func (one Rule[R]) Try(t *testing.T, r R) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("the rule: " + one.Says)
		}
	})
	one.Run(r)
}

// Test tries each of a group's rules by a rig of its own, side by side. T is a package's own name for [Rule].
func Test[R any, T ~struct {
	Name string
	Says string
	Run  func(r R)
}](t *testing.T, group string, rules []T, newRig func(t *testing.T) R) {
	t.Run(group, func(t *testing.T) {
		t.Parallel()
		for _, one := range rules {
			rule := Rule[R](one)
			t.Run(rule.Name, func(t *testing.T) {
				t.Parallel()
				rule.Try(t, newRig(t))
			})
		}
	})
}

// Equal fails unless got and want are deeply equal.
func Equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s: %+v, want %+v", what, got, want)
	}
}
