// Package slotest checks that a store keeps what [slo.Store] promises.
//
//	func TestStore(t *testing.T) {
//		slotest.TestStore(t, func(t *testing.T) slo.Store { return mystore.New(t) })
//	}
//
// Each call of the function must return an empty store, since objectives and freezes concern all of it. The suite
// imports the standard library, tenon and slo alone. Each case states the rule that it checks.
package slotest
