// Package auditpg keeps package audit in Postgres, in schema tenon (migrations.Audit).
//
//	store := auditpg.New(pool, nil)
//	log := audit.NewLog(store, &audit.Options{Signer: signer, Anchors: anchors})
//	go log.Run(ctx) // seals, signs, anchors, makes partitions
//
// In the caller's own transaction a record is there with what it tells of, or not at all:
//
//	_, err := log.WithStore(auditpg.New(tx, nil)).Record(ctx, record)
//
// # Sealing
//
// Records become leaves in the order in which their transactions began to write, and only when every transaction that
// could still come before has ended: below the xmin of the sealer's snapshot. So no record is passed over however long a
// transaction takes, and nothing that writers do is locked. A transaction that stays open, in whatever database of the
// server, holds up the sealing of what came after; [Store.Head] tells whose it is. One instance seals at a time, under an
// advisory lock, in one transaction a batch. Each leaf keeps the transaction id of its row and the epoch that it counts
// in. A dump that is restored on another server begins a new epoch, since ids start over there; what the dump had not
// sealed is sealed then.
//
// # Roles
//
// The app role reads and inserts records, of one tenant under row level security. Sealing, redacting, checkpoints and
// retention are the worker role's. Nobody deletes: months are dropped by a function of the owner's that refuses what is
// not sealed, not anchored or held.
//
// # Failure
//
// An error of the class tenon.ErrUnavailable means that Postgres, not the statement, is at fault, and a write may have
// happened: a record that is appended again with its id is stored once. A month without a partition is one too; they are
// made three months ahead. A record of before the oldest month is a tenon.ErrInvalid of the field at, except in a caller's
// transaction, which has failed by then. What lost a race for locks runs again, except in a caller's transaction, whose
// 40001 and 40P01 are the caller's to handle. A call holds one connection, and none while it waits for another.
package auditpg
