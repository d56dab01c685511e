// Package notifytest proves notifiers and stores of package notify, and helps hosts to test with them.
//
// A store passes [TestStore], which states the rules that [notify.Store] and [notify.Reviewer] promise, one subtest a
// rule. A notifier passes [TestNotifier].
//
//	func TestStore(t *testing.T) {
//		notifytest.TestStore(t, func(t *testing.T) notify.Store { return mystore.New(database(t)) })
//	}
//
// The factory may give the same database each time: every rule uses tenants and destinations of its own. Pruning is
// tried with times in the past that nobody else uses.
//
// A host that tests its own service takes a [Notifier], which remembers what it was told.
package notifytest
