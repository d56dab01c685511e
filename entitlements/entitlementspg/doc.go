// Package entitlementspg keeps package entitlements in Postgres, in schema tenon (migrations.Entitlements).
//
//	store := entitlementspg.New(pool, &entitlementspg.Options{Listener: listener})
//	gate := entitlements.NewGate(store, nil)
//	go gate.Run(ctx)  // keeps views fresh, counts spooled use
//	go store.Run(ctx) // makes partitions ahead, prunes
//
// In the caller's own transaction a use commits with what it was for:
//
//	d, err := gate.WithStore(entitlementspg.New(tx, nil)).Consume(ctx, use)
//
// # How it is fast
//
// A counter row is sealed: until an instant, and up to a ceiling, any use is allowed, crosses no threshold and draws from
// no grant. Plain uses of all callers of a process that arrive while a batch is in flight are settled by the next one, in
// one round trip and, but for two that come alone, one statement: it locks the counters in key order, claims the keys, and
// writes events and counters. There is no timer, and nothing waits when idle. What a seal does not cover (a limit, a
// threshold, a grant, several windows, a new period, an expired hold) is decided exactly, under the tenant's lock, from
// everything that is stored.
//
// # Locks
//
// The order is the tenant's row of org_entitlements, then its usage_counters in key order, then grants, holds and keys;
// billing_leases in key order come after org_entitlements, and billing_events after them, in a transaction that has both.
// The fast statement takes counters and keys alone, skips counters that somebody has locked, and settles those apart, so
// that one open transaction does not hold up others. A transaction of this package that meets another in the opposite
// order gives way within 300 ms and runs again. In a caller's transaction 40001 and 40P01 are the caller's to handle.
//
// # Connections
//
// Group commits use at most Options.Connections of the pool (4), of which all but one may wait for counters that others
// have locked. Leases and conclusions of billing use one each, and are gathered in the same way. Run uses one. A store
// never asks the pool while it holds a connection. Everything works through PgBouncer in transaction mode when the pool's
// exec mode prepares no named statements (pgx.QueryExecModeExec).
//
// # Failure
//
// An error of the class tenon.ErrUnavailable means that Postgres, not the statement, is at fault. What was acknowledged
// is durable, given synchronous_commit on; what was not may have been written, and the same key tells. A month without a
// partition fails its inserts: [Store.Run] makes three ahead, and Stats shows what is missing. Without Run, planned
// changes of plan and expired holds still decide rightly; only the tables show them late, and keys are never pruned.
package entitlementspg
