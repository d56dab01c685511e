// Package support answers customers in time and shows them around once: tickets with clocks, a calendar, durable
// timers, tours, and the findings of pen tests.
//
//	store := supportpg.New(pool, nil)
//	desk := support.NewDesk(store)
//	timers, err := support.NewTimers(store, desk.Work(), nil)
//	if err != nil {
//		return err
//	}
//	go timers.Run(ctx) // in the host's errgroup
//	t, err := desk.Open(ctx, support.NewTicket{Tenant: "acme", Priority: support.P1, Issue: "no quotes"})
//	t, err = desk.Acknowledge(ctx, t.Ref)
//
// # Tickets
//
// A ticket is its history: a list of events that is only ever appended to. Its state follows from the history, and its
// clocks from the history and the [Rules] in force: the policy of its plan, and of that the targets of its priority. So
// another priority, policy or calendar moves every clock as if it had always been so; only a closed ticket keeps the
// clocks that it was closed with. A clock pauses while a ticket is pending and stops when it is solved. Targets count by
// the wall clock unless they are [Targets].Business.
//
// A ladder tells of a ticket that nobody has acknowledged. Its steps count, by the wall clock, from when the ticket first
// had the ladder's priority; a reply, a pause and a solution acknowledge too. Whoever acknowledges cancels the ladder in
// the same transaction. A step that has fired is an event of the history, and never fires again. So is a promise at risk
// or breached, which is told once for each priority.
//
// # Timers
//
// One table of timers wakes them all, and is the host's to use as well ([Timers]). Their handlers' effects are exactly
// once, since the end of the timer commits with them; a handler itself runs at least once.
//
// # Failure
//
// When the store is away, calls give an error of the class tenon.ErrUnavailable and timers wait; when it is back, what
// has become due meanwhile fires, oldest first. When Timers.Run runs nowhere, clocks are right and nobody is told of
// them. A worker that dies leaves its timers leased for TimersOptions.Lease; then others take them, one at a time, so
// that one that kills its worker is found out, and given up after TimersOptions.Attempts.
//
// # Stores
//
// [MemoryStore] is the readable specification and serves tests; supportpg keeps everything in Postgres. Both pass the
// suite in supporttest.
package support
