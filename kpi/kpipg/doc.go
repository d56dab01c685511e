// Package kpipg keeps package kpi's events and figures in Postgres, in schema tenon (migrations.KPI).
//
//	store := kpipg.New(pool, nil)
//	tracker, board := kpi.NewTracker(store, nil), kpi.NewBoard(store, nil)
//	go store.Run(ctx) // folds events into rollups, looks after partitions
//
// In the caller's own transaction an event is there with what it tells of, or not at all:
//
//	_, err := tracker.WithStore(kpipg.New(tx, nil)).Track(ctx, event)
//
// # How it counts
//
// Track writes the events and, for each call and tenant, one row that lists them; it reads no definition and locks no
// row that others need. Run folds what is listed into rollups by the quarter of an hour, by the rules of package kpi
// itself, one instance at a time. A figure is the rollups and what is listed, read in one statement: it is exact at
// every moment, whether anything was folded or not. A measure that is new is counted from the events until its rollups
// are made, and so is a conversion while an event of it that was taken back is listed.
//
// A Unique, a Cohort and a Funnel have no rollups. Their events are read, those of a subject together, and followed in
// this process by the same code as in memory; so they are exact too, and take as long as sorting the events.
//
// # Events and keys
//
// Events are partitioned by month over their id, a UUIDv7 of when they were tracked. The callers' keys are in a table
// apart that has no partitions and is never pruned unless Options.KeepKeys says so: a retry finds its key whatever
// happened to the event's partition. An event without a key is told from others by its id.
//
// Verify and Rebuild compare with the events that are there. Where Options.KeepEvents drops old ones, the rollups are
// all that is left of them: then Verify tells of what is older, and Rebuild forgets it.
//
// # Views
//
// kpi_quote_book and kpi_directory_onboard show the rollups of the KPIs that kpi.QuoteBook and kpi.DirectoryOnboard
// define, as far as they are folded, by the days of the session's time zone. kpi_trial_conversion and kpi_feature_usage
// read the history of plans and the usage of package entitlements where its tables are in the same database, and are
// empty where they are not. All run with the rights of who reads: under row level security they show one tenant.
//
// # Locks
//
// A call of Track takes keys in their order. A correction takes its key, its event and the row that lists it. Who folds
// holds an advisory lock and then takes listed rows, but for those that are locked, and rollups and subjects in key
// order. Definitions have the row of kpi_state as their lock, which is held while the host's recorder and notifier
// write.
//
// # Roles
//
// The app role tracks, and reads a tenant's figures, one tenant at a time under row level security. Defining KPIs, the
// figures of all tenants together, Run and Erase are for the worker role.
//
// # Failure
//
// An error of the class tenon.ErrUnavailable means that Postgres, not the statement, is at fault, and a write may have
// happened: sent again, events with keys count once. A write that lost a race for locks runs again, except in a
// caller's transaction, whose 40001 and 40P01 are the caller's to handle. Without Run figures stay right and get slower.
//
// Everything works through PgBouncer in transaction mode when the pool's exec mode prepares no named statements
// (pgx.QueryExecModeExec). A call holds one connection, and none while it waits for another.
package kpipg
