// Package flagstest proves stores of package flags and helps hosts to test with flags.
//
// A store passes [TestStore] and [TestChanges]. They state the rules that [flags.Store] promises, one subtest a rule:
//
//	func TestStore(t *testing.T) {
//		flagstest.TestStore(t, func(t *testing.T) flags.Store { return mystore.New(database(t)) })
//	}
//
// The factory is called once for each subtest, and may give the same database each time: every rule uses keys of its own
// and leaves others alone.
//
// A host that tests its own service asks for a flag's value with [With], in a Set of its own, so that tests may run in
// parallel:
//
//	set := flagstest.With(t, set, BulkRating, true)
package flagstest
