// Package isolation proves that no tenant sees another's rows, or says where one does.
//
//	result, err := isolation.Report(ctx, owner, app, nil) // two pools: as the tables' owner, as the role that serves requests
//	if err != nil {
//		return err
//	}
//	fmt.Print(result)
//	if !result.OK() {
//		os.Exit(1)
//	}
//
// A report has four parts. The static one reads the catalogue: row level security that is off or not forced, a command
// without a policy, a policy that looks at no tenant, a view that reads with its owner's rights, a role that no policy
// binds. Probes try, as the real role, what must not work: to read, write, change and delete across the line, through
// views and functions too. The mismatch part counts rows whose parent is another tenant's, along every foreign key. And
// since a probe that nothing could turn red proves nothing, the mutation part breaks each policy in turn, in a
// transaction that is rolled back, and sees whether a probe notices.
//
// [Enable] writes the policies of a table of the host's; for tenon's own tables there is migrations.EnableRLS.
//
// # Which tables
//
// Every table outside Postgres' own schemas that has a column with one of the names in [Options.Columns], and those that
// [Options.Tables] names. A table that is shared on purpose is left out by [Options.Except], with the reason, which the
// report repeats.
//
// # What it does to a running system
//
// Every statement runs in a transaction that is rolled back, so nothing stays but gaps in sequences. The probes on the
// application's connection take the locks that its own statements take. The mutation part locks each table against
// everybody, one after the other, for some hundredths of a second each; it waits for a lock no longer than
// [Options.LockTimeout], and what it could not lock is a finding of the kind [NotTried]. It takes the table's constraints
// and triggers off inside that transaction and makes rows of two tenants that do not exist, so that an empty table is
// proven like a full one, and none of the host's triggers runs.
//
// # Failure
//
// What could not be tried is a finding, never a silence: a report with one is on hold, not passed. An error is returned
// when the report as a whole could not be made, and has the classes of package tenon.
package isolation
