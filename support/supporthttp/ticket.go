package supporthttp

import (
	"time"

	"github.com/transbotai/tenon/support"
)

// ticket is a ticket as its customer sees it.
type ticket struct {
	ID           string           `json:"id"`
	Priority     support.Priority `json:"priority"`
	Issue        string           `json:"issue"`
	State        support.State    `json:"state"`
	Requester    string           `json:"requester,omitempty"`
	SLAHours     float64          `json:"sla_hours"` // to the solution; 0: none is promised
	CreatedAt    time.Time        `json:"created_at"`
	DueAt        time.Time        `json:"due_at,omitzero"` // of the solution; absent while it waits for the customer
	Acknowledged time.Time        `json:"acknowledged_at,omitzero"`
	SolvedAt     time.Time        `json:"solved_at,omitzero"`
	Clocks       []clock          `json:"clocks"`
	Messages     []message        `json:"messages"` // oldest first
}

// clock is a promise and how it stands. Spans are in seconds.
type clock struct {
	Promise   support.Promise  `json:"promise"`
	Standing  support.Standing `json:"standing"`
	Target    float64          `json:"target"`
	Remaining float64          `json:"remaining"` // negative when it is over
	Due       time.Time        `json:"due,omitzero"`
	Business  bool             `json:"business,omitempty"` // counted in business hours
}

// message is a line of the history that concerns the customer.
type message struct {
	At   time.Time    `json:"at"`
	Kind support.Kind `json:"kind"`
	Text string       `json:"text,omitempty"`
}

// shown are the kinds of event that a customer sees, and whether with their text.
var shown = map[support.Kind]bool{
	support.Opened: false, support.Acknowledged: false, support.Replied: true, support.Heard: true, support.Pended: true,
	support.Resumed: false, support.Prioritised: false, support.Solved: true, support.Closed: false, support.Reopened: true,
}

func ticketOf(t support.Ticket) ticket {
	v := ticket{
		ID: t.ID, Priority: t.Priority, Issue: t.Issue, State: t.State, Requester: t.Requester, CreatedAt: t.OpenedAt,
		Acknowledged: t.Acknowledged, SolvedAt: t.SolvedAt, Clocks: []clock{}, Messages: []message{},
	}
	for _, c := range t.Clocks {
		if c.Promise == support.Resolution {
			v.SLAHours, v.DueAt = c.Target.Hours(), c.Due
		}
		if c.Standing != support.Inactive {
			v.Clocks = append(v.Clocks, clockOf(c))
		}
	}
	for _, e := range t.History {
		if text, ok := shown[e.Kind]; ok {
			m := message{At: e.At, Kind: e.Kind}
			if text {
				m.Text = e.Text
			}
			v.Messages = append(v.Messages, m)
		}
	}
	return v
}

func clockOf(c support.Clock) clock {
	return clock{
		Promise: c.Promise, Standing: c.Standing, Target: c.Target.Seconds(), Remaining: c.Remaining.Seconds(), Due: c.Due,
		Business: c.Business,
	}
}
