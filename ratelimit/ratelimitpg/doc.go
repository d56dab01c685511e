// Package ratelimitpg shares the limits of package ratelimit through Postgres, in schema tenon (migrations.Ratelimit),
// for services that have no Redis.
//
//	store := ratelimitpg.New(pool, nil)
//	limiter, err := ratelimit.NewLimiter(&ratelimit.Options{Store: store, Processes: 4}, ratelimit.PerMinute(120))
//	if err != nil {
//		return err
//	}
//	go store.Run(ctx) // removes what has expired
//	d, err := limiter.Take(ctx, ratelimit.Key{Tenant: "acme", Name: "key-1"}, 1)
//
// # One statement
//
// All callers of a process that arrive while a call is under way go together: tenon.settle_ratelimits locks the rows of a
// batch in key order, decides as [ratelimit.Account] does, and writes them, in one statement and one round trip. So
// nothing is locked while a process thinks, and a process that is stopped holds nobody up. Time is the server's
// (clock_timestamp), read when the locks are held.
//
// In the caller's own transaction, what is taken is taken when it commits, and given back when it rolls back:
//
//	outcomes, err := ratelimitpg.New(tx, nil).Settle(ctx, ops)
//
// Others who take under the same key wait until then, so this is for rare and costly things, not for each request.
//
// # Connections
//
// A call uses one connection of the pool, at most ratelimit.Options.Flights at once; Run uses one. Everything works
// through PgBouncer in transaction mode when the pool's exec mode prepares no named statements (pgx.QueryExecModeExec).
//
// # Failure
//
// An error of the class tenon.ErrUnavailable means that Postgres, not the statement, is at fault: what the limit says of
// a store that is away (ratelimit.Away) then holds. A statement that was not answered may have been carried out and is
// not sent again; one that was undone to resolve a deadlock is.
//
// The table is unlogged, since a limit is of the moment: a crash of Postgres, or a failover, forgets what was taken, and
// every window begins anew. So a window that spans a crash may see up to twice its limit. A host that wants to pay for
// more runs "alter table tenon.ratelimits set logged". Without Run, decisions are the same, and the table keeps a row for
// each limit of each key that was ever seen.
package ratelimitpg
