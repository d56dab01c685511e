// Package audit makes records of who did what into evidence: what was written down cannot be changed unnoticed, can be
// checked by somebody who trusts nobody, and can still forget a person.
//
//	log := audit.NewLog(store, &audit.Options{Signer: signer, Anchors: map[string]audit.Anchor{"file": audit.NewFileAnchor(path)}})
//	go log.Run(ctx)
//	id, err := log.Record(ctx, audit.Record{Tenant: "acme", Action: "quote.accepted"})
//
// People call a [Log]; it stands on a [Store]: the [MemoryStore], or auditpg's. [Log.Record] writes directly, or in the
// caller's transaction by [Log.WithStore]; [Log.Enqueue] writes many together. Who acted comes from the [tenon.Caller] in
// the context, whose data it was from the record. A [Policy] keeps, digests, redacts or ignores a field before it is
// stored; what a name calls a secret never is.
//
// # Evidence
//
// An [Entry] is a [Record] as it is stored. Its leaf ([Entry.Leaf]) commits to every part of it by a salted digest, so
// that [Entry.Redact] can erase a part and leave every proof valid. The leaves are those of a Merkle tree as in RFC 6962
// and RFC 9162, which grows behind the writes ([Log.Seal]) and is signed now and then ([Log.Checkpoint]), with Ed25519 as
// C2SP's signed-note and tlog-checkpoint have it. Checkpoints are handed to an [Anchor], since roots that are kept beside
// the records alone prove nothing against whoever owns both. [Log.Verify] computes everything anew and names the record
// or the range that was tampered with; [Log.ProveInclusion] and [Log.ProveConsistency] prove to others, and
// [VerifyExport] checks an export from itself and a public key.
//
// A redaction ([Log.Redact], [Log.Erase]) is told by a record that commits to it: one that no record tells of is
// tampering. [Log.Retain] drops whole months, of which the leaves stay; a [Hold] keeps what it covers from both.
//
// # Failure
//
// What does not fit together is [ErrTampered], which names the record or the range. Input that nobody could store, such
// as a payload with a member twice or with half of a surrogate pair, is refused with the path of the fault, and nothing
// is written. A full queue makes Enqueue wait, or refuse with [ErrFull]; nothing is dropped silently. While the store is
// away, queued records go to Options.Spool on disk, where each is synced and stored later, once; without a spool they
// stay queued. When [Log.Run] runs nowhere, records are kept and found, but nothing is sealed or signed, and what is
// queued waits for [Log.Flush].
//
// The names of members of a payload, actions, tenants and times are not redacted: put nothing personal into them.
package audit
