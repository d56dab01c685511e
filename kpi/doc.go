// Package kpi counts what happened, and says whether the business works.
//
// A host tracks events, declares KPIs on a [Board], and reads their figures:
//
//	store := kpipg.New(pool, nil)
//	tracker := kpi.NewTracker(store, nil)
//	board := kpi.NewBoard(store, nil)
//	go store.Run(ctx) // in the host's errgroup: it folds events into rollups
//	go board.Run(ctx) // and this one tells when a goal is crossed
//
//	err := board.Define(ctx, kpi.KPI{Name: "quote_book", Zone: "Europe/Berlin", Conversion: &kpi.Conversion{
//		Start: kpi.On("quote_sent"), Convert: kpi.On("quote_accepted"), Subject: "quote_id", Window: 14 * kpi.Day,
//	}})
//
//	// in the transaction that sends the quote
//	_, err = tracker.WithStore(kpipg.New(tx, nil)).Track(ctx, kpi.Event{
//		Tenant: "acme", User: "ann", Name: "quote_sent", Key: "sent/" + quote, Properties: map[string]any{"quote_id": quote},
//	})
//
//	report, err := board.Read(ctx, kpi.Query{KPI: "quote_book", Tenant: "acme"})
//
// # Events
//
// An event with a Key counts once, however often it is tracked. It counts when it happened, so late events change the
// past, at once; [Tracker.Correct] and [Tracker.Retract] do so too. What is malformed, or not in the [Registry], is
// refused, or kept aside with the reason: nothing is dropped in silence. A caller without a transaction may use a
// [Batcher], which is bounded and has a spool on disk.
//
// # Figures
//
// A [Count], [Sum] or [Ratio] is about events. A [Conversion] and a [Cohort] are about subjects (users, tenants, quotes)
// by when they started, so that no share passes 100 %. A [Funnel] follows subjects through steps in order; a [Unique]
// counts them. The comments on these types are the definitions, down to events at the same instant.
//
// Periods are days, weeks or months by the clock of an IANA zone, with days of 23 and 25 hours. Rollups are kept in
// quarters of an hour, of which every zone's hours and days are made. Amounts are decimals; nothing is added up in
// floating point. A figure comes with its sample, how fresh it is, and whether it is [Point.Immature]: a period that is
// not over, or in which some still have time to convert, is never to be taken for a fall. [Board.Explain] gives the
// words, and the statements of the store.
//
// # Failure
//
// When the store is away, nothing is tracked and nothing is read, and every call says so by an error of the class
// [tenon.ErrUnavailable]. Whoever was told that an event was accepted finds it counted, whatever is killed afterwards.
// After an error the outcome is unknown; the same call may be made again, and events with a Key count once. A Batcher
// goes on taking events, in memory up to BatcherOptions.MaxPending or on disk, and Run returns what it could not write;
// only [Batcher.Track] waits until an event is safe.
//
// When Run of the store is never started, figures stay exact and become slow to read. When Run of the board is never
// started, nobody is told of goals.
//
// # Stores
//
// [MemoryStore] is the readable specification and serves tests; kpipg keeps everything in Postgres. Both pass the suite
// in kpitest, which recounts every figure in another way. [Counter] and [Scanner] are how both count.
package kpi
