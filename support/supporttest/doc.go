// Package supporttest checks that a store keeps what [support.Store] promises.
//
//	func TestStore(t *testing.T) {
//		supporttest.TestStore(t, func(t *testing.T, n tenon.Notifier, r tenon.Recorder) support.Store {
//			return mystore.New(t, n, r)
//		})
//	}
//
// Each call of the function must return an empty store, since rules concern all of it. The suite imports the standard
// library, tenon and support alone. Each case states the rule that it checks.
package supporttest
