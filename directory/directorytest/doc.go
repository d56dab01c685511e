// Package directorytest checks that a store keeps what [directory.Store] promises.
//
//	func TestStore(t *testing.T) {
//		directorytest.TestStore(t, func(t *testing.T) directory.Store { return mystore.New(t) })
//	}
//
// Each call of the function must return an empty store, since a search concerns all of it. The suite imports the
// standard library, tenon and directory alone. Each case states the rule that it checks.
package directorytest
