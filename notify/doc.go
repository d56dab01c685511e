// Package notify delivers a [tenon.Notification]: to the log, to several at once, once for each occasion, and by an
// outbox that survives the death of the process and the absence of the receiver.
//
//	outbox := notify.NewOutbox(notifypg.New(pool, nil), map[string]tenon.Notifier{
//		"oncall": notifyhttp.New(url, nil),
//		"log":    notify.Slog(logger),
//	}, nil)
//	go outbox.Run(ctx)
//	err := outbox.WithStore(notifypg.New(tx, nil)).Notify(ctx, n) // commits with its cause
//
// # Outbox
//
// [Outbox.Notify] writes an entry for each destination; [Outbox.Run] delivers. What was written is delivered at least
// once to each destination, whatever dies: the receiver keeps one of each tenant and key. A key that was written already
// is not written again, for as long as its entry is kept (Options.Keep).
//
// Entries of one tenant, destination and group ([Routing]) are delivered in the order in which they were written, one at
// a time. A destination that is away delays nobody else, and a group that fails delays no other group of the same
// destination. When a receiver comes back it gets everything, oldest first within each group, within Options.MaxBackoff.
//
// # Failure
//
// A delivery that fails is tried again with growing pauses, for Options.GiveUp. Then, or at once when the receiver
// refused ([ErrRefused]), it becomes a dead letter: it is logged, counted in [Stats], kept, and its group goes on.
// [Outbox.List] shows dead letters, [Outbox.Replay] delivers one again. When Run runs nowhere, entries wait; Stats of an
// outbox that runs shows the backlog and its age. A destination that nobody runs is shown as Stranded.
//
// When the process dies during a delivery, another one makes it again after twice Options.Timeout.
//
// # Stores
//
// [MemoryStore] is the readable specification and serves tests; notifypg keeps everything in Postgres. Both pass the
// suite in notifytest.
package notify
