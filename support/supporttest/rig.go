package supporttest

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/support"
)

// noon is when rules begin: a Tuesday.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// rig drives a store at times that it chooses.
type rig struct {
	t     *testing.T
	store support.Store
	heard *ears
	now   time.Time
}

func (r *rig) ctx() context.Context {
	return tenon.WithCaller(r.t.Context(), tenon.Caller{Tenant: "host", Actor: "ann"})
}

// clocked gives a store the rig's time.
type clocked struct {
	support.Store
	now time.Time
}

func (c clocked) Clock(context.Context) (time.Time, error) { return c.now, nil }

// desk returns a desk of the rig's present time, as another process would have it. It is for one call.
func (r *rig) desk() *support.Desk { return support.NewDesk(clocked{r.store, r.now}) }

func (r *rig) findings() *support.Findings {
	return support.NewFindings(clocked{r.store, r.now}, nil)
}

// later moves the time on.
func (r *rig) later(d time.Duration) { r.now = r.now.Add(d) }

// open opens a ticket of acme.
func (r *rig) open(p support.Priority) support.Ref {
	r.t.Helper()
	t, err := r.desk().Open(r.ctx(), support.NewTicket{Tenant: "acme", Priority: p, Issue: "no quotes", Requester: "bob"})
	r.must(err)
	return t.Ref
}

// does fails when an act on a ticket does.
func (r *rig) does(t support.Ticket, err error) support.Ticket {
	r.t.Helper()
	r.must(err)
	return t
}

func (r *rig) get(ref support.Ref) support.Ticket {
	r.t.Helper()
	return r.does(r.desk().Get(r.ctx(), ref))
}

// clock returns one clock of a ticket.
func (r *rig) clock(ref support.Ref, p support.Promise) support.Clock {
	r.t.Helper()
	for _, c := range r.get(ref).Clocks {
		if c.Promise == p {
			return c
		}
	}
	r.t.Fatalf("the ticket has no clock of %s", p)
	return support.Clock{}
}

// stands fails unless a clock stands so and is due then.
func (r *rig) stands(ref support.Ref, p support.Promise, want support.Standing, due time.Time) {
	r.t.Helper()
	c := r.clock(ref, p)
	equal(r.t, string(p)+": standing", c.Standing, want)
	equal(r.t, string(p)+": due", c.Due, due)
}

// tick does what the ticket's timer would do now.
func (r *rig) tick(ref support.Ref) {
	r.t.Helper()
	r.must(r.desk().Tick(r.ctx(), ref))
}

// told fails unless these kinds of notification were told, in this order, since it was asked last.
// nolint
func (r *rig) told(want ...string) {
	r.t.Helper()
	var kinds []string
	for _, n := range r.heard.Told() {
		kinds = append(kinds, n.Kind)
	}
	if len(kinds) != 0 || len(want) != 0 {
		equal(r.t, "what was told", kinds, want)
	}
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatalf("unexpected error: %v", err)
	}
}

func (r *rig) fails(what string, err, want error) {
	r.t.Helper()
	if !errors.Is(err, want) {
		r.t.Fatalf("%s: the error is %v, not %v", what, err, want)
	}
}

// refuses fails unless err says that the field is at fault.
func (r *rig) refuses(field string, err error) {
	r.t.Helper()
	var at *tenon.FieldError
	if !errors.As(err, &at) || at.Field != field {
		r.t.Fatalf("the error is %v, not one of the field %s", err, field)
	}
}

// oddIDs are none that a ticket or a finding can have.
var oddIDs = []string{"7", "01890000x0000-7000-8000-000000000000", "01890000-0000-7000-8000-00000000000G"}

// oddRefs are none that there can be, beside one that there is.
func oddRefs(ref support.Ref) (odd []support.Ref) {
	for _, tenant := range []string{"a\x00b", "\xff"} {
		odd = append(odd, support.Ref{Tenant: tenant, ID: ref.ID})
	}
	for _, id := range oddIDs {
		odd = append(odd, support.Ref{Tenant: ref.Tenant, ID: id})
	}
	return odd
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s is\n%s, not\n%s", what, text(got), text(want))
	}
}

func text(v any) string {
	b, _ := json.Marshal(v) // for a person
	return string(b)
}

// ears hear what is told, and refuse it when they are told to.
type ears struct{ conform.Ears }

func (e *ears) actions() []string {
	var actions []string
	for _, c := range e.Changes() {
		actions = append(actions, c.Action)
	}
	return actions
}
