// Package supportpg keeps package support in Postgres, in schema tenon (migrations.Support).
//
//	store := supportpg.New(pool, &supportpg.Options{
//		Notifier: func(tx pgx.Tx) tenon.Notifier { return notifypg.New(tx, nil) },
//	})
//	desk := support.NewDesk(store)
//	timers, err := support.NewTimers(store, desk.Work(), nil)
//
// In the caller's own transaction a ticket, or a timer, is written with what it belongs to, or not at all:
//
//	bound := timers.WithStore(supportpg.New(tx, nil))
//	err := bound.Schedule(ctx, support.Timer{TimerRef: support.TimerRef{Tenant: "acme", Key: "invoice/17"}, At: at, Kind: "remind"})
//
// A handler writes in the transaction that ends its timer:
//
//	"remind": {Each: supportpg.Each(func(ctx context.Context, tx pgx.Tx, t support.Timer) error {
//		_, err := tx.Exec(ctx, "insert into reminders …", t.Key)
//		return err
//	})},
//
// # Timers
//
// A claim marks the oldest timers that are due with "for update skip locked" and commits, without waiting for the disk:
// a mark that is lost is made again. The work is another transaction. It runs the handlers and then deletes the timers
// that still carry the mark; if one does not, since it was cancelled, moved, or claimed by somebody else when the lease
// was over, everything is undone. So the effects of a handler and the end of its timer are one, whatever dies when.
// While handlers run, no timer is locked; a host may lock its own rows and then schedule or cancel, as handlers do.
//
// Due times and leases are compared with the database's clock. A timer's row is written once when it is scheduled, once
// in place when it is claimed, and deleted; autovacuum should follow closely where many fire.
//
// # Locks
//
// A change of a ticket shares an advisory lock with the others, which a change of the rules takes alone; then it locks
// the ticket's row, then timers in key order. A change of a finding locks its row, then its timer. Last come the host's
// recorder and notifier. A worker locks timers after whatever its handlers lock.
//
// # Roles
//
// Under row level security the app role works on the tickets, timers, tours and findings of its own tenant and reads the
// rules; changing the rules, and running timers, is for the worker role. Timers refuse to run with a role that does not
// see every tenant.
//
// # Failure
//
// An error of the class tenon.ErrUnavailable means that Postgres, not the statement, is at fault, and a write may have
// happened. A transaction that lost a race for locks runs again, except in a caller's transaction, whose 40001 and 40P01
// are the caller's to handle.
//
// Everything works through PgBouncer in transaction mode when the pool's exec mode prepares no named statements
// (pgx.QueryExecModeExec). A call holds one connection, and none while it waits for another.
package supportpg
