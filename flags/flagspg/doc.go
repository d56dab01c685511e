// Package flagspg keeps package flags in Postgres, in schema tenon (migrations.Flags).
//
//	store := flagspg.New(pool, &flagspg.Options{Listener: listener})
//	set := flags.NewSet(store, nil)
//	go set.Run(ctx) // follows what others write, moves ramps
//
// In the caller's own transaction a flag changes with what it belongs to, or not at all:
//
//	bound := set.WithStore(flagspg.New(tx, nil))
//	_, err := bound.Edit(ctx, "bulk_rating", change, "signed the contract")
//
// # Revisions
//
// One row counts the writes. Whoever writes locks it, so that revisions are in the order of the commits: a process
// that has seen revision 7 has seen everything up to 7, which a sequence could not promise. The notification on
// [Channel] carries the revision alone; a Set that is told of one asks for what is newer than its own, by an index, and
// takes notifications in any order. Without a Listener it asks each flags.Options.Refresh.
//
// # Locks
//
// A write takes the row of flags_revision and after it the rows of the flags; no other order is needed. It is held
// while the host's recorder and notifier write. A caller's transaction that writes flags holds up other writers until
// it ends, and no reader.
//
// # Roles
//
// No table has a tenant's column, and row level security leaves them alone: a Set needs all flags, whoever asks. The
// app role reads flags and marks them; writing them, and reading who wrote which version, is for the worker role,
// which pages for the staff use. What a flag says of a company is found by [Store.Export] and taken out by
// [Store.Erase]. They look at the lists of tenants and at conditions that compare the tenant with its whole id; a
// pattern, a description, a reason or an attribute of the host's that names a company or a person is for the host to
// change.
//
// # Failure
//
// An error of the class tenon.ErrUnavailable means that Postgres, not the statement, is at fault, and a write may have
// happened: loading tells, since its revision shows. Sets go on answering from memory. A write that lost a race for
// locks runs again, except in a caller's transaction, whose 40001 and 40P01 are the caller's to handle.
//
// Everything works through PgBouncer in transaction mode when the pool's exec mode prepares no named statements
// (pgx.QueryExecModeExec). A call holds one connection, and none while it waits for another.
package flagspg
