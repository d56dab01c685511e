package support

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/storeclock"
)

// maxText bounds an issue, a message or a reason in bytes; maxName, a plan, an assignee or an actor.
const (
	maxText = 64 << 10
	maxName = 255
)

// Desk takes tickets and keeps their clocks. Its methods may be called concurrently. The caller in the context is the
// one who acts; whether he may is for the host to say.
type Desk struct {
	store TicketStore
	clock *storeclock.Clock
	book  *atomic.Pointer[book] // of the rules that were read last
}

// NewDesk returns a desk over store. It does no I/O and starts nothing. Clocks are right whenever a ticket is read;
// escalations and warnings are told by timers: hand [Desk.Work] to [NewTimers] and run those, or nobody is told.
func NewDesk(store TicketStore) *Desk {
	return &Desk{store: store, clock: &storeclock.Clock{}, book: &atomic.Pointer[book]{}}
}

// WithStore returns a desk that works in s, usually a store bound to the caller's transaction.
func (d *Desk) WithStore(s TicketStore) *Desk { return &Desk{store: s, clock: d.clock, book: d.book} }

// bookOf checks rules, or has done so. A version alone does not tell rules apart: those that a transaction took back had
// the version of those that others set afterwards.
func (d *Desk) bookOf(r Rules) (*book, error) {
	if b := d.book.Load(); b != nil && b.rules.Version == r.Version && reflect.DeepEqual(b.rules, r) {
		return b, nil
	}
	b, err := r.book()
	if err == nil {
		d.book.Store(b)
	}
	return b, err
}

// NewTicket is what opens a ticket.
type NewTicket struct {
	Tenant string // required: whose it is
	// ID is a UUID, for a host that may ask twice; empty mints one. Opening a ticket again that is there with the same
	// priority and issue returns it.
	ID        string
	Priority  Priority // required
	Issue     string   // required, at most 64 KiB
	Plan      string   // chooses the policy; see [Rules]
	Requester string   // empty: the actor of the caller
}

func (n *NewTicket) check() error {
	if err := checkName("tenant", n.Tenant); err != nil {
		return err
	}
	if n.Tenant == "" {
		return tenon.Invalid("tenant", "is empty")
	}
	if n.ID != "" && !isUUID(n.ID) {
		return tenon.Invalid("id", "is not a UUID in lower case")
	}
	if err := n.Priority.check("priority"); err != nil {
		return err
	}
	if n.Issue == "" {
		return tenon.Invalid("issue", "is empty")
	}
	return cmp.Or(checkText("issue", n.Issue), checkName("plan", n.Plan), checkName("requester", n.Requester))
}

// Open opens a ticket. Its times are the desk's.
func (d *Desk) Open(ctx context.Context, n NewTicket) (Ticket, error) {
	if err := n.check(); err != nil {
		return Ticket{}, prefix(err)
	}
	now, err := d.clock.Now(ctx, d.store)
	if err != nil {
		return Ticket{}, err
	}
	ref := Ref{n.Tenant, cmp.Or(n.ID, tenon.NewID(now))}
	by := cmp.Or(n.Requester, actor(ctx))
	return d.edit(ctx, ref, now, func(t *Ticket, _ *book) (Effects, error) {
		if len(t.History) > 0 {
			return Effects{}, n.sameAs(t)
		}
		t.append(Event{At: now, Kind: Opened, By: by, Text: n.Issue, Priority: n.Priority, Plan: n.Plan})
		return Effects{Changes: []tenon.Change{ticketChange(t, "support.ticket_opened", "", now)}}, nil
	})
}

// sameAs returns nil when n opened t.
func (n *NewTicket) sameAs(t *Ticket) error {
	if t.History[0].Priority != n.Priority || t.Issue != n.Issue {
		return ErrTaken
	}
	return nil
}

// edit changes a ticket and sets its timer. When nothing was appended, nothing is written.
func (d *Desk) edit(ctx context.Context, ref Ref, now time.Time, f func(*Ticket, *book) (Effects, error)) (Ticket, error) {
	var rules *book
	t, err := d.store.ChangeTicket(ctx, ref, func(t *Ticket, r Rules) (e Effects, err error) {
		if rules, err = d.bookOf(r); err != nil {
			return Effects{}, err
		}
		before := len(t.History)
		if e, err = f(t, rules); err != nil || len(t.History) == before {
			return e, err
		}
		timers, cancel := t.timers(rules, now)
		e.Timers, e.Cancel = append(e.Timers, timers...), append(e.Cancel, cancel...)
		return e, nil
	})
	if err != nil {
		return Ticket{}, prefix(err)
	}
	t.Clocks = t.clocks(rules, now)
	return t, nil
}

// Get returns a ticket with its clocks as of now.
func (d *Desk) Get(ctx context.Context, ref Ref) (Ticket, error) {
	if !ref.possible() || ref.Tenant == "" {
		return Ticket{}, ErrUnknownTicket
	}
	found, err := d.List(ctx, TicketQuery{Tenant: ref.Tenant, ID: ref.ID, Limit: 1})
	if err == nil && len(found) == 0 {
		err = ErrUnknownTicket
	}
	if err != nil {
		return Ticket{}, err
	}
	return found[0], nil
}

// List returns tickets with their clocks as of now.
func (d *Desk) List(ctx context.Context, q TicketQuery) ([]Ticket, error) {
	if err := q.check(); err != nil {
		return nil, prefix(err)
	}
	now, err := d.clock.Now(ctx, d.store)
	if err != nil {
		return nil, err
	}
	return d.listAt(ctx, q, now)
}

func (d *Desk) listAt(ctx context.Context, q TicketQuery, now time.Time) ([]Ticket, error) {
	rules, err := d.store.Rules(ctx)
	if err != nil {
		return nil, err
	}
	book, err := d.bookOf(rules)
	if err != nil {
		return nil, err
	}
	found, err := d.store.Tickets(ctx, q)
	if err != nil {
		return nil, err
	}
	for i := range found {
		found[i].Clocks = found[i].clocks(book, now)
	}
	return found, nil
}

// maxPage bounds a page.
const maxPage = 1000

func (q *TicketQuery) check() error {
	if q.ID != "" && !isUUID(q.ID) {
		return tenon.Invalid("id", "is not a UUID in lower case")
	}
	if q.Before != "" && !isUUID(q.Before) {
		return tenon.Invalid("before", "is not a UUID in lower case")
	}
	for _, s := range q.States {
		if !slices.Contains([]State{StateOpen, StatePending, StateSolved, StateClosed, StateReopened}, s) {
			return tenon.Invalid("states", "%q is not a state", string(s))
		}
	}
	if q.Limit < 0 || q.Limit > maxPage {
		return tenon.Invalid("limit", "%d does not lie within 0 and %d", q.Limit, maxPage)
	}
	return checkName("tenant", q.Tenant)
}

func actor(ctx context.Context) string {
	caller, _ := tenon.CallerFrom(ctx)
	return caller.Actor
}
