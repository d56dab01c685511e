// Package kpitest checks that a store keeps what [kpi.Store] promises.
//
//	func TestStore(t *testing.T) {
//		kpitest.TestStore(t, func(t *testing.T) kpi.Store { return mystore.New(t) })
//	}
//
// Each call of the function must return an empty store. Figures are compared with a recount that shares nothing with
// package kpi: it keeps the events in a list and goes through it for every period. A store that keeps rollups should
// implement [Folder], so that they are looked at in every state. The suite imports the standard library, tenon and kpi
// alone. Each case states the rule that it checks.
package kpitest
