// Package entitlementstest proves stores of package entitlements and helps hosts to test with them.
//
// A store passes [TestStore], [TestNotifications], [TestChanges] and [TestModel]. The first three state the rules that
// [entitlements.Store] and [entitlements.Reporter] promise, one subtest a rule. The last plays random sequences against a
// reference that keeps every event and recomputes everything each time.
//
//	func TestStore(t *testing.T) {
//		entitlementstest.TestStore(t, func(t *testing.T) entitlements.Store { return mystore.New(database(t)) })
//	}
//
// The factory is called once for each subtest, and may give the same database each time: every subtest uses tenants of
// its own, and all share the one [Catalog]. Nobody else may declare another catalogue in that database meanwhile.
//
// A host that tests its own service takes a [Gate], which has a plan for each tenant and needs no database, and a
// [Notifier] and a [Recorder], which remember what they were told.
package entitlementstest
