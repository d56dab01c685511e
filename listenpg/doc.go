// Package listenpg gives a process one connection that listens to Postgres, shared by everything in the process that
// wants to hear of changes.
//
//	config, err := pgx.ParseConfig(url) // of Postgres itself, not of a pooler
//	if err != nil {
//		return err
//	}
//	listener := listenpg.New(config, nil)
//	cancel := listener.Subscribe("tenon_flags", func(payload string) { reload(payload) })
//	defer cancel()
//	group.Go(func() error { return listener.Run(ctx) })
//
// # Channels
//
// Each package has a channel of its own, named tenon_ and the package: tenon_flags, tenon_entitlements. Its payload says
// what changed in words of that package. Postgres filters by channel, so that a process hears only of what it uses.
// A channel's name is taken as it is, upper case included, and is at most 63 bytes.
//
// # Delivery
//
// A notification is a hint to look, never the news itself: Postgres keeps none for a listener that is away. So a
// subscriber is called with "" whenever it may have missed something, and reloads everything then: as soon as its
// channel is listened to, and again after each reconnection. An empty payload sent by a program reads the same.
//
// A subscriber has a queue of its own and is called by one goroutine of its own, never twice at once, in order. While it
// is busy, a payload that waits already is not put in again, and when more than Options.Queue different ones wait, all
// are replaced by one "". A slow subscriber thus never delays the connection or another subscriber, takes bounded
// memory, and misses nothing that a reload does not show.
//
// # Failure
//
// When the connection is lost, refused or silent, Run connects again, waiting longer each time, with jitter; it never
// gives up before its context ends. Subscribers hear nothing meanwhile, so whoever must be fresh polls as well, and states
// how stale it may be. A connection that went away without a word is found by a query each Options.Keepalive: at the
// latest that and Options.Timeout later. When Run is never started, subscribers are never called.
//
// Behind PgBouncer in transaction mode, listening would succeed and hear nothing. Run therefore refuses a connection whose
// server process is not the one that it was opened to, and says so in Stats and in the log ([ErrIndirect]).
package listenpg
