// Package ratelimittest proves stores of package ratelimit, and limiters.
//
// A store passes [TestStore]: rules, each a subtest that prints the promise when it is broken, and random sequences of
// operations whose outcomes must be those of [ratelimit.MemoryStore] to the microsecond.
//
//	func TestStore(t *testing.T) {
//		ratelimittest.TestStore(t, func(t *testing.T, now func() time.Time) ratelimit.Store {
//			return mystore.New(database(t), &mystore.Options{Now: now})
//		})
//	}
//
// The factory is called once for each subtest, and may give the same database each time: every subtest uses keys of its
// own. The store must use now in place of its server's clock.
//
// [Patterns] are ways in which calls arrive, and [Worst] finds the worst of all windows in what was let through.
package ratelimittest
