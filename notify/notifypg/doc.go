// Package notifypg keeps package notify's outbox in Postgres, in schema tenon (migrations.Notify).
//
//	outbox := notify.NewOutbox(notifypg.New(pool, nil), map[string]tenon.Notifier{"default": webhook}, nil)
//	go outbox.Run(ctx) // delivers, prunes
//
// In the caller's own transaction a notification commits with its cause, or not at all:
//
//	err := notifypg.New(tx, nil).Notify(ctx, n)
//
// A package that causes notifications takes such a notifier by a function of its transaction:
//
//	&entitlementspg.Options{Notifier: func(tx pgx.Tx) tenon.Notifier { return notifypg.New(tx, nil) }}
//
// # Delivery
//
// A worker queues what is new, one worker at a time for each destination, in the order in which it was written. A claim
// leases groups with "for update skip locked" and reads the first entry of each; the lease, not a lock, keeps others
// away while the entry is delivered, so that no lock and no connection is held meanwhile. Due times and leases are
// compared with the database's clock. The work of a claim does not grow with the backlog.
//
// Two notifications of one transaction keep their order; so do those of two transactions of which one began after the
// other had committed. Those of transactions that overlap have no order.
//
// # Locks
//
// A write locks no row but its own; two transactions that write the same key wait for each other. Workers lock groups
// in the order of their keys, then entries, for the length of one round trip.
//
// # Roles
//
// Under row level security the app role writes notifications of its own tenant. Those of no tenant, such as a freeze
// of releases, are written by the worker role. Run refuses to start with a role that does not see every tenant.
//
// # Failure
//
// A claim whose answer is lost leaves its groups leased for twice notify.Options.Timeout. A delivery whose settling is
// lost is made again; the receiver tells by the key. 40001 and 40P01 in a caller's transaction are the caller's to
// handle.
package notifypg
