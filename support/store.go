package support

import (
	"context"
	"encoding/json"
	"time"

	"github.com/transbotai/tenon"
)

// Store keeps everything of this package; each struct takes its part alone. Methods may be called concurrently, by many
// processes. A store decides nothing by itself, mints no id, and reads no clock but for timers. When it is away, every
// method returns an error of the class [tenon.ErrUnavailable].
type Store interface {
	TicketStore
	TimerStore
	TourStore
	FindingStore
}

// Effects are what follows from a change, in its transaction.
type Effects struct {
	Timers        []Timer // to be scheduled
	Cancel        []TimerRef
	Changes       []tenon.Change       // for the recorder
	Notifications []tenon.Notification // for the notifier
}

// TicketStore keeps tickets and the rules about them.
type TicketStore interface {
	// Tickets returns the tickets of q with their histories. None is not an error.
	Tickets(ctx context.Context, q TicketQuery) ([]Ticket, error)

	// ChangeTicket locks the ticket, hands it to edit with the rules in force, and writes the events that edit appended
	// and what follows from them, all in one transaction. A ticket that is not there has no history; an edit that
	// appends nothing and returns no effects writes nothing. An error of edit, of the recorder or of the notifier
	// leaves everything as it was, and is returned. Edit may be called more than once and must have no other effect.
	// The rules cannot change between their reading and the end of the transaction.
	ChangeTicket(ctx context.Context, ref Ref, edit func(t *Ticket, r Rules) (Effects, error)) (Ticket, error)

	// Rules returns the rules in force, [DefaultRules] when none were set.
	Rules(ctx context.Context) (Rules, error)

	// ChangeRules locks the rules, hands them to edit, and keeps what edit leaves as the next version. Errors are as
	// those of ChangeTicket. It waits for changes of tickets that began under the rules before.
	ChangeRules(ctx context.Context, edit func(r *Rules) (Effects, error)) (Rules, error)
}

// TicketQuery chooses tickets. The zero value of a field chooses all.
type TicketQuery struct {
	Tenant string // empty: of every tenant, for the staff alone
	ID     string
	States []State
	// OpenedSince and OpenedBefore bound when tickets were opened.
	OpenedSince, OpenedBefore time.Time
	// Before is the id of the last ticket of the page before this one. Tickets come newest first, by id.
	Before string
	// Limit is how many come at most; 0 means 100. Those of other tenants that have the id of the last one come too.
	Limit int
}

// TimerStore keeps timers. What is due, and how long a lease lasts, is decided by the store's own clock, which all
// workers share.
type TimerStore interface {
	// Schedule keeps timers. One whose tenant and key are there already takes the place of the old one: with no
	// attempts, even when that was given up or is being worked on, whose work is then undone. Of several of the same
	// key, the last counts.
	Schedule(ctx context.Context, timers []Timer) error

	// Cancel takes timers back and returns how many were there. One that it returns does not fire. It is no error when
	// there is none.
	Cancel(ctx context.Context, refs []TimerRef) (int, error)

	// Claim leases timers that are due and not leased, of the one of c.Kinds whose oldest has waited longest, oldest
	// first, and counts an attempt for each. It takes at most c.Limit, and one alone when that was tried before. With
	// nothing due it says how long it is until something is.
	Claim(ctx context.Context, c Claim) (Claimed, error)

	// Work calls f in a transaction, with a store in that transaction, and removes the timers with what f wrote. If f
	// fails, nothing is kept and its error is returned. If a timer is no longer held under the lease (it was
	// cancelled, scheduled anew by others, or claimed since), nothing is kept and ErrLost is returned; but what f
	// itself schedules or cancels is its own affair.
	Work(ctx context.Context, lease string, held []Held, f func(ctx context.Context, s Store) error) error

	// Fail ends the leases of timers that were not worked on: each is tried again when its delay has passed, or given
	// up. One that is no longer held is left alone.
	Fail(ctx context.Context, lease string, failures []Failure) error
}

// TimerRef names a timer.
type TimerRef struct {
	Tenant string `json:"tenant,omitempty"` // whose it is; empty for those of the whole system
	Key    string `json:"key"`              // the host's: "invoice/17/reminder"
}

// Timer is something to be done at an instant.
type Timer struct {
	TimerRef
	At      time.Time       `json:"at"`
	Kind    string          `json:"kind"`              // who handles it
	Payload json.RawMessage `json:"payload,omitempty"` // JSON, for the handler; may be nil
}

// Claim asks for timers.
type Claim struct {
	Lease string // a UUID that no other claim has
	For   time.Duration
	Kinds []string
	Limit int
}

// Claimed is what a claim got.
type Claimed struct {
	Timers []Held        // of one kind
	Now    time.Time     // by the store's clock
	Next   time.Duration // with no Timers: until the next is due; negative when there is none
}

// Held is a timer under a lease.
type Held struct {
	Timer
	Attempts int    // this one included
	Place    string // where the store has it: its own affair
}

// Failure is what became of a timer whose work failed.
type Failure struct {
	Held   Held
	Reason string
	After  time.Duration // until it is tried again
	Dead   bool          // it is given up
	Undo   bool          // it was never tried: the attempt does not count
}

// TimerReviewer is what a store offers beside, for people who look after timers.
type TimerReviewer interface {
	// TallyTimers counts the timers of each kind, by kind.
	TallyTimers(ctx context.Context) ([]TimerTally, error)

	// DeadTimers returns timers that were given up, the oldest first, at most limit.
	DeadTimers(ctx context.Context, limit int) ([]DeadTimer, error)

	// ReviveTimer makes a timer that was given up due at once, with no attempts. When there is none it is an
	// [ErrUnknownTimer].
	ReviveTimer(ctx context.Context, ref TimerRef) error
}

// TimerTally is how many timers of a kind there are.
type TimerTally struct {
	Kind    string
	Waiting int64 // due now or later
	Due     int64 // of those, due and not under a lease
	Dead    int64
	Oldest  time.Duration // for how long the oldest due one has been; 0 when none is
}

// DeadTimer is a timer that was given up.
type DeadTimer struct {
	Timer
	Attempts int
	Reason   string
	DeadAt   time.Time
}

// TourStore keeps how far users have come with tours.
type TourStore interface {
	// Progress returns what is kept of a user, by tour. None is not an error.
	Progress(ctx context.Context, v Viewer) ([]Progress, error)

	// KeepProgress lays p over what is kept and returns the result: a newer version takes the place of an older one,
	// which is otherwise ignored; within a version the further step counts, and an end stays. So devices that report
	// in any order, and more than once, agree.
	KeepProgress(ctx context.Context, p Progress) (Progress, error)
}

// FindingStore keeps findings.
type FindingStore interface {
	// Findings returns the findings of q. None is not an error.
	Findings(ctx context.Context, q FindingQuery) ([]Finding, error)

	// ChangeFinding locks the finding, hands it to edit, and keeps what edit leaves and what follows from it. A finding
	// that is not there has no history. Errors are as those of [TicketStore].ChangeTicket.
	ChangeFinding(ctx context.Context, ref Ref, edit func(f *Finding) (Effects, error)) (Finding, error)
}

// FindingQuery chooses findings. The zero value of a field chooses all.
type FindingQuery struct {
	Tenant string // empty: of every tenant and of the system, for the staff alone
	ID     string
	States []FindingState
	Before string // the id of the last finding of the page before: newest first, by id
	Limit  int    // as that of [TicketQuery]
}
