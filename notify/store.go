package notify

import (
	"context"
	"time"
)

// Store keeps the entries of an [Outbox]. Methods may be called concurrently, by many processes. A store reads no clock.
//
// When the store is away, every method returns an error of the class [tenon.ErrUnavailable].
type Store interface {
	// Add writes entries, in their order behind all that were written before. One whose tenant, destination and key
	// are known already, in whatever state, is left out: it is the same news. If the store is bound to a caller's
	// transaction, entries are written when that commits.
	Add(ctx context.Context, entries []Entry) error

	// Claim leases groups and returns the first pending entry of each, at most c.Limit. A group is leased when c.Now
	// has reached the instant that its last attempt was put off to, and it has no lease that lasts beyond c.Now. Those
	// that have waited longest come first. Until [Claim].Until or [Store.Settle] nobody else is given an entry of the
	// group. Nothing to do is an empty answer, not an error.
	Claim(ctx context.Context, c Claim) ([]Entry, error)

	// Settle writes down what became of claimed entries and ends the leases of their groups. A result whose lease is
	// over, because somebody else has claimed the group since, is ignored. Settling twice changes nothing.
	Settle(ctx context.Context, results []Result) error

	// Tally counts what there is for each destination that has entries, by name.
	Tally(ctx context.Context) ([]Tally, error)

	// Prune removes at most limit entries that were settled before the instant, and returns how many it removed.
	// Their keys are news again.
	Prune(ctx context.Context, before time.Time, limit int) (int, error)
}

// Claim asks for work.
type Claim struct {
	Destination string
	Lease       string // a UUID that no other claim has
	Now         time.Time
	Until       time.Time // how long the lease lasts
	Limit       int
}

// Result is what became of an attempt to deliver a claimed entry.
type Result struct {
	Entry Entry  // as it was claimed
	Lease string // of the claim
	State State
	Error string    // why it is not delivered
	At    time.Time // when the attempt ended
	Due   time.Time // of one that is still pending: not before
}

// Tally is what a destination has.
type Tally struct {
	Destination string
	Pending     int64
	Dead        int64
	Oldest      time.Time // since when the oldest pending one is to be delivered; zero when none is
	LastError   string    // of a pending or dead entry, the one that was tried last
}

// Reviewer is what a store offers beside, for people who look after an outbox.
type Reviewer interface {
	// List returns the entries of q, in the order in which they were written, or in the opposite one.
	List(ctx context.Context, q Query) ([]Entry, error)

	// Replay makes a settled entry pending again, with no attempts, at its old place in the order. One that is
	// pending stays as it is. An unknown one is an [ErrUnknownEntry].
	Replay(ctx context.Context, ref Ref, now time.Time) error
}

// Query chooses entries. The zero value of a field chooses all.
type Query struct {
	Tenant      string
	Destination string
	State       State
	Newest      bool // the newest first
	Limit       int  // at most as many; 0 means 100
}
