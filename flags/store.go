package flags

import (
	"context"
	"encoding/json"
	"time"

	"github.com/transbotai/tenon"
)

// Store keeps flags and segments, every version of them, and when flags were last seen. It decides nothing: a [Set]
// does. Methods may be called concurrently, by many processes. A store reads no clock and mints no version.
//
// When the store is away, every method returns an error of the class [tenon.ErrUnavailable].
type Store interface {
	// Load returns the present revision and the newest version of every record that was written after the revision
	// since, deleted ones included, ordered by kind and key, from one consistent view. Since 0 gives everything.
	// Nothing newer is not an error. A revision below since says that the store was restored from a backup: a [Set]
	// reads everything anew.
	Load(ctx context.Context, since int64) (Update, error)

	// Write stores w.Records under the next revision, all or none, and returns that revision. It hands w.Changes to
	// the recorder and w.Notifications to the notifier in the same transaction, and tells the watchers of every
	// process once it is committed. When the stored revision is not w.Base, or another writer gets in between, it
	// returns [ErrBehind] and has written nothing. An error of the recorder or notifier undoes the write and is
	// returned.
	Write(ctx context.Context, w Write) (revision int64, err error)

	// Versions returns the versions of one record, newest first, as q says. A record that never was has none, which is
	// not an error.
	Versions(ctx context.Context, q VersionQuery) ([]Record, error)

	// Mark notes that variants of flags were seen. Of two marks for one variant the later stays.
	Mark(ctx context.Context, marks []Mark) error

	// Marks returns every mark, ordered by flag and variant.
	Marks(ctx context.Context) ([]Mark, error)
}

// Kind is what a [Record] holds.
type Kind string

// The kinds.
const (
	KindFlag    Kind = "flag"
	KindSegment Kind = "segment"
)

// Record is one version of a flag or a segment.
type Record struct {
	Kind     Kind            `json:"kind"`
	Key      string          `json:"key"`
	Version  int64           `json:"version"`        // from 1; goes on after a deletion
	Revision int64           `json:"revision"`       // of the write that stored it; set by the store
	Body     json.RawMessage `json:"body,omitempty"` // a [Definition] or [Segment]; nil when it was deleted. A store may change its white space and the order of its keys
	By       string          `json:"by,omitempty"`   // the actor
	Reason   string          `json:"reason,omitempty"`
	At       time.Time       `json:"at"`
}

// Update is what [Store.Load] returns.
type Update struct {
	Revision int64
	Records  []Record
}

// Write is what [Store.Write] stores.
type Write struct {
	Base          int64    // the revision that the write was made from
	Records       []Record // at least one; each at most once
	Changes       []tenon.Change
	Notifications []tenon.Notification
}

// VersionQuery says which versions of a record are wanted.
type VersionQuery struct {
	Kind   Kind
	Key    string
	Before int64 // only versions below it; 0 means from the newest
	Limit  int   // at most so many; positive
}

// Mark says that a variant of a flag was last served at an instant.
type Mark struct {
	Flag    string
	Variant string // empty: the caller's default
	Seen    time.Time
}

// Watcher is what a store offers that learns of writes which other processes make.
type Watcher interface {
	// Watch calls changed with the revision of each write, and with 0 when some may have been missed, until cancel is
	// called. It may call from any goroutine, in any order, and does not wait.
	Watch(changed func(revision int64)) (cancel func())
}
