// Package ratelimitredis shares the limits of package ratelimit through Redis 7 or newer, or a Redis Cluster.
//
//	client := redis.NewClient(&redis.Options{Addr: "redis:6379", ContextTimeoutEnabled: true})
//	store := ratelimitredis.New(client, nil)
//	limiter, err := ratelimit.NewLimiter(&ratelimit.Options{Store: store, Processes: 4}, ratelimit.PerMinute(120))
//	if err != nil {
//		return err
//	}
//	d, err := limiter.Take(ctx, ratelimit.Key{Tenant: "acme", Name: "key-1"}, 1)
//
// # One script
//
// All callers of a process that arrive while a call is under way go together, in one run of a script, which decides as
// [ratelimit.Account] does, by the server's clock (TIME), in whole microseconds. A server that does not know the script
// yet, or that was restarted, is sent it once. On a Cluster, and a Ring, the script runs once for each key of a batch, in
// one pipeline for each node: all limits of a key carry the same hash tag, {tenant/name}, so they lie in one slot, and a
// node that is away takes only its own keys with it.
//
// What is counted under a limit is one Redis key, named Options.Prefix, the hash tag, and [ratelimit.Limit.ID]. It
// expires by itself when it counts no more, so there is nothing to clean.
//
// # Failure
//
// An error of the class tenon.ErrUnavailable means that Redis is away: what the limit says of that (ratelimit.Away) then
// holds. A script that was not answered may have run, and a second run would count twice; so it is never sent again,
// whatever the client's MaxRetries. Units of a call that was not answered stay taken until their window has passed.
//
// A caller of a Limiter never waits longer than ratelimit.Options.Timeout. For the connection behind it to be given up as
// soon, set ContextTimeoutEnabled; otherwise it is held until the client's ReadTimeout.
//
// go-redis reports connections that it cannot make through a logger that all clients of a process share, which writes to
// standard error. That is the host's to change: redis.SetLogger, or logging.Disable of go-redis. What it reports comes
// back as an error here as well.
//
// What Redis forgets is taken anew: after FLUSHALL, after a restart without persistence, and after a failover to a
// replica that had not seen the last writes, every window begins from nothing, so that one which spans that instant may
// see up to twice its limit; from then on the limit holds again. A maxmemory-policy that evicts keys does the same to
// those it evicts: give limits a server with noeviction, where takes then fail as if Redis were away, or one that is
// large enough.
package ratelimitredis
