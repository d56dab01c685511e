package slo

import (
	"context"
	"time"

	"github.com/transbotai/tenon"
)

// Store keeps objectives, what was decided about them, and counts by the minute. It decides nothing by itself. Methods
// may be called concurrently, by many processes. A store reads no clock and mints no id. When it is away, every method
// returns an error of the class [tenon.ErrUnavailable].
type Store interface {
	// Load returns the state as it is. An empty one is not an error. The caller may change what it gets.
	Load(ctx context.Context) (*State, error)

	// Change locks the state, hands a copy to edit, stores the result, and hands the changes and notifications that
	// edit returns to the recorder and the notifier, all in one transaction. When edit, the recorder or the notifier
	// returns an error, nothing is written and the error is returned. Edit may be called more than once and must have
	// no other effect. What Change returns is the state after.
	Change(ctx context.Context, edit Edit) (*State, error)

	// Record keeps the counts of minutes. A minute of the same objective, measure and instance that is there already
	// is replaced when the new one counts at least as many events, and stays otherwise, so that sending one again, or
	// an older one late, changes nothing. Closed stays when it once was. Either all are kept or none.
	Record(ctx context.Context, minutes []Minute) error

	// Count returns the sum of the counts in each span, in their order. A span without minutes is a zero Count. With
	// Slice, instances are added up minute by minute, minutes with events are Valid, and of these Good are those in
	// which good events are at least the share Slice.
	Count(ctx context.Context, spans []Span) ([]Count, error)

	// Sketch returns what the sketches in each span add up to, in their order.
	Sketch(ctx context.Context, spans []Span) ([]Sketch, error)
}

// Historian is what a store may do beside, for people who look back.
type Historian interface {
	// Episodes returns the episodes, open and resolved, that were not over at since, oldest first, at most limit.
	Episodes(ctx context.Context, since time.Time, limit int) ([]Episode, error)
}

// Edit changes a state in place and says what follows. It resolves episodes and ends overrides, and takes none away: that
// is a [tenon.ErrInvalid], and nothing is written.
type Edit func(s *State) (Effects, error)

// Effects are what others are told of an edit, in its transaction.
type Effects struct {
	Changes       []tenon.Change
	Notifications []tenon.Notification
}

// State is everything but counts.
type State struct {
	Objectives []Objective // the newest version of each, by tenant and name
	Exclusions []Exclusion // by id
	Episodes   []Episode   // open ones, by id; one that an edit resolves leaves the state when it is stored
	Overrides  []Override  // by id; one that an edit ends leaves the state when it is stored
	Freeze     Freeze
	Evaluated  time.Time // of the newest evaluation that changed something
}

// Minute is what one instance counted of one objective in a minute.
type Minute struct {
	Key
	Measure  string    // of the objective that was counted: [Objective.Measure]
	At       time.Time // the minute's first instant
	Instance string    // who counted: a process since its start, or a table
	Good     int64
	Valid    int64
	Sketch   Sketch // may be nil
	Closed   bool   // the minute is over and everything that was counted is in
}

// Span asks for the minutes of one objective and measure that begin at From or later and before To.
type Span struct {
	Key
	Measure  string
	From, To time.Time
	Slice    PPM // 0: count events
}

// Settle is how long a minute may stay open after its end: [Count.Open] counts minutes that were not closed and that
// began earlier than this before the end of the span.
const Settle = 3 * time.Minute
