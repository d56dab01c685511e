// Package flags says who sees what, when, and lets a rollout stop by itself.
//
// A flag is a variable in code, with the default that counts whenever nothing better is known:
//
//	var BulkRating = flags.Bool("bulk_rating", false)
//
//	set := flags.NewSet(flagspg.New(pool, nil), nil)
//	if err := set.Load(ctx); err != nil {
//		return err
//	}
//	group.Go(func() error { return set.Run(ctx) })
//	…
//	if BulkRating.On(ctx, set) { // for the tenant of tenon.Caller
//		…
//	}
//
// A [Set] answers from memory in nanoseconds: no I/O, no lock, no allocation, no error. What is stored is a [Definition],
// in JSON where it comes from outside; every write is a version, is told to the recorder in its own transaction, and can
// be taken back ([Set.Revert]).
//
// # The order
//
// A flag is evaluated in a fixed order, and the first that decides counts: the kill switch, the prerequisites, the
// tenants that are named, the rules, the rollout, the default. The kill switch and a prerequisite that does not hold give
// the default in code, for the named tenants as well. [Set.Explain] tells the whole path, [Set.Diff] whom a change would
// flip.
//
// Who is asked about is the tenant, explicit or that of [tenon.Caller]. A flag that names tenants, or has a rollout,
// cannot be answered for nobody: that gives the default in code with [ReasonError] and [CodeKeyMissing], at 100 % too.
//
// # Percentages
//
// The hash of the flag's salt and the tenant ([Hash]) is scaled to a million parts ([Bucket]); those below the percentage
// take part. So cohorts nest, for ever: who is in at 5 % is in at 50 %. Which variant somebody gets is decided by another
// salt, in the order in which variants are stored. Flags that share a salt reach the same tenants.
//
// # Ramps
//
// [Ramp] makes a schedule of stages, which [Set.Ramp] starts and [Set.Run] moves, in whichever process is first:
//
//	schedule := flags.Ramp(5, 50, 100).At(day0, day1, day7).AtLeast(2).Guard("slo")
//	_, err := set.Ramp(ctx, "bulk_rating", schedule, "ready for customers")
//
// A schedule is stored with the flag and may go on in another process, so it names its guards; each process has them in
// Options.Guards. A guard that passes lets the next stage begin, one that holds, errs or is not known keeps the ramp
// where it is, and one that fails takes it back to the stage before. That is audited and notified, and stays so until a
// person calls [Set.Resume]. A kill switch stops a ramp from moving.
//
// # Failure
//
// While the store is away, a set answers from what it has, and [Set.Status] says [StatusStale] after a minute. A set
// that starts meanwhile takes the copy on disk (Options.Bootstrap), with the same status, and without one gives the
// defaults in code with [CodeNotReady]. A stored definition that cannot be read keeps its last good version live,
// stops no other, and is listed in Stats; its kill switch counts all the same. A store that was restored from a backup
// is read anew. When a write's outcome is unknown, writing the same definition again is safe: what equals the stored
// one is not stored twice.
//
// What another process writes is live as soon as the store tells of it, else within Options.Refresh.
//
// # Stores
//
// [MemoryStore] is the readable specification and serves tests; flagspg keeps everything in Postgres. Both pass the suite
// in flagstest.
package flags
