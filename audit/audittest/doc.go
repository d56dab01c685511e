// Package audittest proves stores of package audit.
//
// A store passes [TestStore], which states the rules that [audit.Store] and the interfaces beside it promise, one subtest
// a rule; those of an interface that the store does not have are left out:
//
//	func TestStore(t *testing.T) {
//		audittest.TestStore(t, func(t *testing.T) audit.Store { return mystore.New(database(t)) })
//	}
//
// The factory is called once for each subtest and gives an empty store each time, since a tree is over all tenants.
package audittest
