package support

import (
	"slices"
	"time"
)

// Ref names a ticket or a finding.
type Ref struct {
	Tenant string `json:"tenant"`
	ID     string `json:"id"` // a UUID
}

// State is how far a ticket has come.
type State string

// The states of a ticket.
const (
	StateOpen     State = "open"
	StatePending  State = "pending"  // waiting for the customer: no clock runs
	StateSolved   State = "solved"   // the customer may still reopen it
	StateClosed   State = "closed"   // for good
	StateReopened State = "reopened" // open again
)

// Active says whether somebody has to do something.
func (s State) Active() bool { return s == StateOpen || s == StateReopened }

// Kind is what happened to a ticket.
type Kind string

// The kinds of event.
const (
	Opened       Kind = "opened"       // Priority, Plan; Text is the issue
	Acknowledged Kind = "acknowledged" // somebody has seen it
	Replied      Kind = "replied"      // to the customer
	Heard        Kind = "heard"        // the customer wrote
	Noted        Kind = "noted"        // for colleagues alone
	Pended       Kind = "pended"
	Resumed      Kind = "resumed"
	Prioritised  Kind = "prioritised" // Priority
	Replanned    Kind = "replanned"   // Plan
	Assigned     Kind = "assigned"    // To
	Solved       Kind = "solved"
	Closed       Kind = "closed" // Clocks, as they stay
	Reopened     Kind = "reopened"
	Escalated    Kind = "escalated" // Step
	AtRisk       Kind = "at_risk"   // Promise, Priority, Due
	Breached     Kind = "breached"  // Promise, Priority, Due
)

// Event is one line of a ticket's history.
type Event struct {
	At       time.Time `json:"at"`
	Kind     Kind      `json:"kind"`
	By       string    `json:"by,omitempty"` // the actor; empty: the clocks
	Text     string    `json:"text,omitempty"`
	Priority Priority  `json:"priority,omitempty"`
	Plan     string    `json:"plan,omitempty"`
	To       string    `json:"to,omitempty"`
	Step     string    `json:"step,omitempty"`
	Promise  Promise   `json:"promise,omitempty"`
	Due      time.Time `json:"due,omitzero"` // what the promise was due at when this was told
	Clocks   []Clock   `json:"clocks,omitempty"`
}

// Ticket is a ticket. What it is follows from its history alone; its clocks, from its history and the rules.
type Ticket struct {
	Ref
	Issue        string    `json:"issue"`
	Priority     Priority  `json:"priority"`
	Plan         string    `json:"plan,omitempty"`
	State        State     `json:"state"`
	Requester    string    `json:"requester,omitempty"` // who opened it
	Assignee     string    `json:"assignee,omitempty"`
	OpenedAt     time.Time `json:"opened_at"`
	Acknowledged time.Time `json:"acknowledged_at,omitzero"`
	SolvedAt     time.Time `json:"solved_at,omitzero"` // zero again when it is reopened
	History      []Event   `json:"history"`            // oldest first
	Clocks       []Clock   `json:"clocks,omitempty"`   // as of when it was read; a store keeps none
}

// Replay makes a ticket of its history.
func Replay(ref Ref, history []Event) Ticket {
	t := Ticket{Ref: ref}
	for _, e := range history {
		t.append(e)
	}
	return t
}

// append adds an event to the history, and follows it.
func (t *Ticket) append(e Event) {
	t.History = append(t.History, e)
	if next, ok := moves[e.Kind]; ok {
		t.State = next.to
	}
	switch e.Kind {
	case Opened:
		t.Issue, t.Priority, t.Plan, t.Requester, t.OpenedAt = e.Text, e.Priority, e.Plan, e.By, e.At
	case Heard:
		t.State = afterHearing(t.State)
	case Prioritised:
		t.Priority = e.Priority
	case Replanned:
		t.Plan = e.Plan
	case Assigned:
		t.Assignee = e.To
	}
	if t.Acknowledged.IsZero() && acknowledges(e.Kind) {
		t.Acknowledged = e.At
	}
	t.SolvedAt = t.solvedAfter(e)
}

func (t *Ticket) solvedAfter(e Event) time.Time {
	switch {
	case e.Kind == Solved:
		return e.At
	case t.State == StateSolved || t.State == StateClosed:
		return t.SolvedAt
	default:
		return time.Time{}
	}
}

// afterHearing is the state in which a word from the customer leaves a ticket.
func afterHearing(s State) State {
	switch s {
	case StatePending:
		return StateOpen
	case StateSolved:
		return StateReopened
	default:
		return s
	}
}

// acknowledges says whether whoever does this has seen the ticket.
func acknowledges(k Kind) bool {
	return slices.Contains([]Kind{Acknowledged, Replied, Pended, Solved}, k)
}

// move is a kind of event that changes the state.
type move struct {
	from []State
	to   State
}

var moves = map[Kind]move{
	Opened:   {[]State{""}, StateOpen},
	Pended:   {[]State{StateOpen, StateReopened}, StatePending},
	Resumed:  {[]State{StatePending}, StateOpen},
	Solved:   {[]State{StateOpen, StatePending, StateReopened}, StateSolved},
	Closed:   {[]State{StateSolved}, StateClosed},
	Reopened: {[]State{StateSolved}, StateReopened},
}

// allows says whether an event of this kind may happen to a ticket in state s.
func (k Kind) allows(s State) bool {
	if m, ok := moves[k]; ok {
		return slices.Contains(m.from, s)
	}
	switch k {
	case Noted:
		return true
	case Heard, Replied, Assigned:
		return s != StateClosed
	default:
		return s.Active() || s == StatePending
	}
}

// since returns when the ticket first had a priority, zero when it never had.
func (t *Ticket) since(p Priority) time.Time {
	for _, e := range t.History {
		if (e.Kind == Opened || e.Kind == Prioritised) && e.Priority == p {
			return e.At
		}
	}
	return time.Time{}
}

// escalated says whether a step has fired.
func (t *Ticket) escalated(step string) bool {
	return slices.ContainsFunc(t.History, func(e Event) bool { return e.Kind == Escalated && e.Step == step })
}
