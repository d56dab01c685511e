package support

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/transbotai/tenon"
)

// The kinds of timer that this package handles itself.
const (
	ticketKind  = "support.ticket"
	rulesKind   = "support.rules"
	findingKind = "support.finding"
)

// news is something that is to be told of a ticket at an instant.
type news struct {
	at    time.Time
	event Event
}

// news returns what is still to be told, as things stand: steps of the ladder, promises at risk and breached.
func (t *Ticket) news(b *book, now time.Time) []news {
	var all []news
	if t.State == StateSolved || t.State == StateClosed {
		return nil
	}
	terms := b.of(t.Plan)
	for _, s := range terms.Ladders[t.Priority] {
		if (t.Acknowledged.IsZero() || s.Anyway) && !t.escalated(s.Name) {
			all = append(all, news{t.since(t.Priority).Add(s.After), Event{Kind: Escalated, Step: s.Name}})
		}
	}
	for _, c := range t.clocks(b, now) {
		if c.Due.IsZero() || !c.Stopped.IsZero() || c.Standing == Inactive {
			continue
		}
		if !c.warn.IsZero() && !t.toldOf(AtRisk, c) && !t.toldOf(Breached, c) && now.Before(c.Due) {
			all = append(all, news{c.warn, Event{Kind: AtRisk, Promise: c.Promise, Priority: t.Priority, Due: c.Due}})
		}
		if !t.toldOf(Breached, c) {
			all = append(all, news{c.Due, Event{Kind: Breached, Promise: c.Promise, Priority: t.Priority, Due: c.Due}})
		}
	}
	return all
}

// toldOf says whether this was told of a clock since it began, at the present priority: what was told of an earlier
// message, or of other targets, is another matter.
func (t *Ticket) toldOf(k Kind, c Clock) bool {
	for _, e := range t.History {
		if e.Kind == k && e.Promise == c.Promise && e.Priority == t.Priority && !e.At.Before(c.Started) {
			return true
		}
	}
	return false
}

// timers returns the timer of a ticket, or what takes it back. There is one, for the next thing to be told.
func (t *Ticket) timers(b *book, now time.Time) ([]Timer, []TimerRef) {
	ref := TimerRef{Tenant: t.Tenant, Key: ticketKind + "/" + t.ID}
	var next time.Time
	for _, n := range t.news(b, now) {
		if next.IsZero() || n.at.Before(next) {
			next = n.at
		}
	}
	if next.IsZero() {
		return nil, []TimerRef{ref}
	}
	payload, _ := json.Marshal(t.Ref) // two strings
	return []Timer{{TimerRef: ref, At: tenon.Instant(next), Kind: ticketKind, Payload: payload}}, nil
}

// Work returns what handles the desk's timers, for [NewTimers].
func (d *Desk) Work() Work {
	return Work{
		ticketKind: {Each: func(ctx context.Context, s Store, t Timer) error {
			var ref Ref
			if err := json.Unmarshal(t.Payload, &ref); err != nil {
				return err
			}
			return d.WithStore(s).Tick(ctx, ref)
		}},
		rulesKind: {Each: func(ctx context.Context, s Store, t Timer) error {
			return d.WithStore(s).resetTimers(ctx, s, t)
		}},
	}
}

// Tick tells what has become due about a ticket, once: its ladder, its promises at risk and breached. Timers call it;
// calling it at any time is harmless. A ticket that is gone is no error.
func (d *Desk) Tick(ctx context.Context, ref Ref) error {
	now, err := d.clock.Now(ctx, d.store)
	if err != nil {
		return err
	}
	_, err = d.store.ChangeTicket(ctx, ref, func(t *Ticket, r Rules) (Effects, error) {
		b, err := d.bookOf(r)
		if err != nil || len(t.History) == 0 {
			return Effects{}, err
		}
		var e Effects
		for _, n := range t.news(b, now) {
			if !n.at.After(now) {
				e.tell(t, n.event, t.after(now))
			}
		}
		e.Timers, e.Cancel = t.timers(b, now)
		return e, nil
	})
	return err
}

// tell appends an event of the clocks and says whom it is told.
func (e *Effects) tell(t *Ticket, event Event, at time.Time) {
	event.At = at
	t.append(event)
	e.Notifications = append(e.Notifications, t.notification(event))
	e.Changes = append(e.Changes, ticketChange(t, "support.ticket_"+string(event.Kind), event.reason(), at))
}

// reason says why the clocks did something.
func (e *Event) reason() string {
	if e.Kind == Escalated {
		return "escalated to " + e.Step
	}
	return fmt.Sprintf("%s due %s", e.Promise, e.Due.Format(time.RFC3339))
}

func (t *Ticket) notification(e Event) tenon.Notification {
	n := tenon.Notification{
		Kind: "support." + string(e.Kind), Tenant: t.Tenant, Severity: tenon.SeverityWarning, At: e.At,
		Data: map[string]string{"ticket": t.ID, "priority": string(t.Priority), "state": string(t.State)},
	}
	switch e.Kind {
	case Escalated:
		n.Severity, n.Data["step"] = tenon.SeverityCritical, e.Step
		n.Key = fmt.Sprintf("support.escalated/%s/%s", t.ID, e.Step)
		n.Title = fmt.Sprintf("%s ticket escalates to %s", t.Priority, e.Step)
		n.Text = fmt.Sprintf("Opened %s.", t.OpenedAt.Format(time.RFC3339))
		if t.Acknowledged.IsZero() {
			n.Text += " Nobody has acknowledged it."
		}
	case Breached:
		n.Severity = tenon.SeverityCritical
		n.Title = fmt.Sprintf("%s ticket: %s is overdue", t.Priority, e.Promise.words())
		n.Text = fmt.Sprintf("It was due %s.", e.Due.Format(time.RFC3339))
	default:
		n.Title = fmt.Sprintf("%s ticket: %s is at risk", t.Priority, e.Promise.words())
		n.Text = fmt.Sprintf("It is due %s.", e.Due.Format(time.RFC3339))
	}
	if e.Promise != "" {
		n.Data["promise"], n.Data["due"] = string(e.Promise), e.Due.Format(time.RFC3339)
		n.Key = fmt.Sprintf("%s/%s/%s/%d", n.Kind, t.ID, e.Promise, len(t.History))
	}
	return n
}

func (p Promise) words() string {
	switch p {
	case FirstResponse:
		return "the first response"
	case NextResponse:
		return "the next response"
	default:
		return "the resolution"
	}
}
