// Package migrations holds all of tenon's SQL, one folder for each package, and applies it.
//
//	conn, err := pgx.Connect(ctx, url) // as the role that is to own schema tenon
//	if err != nil {
//		return err
//	}
//	defer conn.Close(ctx)
//	err = migrations.Apply(ctx, conn, migrations.Entitlements)
//
// A service may do this at every start, on every instance at once. [Plan] says what it would do, [Down] takes it back,
// [FS] hands the files to another tool, and [NewSet] makes a set of the host's own. With roles of different rights, the
// owner then calls [ApplyGrants] and, where the database itself is to keep tenants apart, [EnableRLS].
//
// # Files
//
// A set is a folder with 0001_init.up.sql, 0001_init.down.sql, 0002_… and so on. A released file is never edited: its
// checksum is in tenon.migrations, and [Apply] refuses one that differs. Comment lines at the top of a file mark it:
//
//	-- tenon:no-transaction   cannot run in a transaction (create index concurrently)
//	-- tenon:breaking         binaries that do not know this version must not start
//
// Without the second mark, a binary of the previous release starts on the schema of the next one, so that a deploy may
// overlap; a file therefore only adds, and a later release takes away.
//
// # Failure
//
// A file and its record are one transaction: after an error, a lost connection or a kill, either both are there or
// neither, the files before are in place, and the next call goes on. A file outside a transaction may be interrupted
// half-way. It is run again from the top, so it must bear that, and an index that was left invalid is reported with the
// statement that removes it ([ErrInvalidIndex]); Apply does not drop it by itself.
//
// Errors of Postgres are wrapped with the set, the file and the line, and can be reached with errors.As. What tenon
// finds itself is one of the sentinels below.
//
// # Poolers
//
// Everything works through PgBouncer in transaction mode, except for files outside a transaction: they hold a lock of
// the session, ask for a direct connection, and give [ErrIndirect] where there is none. A conn that goes through a pooler
// needs nothing set: no statement is prepared under a name.
//
// # Partitions
//
// Tables that grow are partitioned by month over a UUIDv7, with bounds that need no function: the smallest id of the
// month's first instant, in UTC. There is no default partition. [Apply] makes last month's, this month's and three more;
// Run loops go on with [EnsurePartitions] and [DropPartitions]. An insert into a month without a partition fails, so
// watch [MissingPartitions].
package migrations
