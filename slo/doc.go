// Package slo answers whether a service keeps its promises, and whether one may release.
//
// A host defines objectives on a [Board], counts events by a [Recorder] or lets slopg count them from its own tables,
// and asks a [ReleasePolicy] before it releases:
//
//	store := slopg.New(pool, nil)
//	board := slo.NewBoard(store, nil)
//	uptime := slo.Objective{
//		Key: slo.Key{Name: "uptime"}, Kind: slo.Ratio, Target: 999_000, Window: slo.Window{Length: 24 * time.Hour},
//	}
//	if _, err := board.Define(ctx, uptime); err != nil {
//		return err
//	}
//	rec, err := slo.NewRecorder(store, []slo.Objective{uptime}, nil)
//	if err != nil {
//		return err
//	}
//	go board.Run(ctx) // in the host's errgroup, as rec.Run
//	go rec.Run(ctx)
//	rec.Observe(slo.Good, 120*time.Millisecond)
//	v, err := slo.NewReleasePolicy(board).Guard(ctx) // pass, hold or fail, and why
//
// # Words
//
// An objective promises that a share of what it counts is good: its Target, in parts per million. The error budget is
// the rest. Bad events consume it; the burn rate is how fast, where 1 uses it up exactly when the window ends. All of
// this is decided in integers: bad events that reach the budget have consumed exactly 1.
//
// "p95 ≤ 500 ms" is the objective "95 % within 500 ms". Its events are counted exactly against the threshold when they
// are recorded; a [Sketch] beside them serves for display alone. Ratios and percentiles are never averaged.
// So the budget is 5 % of the requests, and releases freeze when more than 2.5 % of them took longer: not, as a budget
// of "current p95 over 500" would have it, when the p95 passes 250 ms.
//
// Counts are kept by the minute. A window covers its length and at most a minute more.
//
// # Alerts
//
// Burn alerts are those of the SRE Workbook, chapter 5: four tiers of two windows each, scaled from 30 days to the
// objective's window. A tier that can never fire, or whose windows are shorter than the minute in which is counted, is
// refused when it is defined ([ErrTierUnfit]), and the error names the alternative. Windows of an hour therefore have
// budget alerts alone: at 50 % and at 100 % consumed. An alert is an [Episode]: told when it begins, when it gets worse
// and when it ends, once each, by however many instances evaluate. When more than half of any budget is consumed,
// releases freeze; they thaw at 40 %. What has no data, or too little ([Traffic]), is neither good nor bad.
//
// # Failure
//
// When the store is away a Board knows nothing and says so by an error, which a release gate takes for "hold"; what it
// would have decided it decides at the next evaluation, from what is stored. Decisions and what is told of them are one
// transaction. A Recorder keeps counting while the store is away, for Options.MaxPending minutes. A process that is
// killed loses what it had not flushed, at most RecorderOptions.Flush; the minutes this concerns show as [Count.Open].
// Nothing is counted twice: a flush replaces what the same instance counted of the same minute.
//
// # Stores
//
// [MemoryStore] is the readable specification and serves tests; slopg keeps everything in Postgres. Both pass the suite
// in slotest, and leave every decision to [Board].
package slo
