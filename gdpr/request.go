package gdpr

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// Kind is what a request asks for.
type Kind string

// The kinds.
const (
	KindExport  Kind = "export"  // hand over: Art. 15 (what is kept about the subject) and 20 (what it gave)
	KindErasure Kind = "erasure" // forget: Art. 17
)

// State is where a request stands.
//
//	received → verified → completed                       an export, made by Run
//	received → verified → marked → erasing → completed    an erasure
//	received → refused, verified → refused
//	received, verified → withdrawn, marked → restoring → withdrawn
type State string

// The states.
const (
	StateReceived  State = "received"  // nobody has yet found out that the one who asks is the one they say
	StateVerified  State = "verified"  // an export: is being made. An erasure: the data is about to be marked
	StateMarked    State = "marked"    // as deleted; it can be restored until EraseAt
	StateRestoring State = "restoring" // the marks are being taken back
	StateErasing   State = "erasing"   // there is no way back
	StateCompleted State = "completed"
	StateRefused   State = "refused"
	StateWithdrawn State = "withdrawn"
)

// Closed says whether nothing is left to do.
func (s State) Closed() bool {
	return s == StateCompleted || s == StateRefused || s == StateWithdrawn
}

// Key identifies a request.
type Key struct {
	Tenant string `json:"tenant"`
	ID     string `json:"id"` // a UUID of version 7
}

// Request is what a data subject asked for, and what became of it.
type Request struct {
	Key
	Kind   Kind   `json:"kind"`
	User   string `json:"user,omitempty"` // the person in the company; empty for the company itself
	State  State  `json:"state"`
	By     string `json:"by"`               // who asked
	Reason string `json:"reason,omitempty"` // in their words

	ReceivedAt time.Time  `json:"received_at"`
	DueAt      time.Time  `json:"due_at"` // Art. 12(3): see [Due]
	Extension  *Extension `json:"extension,omitempty"`

	VerifiedAt time.Time `json:"verified_at,omitzero"`
	VerifiedBy string    `json:"verified_by,omitempty"`
	How        string    `json:"how,omitempty"` // the identity was verified

	MarkedAt time.Time `json:"marked_at,omitzero"`
	EraseAt  time.Time `json:"erase_at,omitzero"` // the grace ends
	ClosedAt time.Time `json:"closed_at,omitzero"`
	Answer   string    `json:"answer,omitempty"` // why it was refused or withdrawn

	Plan        json.RawMessage `json:"plan,omitempty"`      // the frozen [Plan] of an erasure
	PlanHash    string          `json:"plan_hash,omitempty"` // and its digest
	Steps       []Step          `json:"steps,omitempty"`
	Certificate json.RawMessage `json:"certificate,omitempty"`
	File        *File           `json:"file,omitempty"` // of an export that is ready

	WarnedAt  time.Time `json:"warned_at,omitzero"`  // that it is due soon
	OverdueAt time.Time `json:"overdue_at,omitzero"` // when it was told that it is overdue
	Forgotten bool      `json:"forgotten,omitempty"` // Tenant, or User, is a pseudonym now

	NextAt     time.Time `json:"-"` // there is work then; zero: none
	Lease      string    `json:"-"` // of the instance that works on it
	LeaseUntil time.Time `json:"-"`
}

// Extension is a due date put off: Art. 12(3), second sentence.
type Extension struct {
	At     time.Time `json:"at"` // it was announced
	By     string    `json:"by"`
	Reason string    `json:"reason"`
}

// Step is one piece of work for a request. Each is done again until it succeeds; one that fails holds up no other, but
// for those that come after it by [Satellite].After.
type Step struct {
	Name     string           `json:"name"` // "mark", "restore", "tables", "satellite/stripe", …
	Attempts int              `json:"attempts"`
	Error    string           `json:"error,omitempty"`  // of the last attempt; empty when it went well
	NextAt   time.Time        `json:"next_at,omitzero"` // when it is tried again
	DoneAt   time.Time        `json:"done_at,omitzero"` // zero: it is not done
	Rows     map[string]int64 `json:"rows,omitempty"`   // by table: removed, emptied or marked
	Told     bool             `json:"told,omitempty"`   // that it fails again and again
}

// File is an export that is ready.
type File struct {
	Name    string    `json:"name"` // for the one who fetches it
	Size    int64     `json:"size"` // in bytes
	SHA256  string    `json:"sha256"`
	At      time.Time `json:"at"`      // the instant whose data it holds
	Expires time.Time `json:"expires"` // it is removed then
	Gone    bool      `json:"gone,omitempty"`
}

// Subject returns whose data it is.
func (r *Request) Subject() tenon.Subject { return tenon.Subject{Tenant: r.Tenant, User: r.User} }

// Deletion returns what the host's rows are marked with.
func (r *Request) Deletion() Deletion {
	return Deletion{ID: r.ID, Subject: r.Subject(), At: r.VerifiedAt}
}

// Overdue says whether the request should have been answered by now.
func (r *Request) Overdue(now time.Time) bool { return !r.State.Closed() && !now.Before(r.DueAt) }

// Step returns the step by that name; a zero one when there is none yet.
func (r *Request) Step(name string) Step {
	if i := r.step(name); i >= 0 {
		return r.Steps[i]
	}
	return Step{Name: name}
}

func (r *Request) step(name string) int {
	return slices.IndexFunc(r.Steps, func(s Step) bool { return s.Name == name })
}

// Due returns the last instant for an answer to what came at received: months later, at the same time of the same day,
// or on the last day of a month that is shorter (Regulation 1182/71, Art. 3(2)(c)). The Regulation would allow until the
// end of that day, and beyond it when that is a Sunday or a holiday; tenon does not use this.
func Due(received time.Time, months int) time.Time {
	received = tenon.Instant(received)
	first := time.Date(received.Year(), received.Month()+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	day := min(received.Day(), first.AddDate(0, 1, -1).Day())
	since := received.Sub(time.Date(received.Year(), received.Month(), received.Day(), 0, 0, 0, 0, time.UTC))
	return first.AddDate(0, 0, day-1).Add(since)
}
