// Package audit makes records of who did what into evidence: what was written down cannot be changed unnoticed, can be
// checked by somebody who trusts nobody, and can still forget a person.
//
// An [Entry] is a [Record] as it is stored. Its leaf ([Entry.Leaf]) commits to every part of it by a salted digest, so
// that [Entry.Redact] can erase a part and leave every proof valid. The leaves are those of a Merkle tree as in RFC 6962
// and RFC 9162: [Grow] computes the nodes to store beside them, a [Tree] proves that a leaf is included and that a log
// only grew, and [Inclusion] and [Consistency] are checked without it. A [Checkpoint], signed with Ed25519 as C2SP's
// signed-note and tlog-checkpoint have it, is what to hand to others: roots that are kept beside the records alone prove
// nothing against whoever owns both.
//
// # Failure
//
// What does not fit together is [ErrTampered], which names the record or the range. Input that nobody could store, such
// as a payload with a member twice or with half of a surrogate pair, is refused with the path of the fault.
package audit
