// Package gdprtest checks that a store keeps what gdpr.Store promises, by itself ([TestStore]) and under a desk
// ([TestDesk]).
//
//	func TestStore(t *testing.T) {
//		gdprtest.TestStore(t, func(t *testing.T) gdpr.Store { return mystore.New(t) })
//	}
//
// It imports the standard library and tenon alone.
package gdprtest
