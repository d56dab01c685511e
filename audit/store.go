package audit

import (
	"context"
	"time"
)

// Store keeps entries. Methods may be called concurrently. Errors have a class of package tenon.
type Store interface {
	// Append adds entries, all or none, and returns the id of each as it is stored. An entry whose tenant and id are
	// there already is left out, so that a batch whose outcome is unknown can be appended again. One with the key of
	// an earlier record of its tenant is left out too, and has that record's id, when both say the same; when they do
	// not, or the earlier one was redacted in between, it is [ErrKeyReused] and nothing is added.
	Append(ctx context.Context, entries []Entry) ([]string, error)

	// List returns at most q.Limit entries that q asks for, in its order. An empty page is not an error.
	List(ctx context.Context, q Query) ([]Entry, error)

	// Redact hands pages of entries that q asks for, oldest first, to f, which must not call the store. Each page is
	// locked against other writers of the same entries; what f returns as changed is stored in its place, and records
	// that tell of it are appended in the same transaction. No page is empty, and f is called again for one whose
	// transaction has to start over. An error of f ends it; earlier pages stay done unless the store is bound to a
	// transaction. While a legal hold covers q it is [ErrHeld] and nothing changes.
	Redact(ctx context.Context, q Query, f func(page []Entry) (changed, records []Entry, err error)) error
}

// Sealer is a store that keeps the tree beside its entries: every entry becomes a leaf once, after it was committed and
// in the order of commits, never by a number that was handed out before.
type Sealer interface {
	Store

	// Seal hands at most limit entries that are not sealed yet and that no transaction still running could precede to
	// add, with the size of the tree so far, and stores what add returns, in one transaction that no other instance
	// makes at the same time. When another one does it returns 0. It returns how many it sealed.
	Seal(ctx context.Context, limit int, add func(size int64, entries []Entry, read Hashes) (Sealing, error)) (int, error)

	// Hashes returns the stored nodes of a level, as [Hashes] has it. Those at the end that are not there are left out;
	// where others are missing it is [ErrTampered].
	Hashes(ctx context.Context, level int, from, to int64) ([]Hash, error)

	// Sealed returns at most limit of the leaves from index span.From up to but not including span.To, by index, whose
	// entries q asks for. A leaf whose entry is not where it was has a nil Entry, and is among them when q names no
	// more than a tenant. Order, After and Limit of q are not looked at.
	Sealed(ctx context.Context, q Query, span Span, limit int) ([]Sealed, error)

	// Index returns the index of a record's leaf. An unknown record is [ErrUnknownRecord], one without a leaf
	// [ErrNotSealed].
	Index(ctx context.Context, ref Ref) (int64, error)

	// Head says how far sealing has come.
	Head(ctx context.Context) (Head, error)
}

// Notary is a store that keeps signed checkpoints.
type Notary interface {
	// PutCheckpoint stores c. One of the same size with the same root is left as it is; another root is [ErrTampered].
	PutCheckpoint(ctx context.Context, c Checkpoint) error

	// Checkpoints returns at most limit stored checkpoints of more than after records, smallest first. A negative limit
	// returns the largest ones, largest first.
	Checkpoints(ctx context.Context, after int64, limit int) ([]Kept, error)

	// Anchored notes that the anchors have the checkpoint of size.
	Anchored(ctx context.Context, size int64) error
}

// Retainer is a store that lets go of what is old, month by month, and keeps what a legal hold covers.
type Retainer interface {
	// PutHold stores a hold, or replaces the one with its id, and appends the record that tells of it, in one
	// transaction.
	PutHold(ctx context.Context, h Hold, told Entry) error

	// Holds returns the holds that were not released, oldest first.
	Holds(ctx context.Context) ([]Hold, error)

	// Drop lets go of whole months that end at before or earlier, oldest first, and stops at the first that has an
	// entry that is not sealed, or not within the tree of anchored leaves, or that a hold covers. For each, told makes
	// the record that is appended in the same transaction.
	Drop(ctx context.Context, before time.Time, anchored int64, told func(Dropped) (Entry, error)) ([]Dropped, error)
}

// Cursors is a store that remembers how far each sink was told, for all instances.
type Cursors interface {
	// Claim makes holder the one who tells the sink for a while, by the store's clock, and returns the index of the
	// next leaf to tell. It returns false while somebody else is.
	Claim(ctx context.Context, sink, holder string, lease time.Duration) (next int64, ok bool, err error)

	// Advance notes that the leaves before next were told. It does nothing when holder is no longer the one.
	Advance(ctx context.Context, sink, holder string, next int64) error
}

// Inspector is a store that finds entries that no sealing will ever reach: they were put in behind it.
type Inspector interface {
	// Strays returns at most limit of them.
	Strays(ctx context.Context, limit int) ([]Ref, error)
}

// Maintainer is a store that has to be kept in order: partitions ahead, keys that are too old. Run calls it every hour,
// and at its start.
type Maintainer interface {
	Maintain(ctx context.Context, now time.Time) error
}

// Ref names a record.
type Ref struct {
	Tenant string `json:"tenant"`
	ID     string `json:"id"`
}

// Span is a range of indexes, from From up to but not including To.
type Span struct{ From, To int64 }

// Sealing is what sealing adds to the tree: a leaf for each entry, and the nodes above.
type Sealing struct {
	Leaves []Hash
	Nodes  []Node
}

// Sealed is a stored leaf and its entry.
type Sealed struct {
	Index int64
	Leaf  Hash // as it is stored
	Ref
	Entry *Entry // nil when it is not there
}

// Head is how far sealing has come.
type Head struct {
	Size    int64     // leaves
	Waiting int64     // entries without a leaf; counted up to 100,000
	Oldest  time.Time // of those; zero when there are none
	// Blocker is the process of the database server whose transaction, in any of its databases, keeps entries of later
	// ones from being sealed; 0 when nobody does. A prepared transaction has none, and is -1.
	Blocker      int
	BlockerSince time.Time // when its transaction began; zero when the store may not know
}

// Kept is a stored checkpoint.
type Kept struct {
	Checkpoint
	Anchored bool // the anchors have it
}
