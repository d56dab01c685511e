package ratelimit

import (
	"context"
	"time"

	"github.com/transbotai/tenon"
)

// Store keeps what is counted when several processes share limits. It decides nothing by itself: [Account] does, or
// something that decides alike. It uses one clock for all processes, the server's, in whole microseconds; time that
// goes backwards counts as standing still. Methods may be called concurrently, by many processes.
//
// When the store is away, every method returns an error of the class [tenon.ErrUnavailable], and when ctx ends ctx's
// own error, without waiting any longer.
type Store interface {
	// Settle carries out ops and returns an outcome for each, in order. One operation is atomic: all of its limits or
	// none. Operations of one key are carried out in their order, one after the other; together they need not be atomic.
	//
	// An error, of the whole or of one Outcome, means that nothing is known of the operation: it may have been
	// carried out. So Settle is never called again for the same operation, and an implementation does not send one
	// twice when it cannot know that the first was lost.
	//
	// A key that nobody took from within its limits' windows is the same as one that was never there, and the store
	// forgets it by itself.
	Settle(ctx context.Context, ops []Op) ([]Outcome, error)

	// Eraser forgets the keys of a subject: see [Key.Belongs]. A key is a row.
	tenon.Eraser
}

// OpKind is what an [Op] does.
type OpKind uint8

// The kinds.
const (
	OpTake   OpKind = iota // take at least Least and at most N units
	OpPeek                 // answer as OpTake would, and take nothing
	OpRefund               // give back N units that were taken at At
	OpReset                // forget what was taken under the limits
)

// Op is one operation on a key. It is valid: the key is not empty, there are 1 to [MaxLimits] valid limits of different
// policies, N and Least are in range.
type Op struct {
	Kind   OpKind
	Key    Key
	Limits []Limit // all of them or none; none is Unlimited
	// N is how many units: 0 to 2⁵³ of OpTake and OpPeek, from 1 of OpRefund.
	N int64
	// Least is how few are worth having: OpTake grants Least to N units, the most that every limit has, or refuses. It
	// is N, or N with a lease below it.
	Least int64
	// Lapse is for how long the units may still be given out after the operation; 0 means that they are used at once.
	// They are counted as taken when they lapse: under Strict in the cell of that time; under TokenBucket, when N is
	// more than Least, as if they came then. A TokenBucket grants more than Least only where that leaves them all of
	// Lapse. Concurrency and Calendar count them at once.
	Lapse time.Duration
	// At is the Outcome.At of the operation whose units OpRefund gives back; Lapse is then that operation's.
	At time.Time
}

// MaxLimits bounds the limits of one decision.
const MaxLimits = 8

// Outcome is what became of an [Op].
type Outcome struct {
	Granted bool
	// Units is how many were taken: 0 unless Granted, and 0 for a peek, a refund and a reset.
	Units int64
	// Limit is the index in Op.Limits of the limit that refused for longest, or of the one that has least left.
	Limit int
	// Remaining is what that limit has left after the operation, at least 0.
	Remaining int64
	// RetryAfter is after how long Least units would be granted, in whole microseconds, rounded up: 0 when they were
	// granted, when the limit never gives as many, and for Concurrency.
	RetryAfter time.Duration
	// ResetAfter is after how long all limits of Op are as if nothing had been taken.
	ResetAfter time.Duration
	// Lapse is for how long the units may be given out, from before the operation was sent: Op.Lapse, or less where a
	// calendar's period ends or a bucket is too shallow.
	Lapse time.Duration
	// At is the store's time of the operation, in UTC and whole microseconds.
	At time.Time
	// Err is what became of this operation alone: a node of a cluster is away that others can do without.
	Err error
}
