package support

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/transbotai/tenon"
)

// Acknowledge says that somebody has seen the ticket: nobody is told any more that nobody has. Doing it again changes
// nothing.
func (d *Desk) Acknowledge(ctx context.Context, ref Ref) (Ticket, error) {
	return d.act(ctx, ref, Event{Kind: Acknowledged}, "", func(t *Ticket) bool { return !t.Acknowledged.IsZero() })
}

// Reply says that the customer was answered; the text is kept. It acknowledges the ticket.
func (d *Desk) Reply(ctx context.Context, ref Ref, text string) (Ticket, error) {
	return d.act(ctx, ref, Event{Kind: Replied, Text: text}, "text", nil)
}

// Hear says that the customer wrote. A pending ticket is open again, a solved one reopened.
func (d *Desk) Hear(ctx context.Context, ref Ref, text string) (Ticket, error) {
	return d.act(ctx, ref, Event{Kind: Heard, Text: text}, "text", nil)
}

// Note keeps a word for colleagues. No clock minds it.
func (d *Desk) Note(ctx context.Context, ref Ref, text string) (Ticket, error) {
	return d.act(ctx, ref, Event{Kind: Noted, Text: text}, "text", nil)
}

// Pend says that the ticket waits for the customer: its clocks pause. It acknowledges the ticket.
func (d *Desk) Pend(ctx context.Context, ref Ref, reason string) (Ticket, error) {
	return d.act(ctx, ref, Event{Kind: Pended, Text: reason}, "", nil)
}

// Resume ends the waiting for the customer.
func (d *Desk) Resume(ctx context.Context, ref Ref) (Ticket, error) {
	return d.act(ctx, ref, Event{Kind: Resumed}, "", nil)
}

// Solve says that the issue is solved; the text says how. It acknowledges the ticket.
func (d *Desk) Solve(ctx context.Context, ref Ref, text string) (Ticket, error) {
	return d.act(ctx, ref, Event{Kind: Solved, Text: text}, "", nil)
}

// Reopen takes a solution back.
func (d *Desk) Reopen(ctx context.Context, ref Ref, reason string) (Ticket, error) {
	return d.act(ctx, ref, Event{Kind: Reopened, Text: reason}, "", nil)
}

// Prioritise gives the ticket another priority, under whose targets its clocks count from the beginning. To the one that
// it has changes nothing.
func (d *Desk) Prioritise(ctx context.Context, ref Ref, p Priority, reason string) (Ticket, error) {
	if err := p.check("priority"); err != nil {
		return Ticket{}, prefix(err)
	}
	return d.act(ctx, ref, Event{Kind: Prioritised, Priority: p, Text: reason}, "", func(t *Ticket) bool { return t.Priority == p })
}

// SetPlan moves the ticket under the policy of another plan.
func (d *Desk) SetPlan(ctx context.Context, ref Ref, plan string) (Ticket, error) {
	if err := checkName("plan", plan); err != nil {
		return Ticket{}, prefix(err)
	}
	return d.act(ctx, ref, Event{Kind: Replanned, Plan: plan}, "", func(t *Ticket) bool { return t.Plan == plan })
}

// Assign says whose ticket it is; empty is nobody's.
func (d *Desk) Assign(ctx context.Context, ref Ref, to string) (Ticket, error) {
	if err := checkName("assignee", to); err != nil {
		return Ticket{}, prefix(err)
	}
	return d.act(ctx, ref, Event{Kind: Assigned, To: to}, "", func(t *Ticket) bool { return t.Assignee == to })
}

// Close closes a solved ticket for good. Its clocks stay as they are, whatever becomes of the rules.
func (d *Desk) Close(ctx context.Context, ref Ref) (Ticket, error) {
	return d.act(ctx, ref, Event{Kind: Closed}, "", nil)
}

// act appends an event, unless it would change nothing. A required text is named by its field.
func (d *Desk) act(ctx context.Context, ref Ref, e Event, required string, idle func(*Ticket) bool) (Ticket, error) {
	if !ref.possible() || ref.Tenant == "" {
		return Ticket{}, ErrUnknownTicket
	}
	if required != "" && e.Text == "" {
		return Ticket{}, prefix(tenon.Invalid(required, "is empty"))
	}
	if err := checkText(cmp.Or(required, "reason"), e.Text); err != nil {
		return Ticket{}, prefix(err)
	}
	now, err := d.clock.Now(ctx, d.store)
	if err != nil {
		return Ticket{}, err
	}
	e.By = actor(ctx)
	return d.edit(ctx, ref, now, func(t *Ticket, b *book) (Effects, error) {
		if len(t.History) == 0 {
			return Effects{}, ErrUnknownTicket
		}
		if !e.Kind.allows(t.State) {
			return Effects{}, fmt.Errorf("%w: a ticket that is %s cannot be %s", ErrTransition, t.State, e.Kind)
		}
		if idle != nil && idle(t) {
			return Effects{}, nil
		}
		e.At = t.after(now)
		if e.Kind == Closed {
			e.Clocks = t.clocks(b, e.At)
		}
		t.append(e)
		return Effects{Changes: []tenon.Change{ticketChange(t, "support.ticket_"+string(e.Kind), e.Text, e.At)}}, nil
	})
}

// after returns now, or the time of the last event when a clock was put back since.
func (t *Ticket) after(now time.Time) time.Time {
	if last := t.History[len(t.History)-1].At; last.After(now) {
		return last
	}
	return now
}

// ticketChange tells the recorder what a ticket has become; of its texts, only a reason.
func ticketChange(t *Ticket, action, reason string, at time.Time) tenon.Change {
	after, _ := json.Marshal(map[string]any{ // text and times
		"state": t.State, "priority": t.Priority, "plan": t.Plan, "assignee": t.Assignee,
	})
	if action == "support.ticket_opened" || action == "support.ticket_replied" || action == "support.ticket_heard" ||
		action == "support.ticket_noted" {
		reason = ""
	}
	return tenon.Change{Tenant: t.Tenant, Action: action, Target: "ticket/" + t.ID, After: after, Reason: reason, At: at}
}
