package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/support"
)

// supportView is a company's page of tickets.
type supportView struct {
	Company freight.Company
	Tickets []ticketLine
	FormID  string // makes sending the form twice harmless
}

// ticketLine is a ticket in a list, with the promise that is to be kept next.
type ticketLine struct {
	support.Ticket
	Company string // its name
	Next    *promise
}

// promise is a clock in words.
type promise struct {
	support.Clock
	What string // "Solution"
	Says string // "3 h 12 min left"
}

// Ticks says whether the clock counts down.
func (p promise) Ticks() bool {
	return p.Standing == support.Running || p.Standing == support.Warned || p.Standing == support.Overdue
}

// Class is how it looks.
func (p promise) Class() string {
	switch p.Standing {
	case support.Warned:
		return "soft"
	case support.Overdue, support.Missed:
		return "full"
	case support.Met:
		return "ok"
	}
	return ""
}

var promiseNames = map[support.Promise]string{
	support.FirstResponse: "First answer", support.NextResponse: "Next answer", support.Resolution: "Solution",
}

// promises returns the clocks of a ticket for which something is promised.
func promises(t support.Ticket) (list []promise) {
	for _, c := range t.Clocks {
		if c.Standing != support.Inactive {
			list = append(list, promise{Clock: c, What: promiseNames[c.Promise], Says: clockSays(c)})
		}
	}
	return list
}

func clockSays(c support.Clock) string {
	switch c.Standing {
	case support.Paused:
		return "paused, " + lasting(c.Remaining) + " left"
	case support.Met:
		return "kept after " + lasting(c.Elapsed)
	case support.Missed:
		return "not kept: it took " + lasting(c.Elapsed)
	case support.Overdue:
		return lasting(-c.Remaining) + " overdue"
	}
	return lasting(c.Remaining) + " left"
}

// lasting is a span in its two largest units.
func lasting(d time.Duration) string {
	d = max(d, 0).Round(time.Minute)
	hours, minutes := int(d/time.Hour), int(d/time.Minute)%60
	switch {
	case hours >= 48 && hours%24 == 0:
		return fmt.Sprintf("%d days", hours/24)
	case hours >= 48:
		return fmt.Sprintf("%d days %d h", hours/24, hours%24)
	case hours > 0 && minutes == 0:
		return fmt.Sprintf("%d h", hours)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	}
	return fmt.Sprintf("%d min", minutes)
}

// next is the promise of a ticket that is due first; nil when nothing is waited for.
func next(t support.Ticket) *promise {
	var first *promise
	for _, p := range promises(t) {
		if p.Ticks() && (first == nil || p.Due.Before(first.Due)) {
			first = &p
		}
	}
	return first
}

// happened says what an event of a ticket was, in words.
func happened(e support.Event) string {
	switch e.Kind {
	case support.Heard:
		return "the customer wrote"
	case support.Pended:
		return "waiting for the customer"
	case support.Prioritised:
		return "priority changed"
	case support.Replanned:
		return "moved to the plan " + e.Plan
	case support.Assigned:
		return "given to " + e.To
	case support.Escalated:
		return "escalated to " + e.Step
	case support.AtRisk:
		return strings.ToLower(promiseNames[e.Promise]) + " at risk"
	case support.Breached:
		return strings.ToLower(promiseNames[e.Promise]) + " overdue"
	}
	return string(e.Kind)
}

var supportDone = map[string]string{
	"opened": "The ticket is open. You will find the answer here.", "message": "Your message was sent.",
	"reopen": "The ticket is open again.", "reply": "The answer was sent.", "moved": "Done.",
}

func (s *Server) supportPage(w http.ResponseWriter, r *http.Request, v visitor) {
	s.showSupport(w, r, v, http.StatusOK, "")
}

func (s *Server) showSupport(w http.ResponseWriter, r *http.Request, v visitor, status int, alert string) {
	page, err := s.supportView(r.Context(), r.PathValue("company"))
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	s.render(w, r, status, "support", view{
		Title: "Support of " + page.Company.Name, Visitor: v, Done: supportDone[r.URL.Query().Get("done")], Alert: alert, Page: page,
	})
}

// maxTickets bounds a list; maxWaiting, one of what somebody has to do something about, which none may drop out of.
const (
	maxTickets = 100
	maxWaiting = 1000
)

func (s *Server) supportView(ctx context.Context, company string) (v supportView, err error) {
	if v.Company, err = s.companies.Company(ctx, company); err != nil {
		return v, err
	}
	v.FormID = tenon.NewID(time.Now())
	found, err := s.Help.Tickets.List(ctx, support.TicketQuery{Tenant: company, Limit: maxTickets})
	for _, t := range found {
		v.Tickets = append(v.Tickets, ticketLine{Ticket: t, Company: v.Company.Name, Next: next(t)})
	}
	return v, err
}

// openTicket opens a ticket. Sending the same form again opens none.
func (s *Server) openTicket(w http.ResponseWriter, r *http.Request, v visitor) {
	company := r.PathValue("company")
	plan, err := s.Help.Plan(r.Context(), company)
	if err == nil {
		_, err = s.Help.Tickets.Open(r.Context(), support.NewTicket{
			Tenant: company, ID: r.PostFormValue("id"), Priority: support.Priority(r.PostFormValue("priority")),
			Issue: strings.TrimSpace(r.PostFormValue("issue")), Plan: plan,
		})
	}
	if err != nil {
		s.note(r, err)
		status, text := describe(err)
		s.showSupport(w, r, v, status, text)
		return
	}
	http.Redirect(w, r, "/companies/"+url.PathEscape(company)+"/support?done=opened", http.StatusSeeOther)
}

// ticketView is the page of a ticket.
type ticketView struct {
	Company  freight.Company
	Ticket   support.Ticket
	Promises []promise
	Events   []support.Event // that the visitor may see
}

// ours are the kinds of event that are not shown to customers.
var ours = map[support.Kind]bool{
	support.Noted: true, support.Assigned: true, support.Replanned: true, support.Escalated: true, support.AtRisk: true,
	support.Breached: true,
}

func (s *Server) ticketPage(w http.ResponseWriter, r *http.Request, v visitor) {
	s.showTicket(w, r, v, http.StatusOK, "")
}

func (s *Server) showTicket(w http.ResponseWriter, r *http.Request, v visitor, status int, alert string) {
	c, err := s.companies.Company(r.Context(), r.PathValue("company"))
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	t, err := s.Help.Tickets.Get(r.Context(), support.Ref{Tenant: c.ID, ID: r.PathValue("ticket")})
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	page := ticketView{Company: c, Ticket: t, Promises: promises(t)}
	for _, e := range t.History {
		if !v.Staff() && e.Kind == support.Prioritised {
			e.Text = "" // why is told to colleagues
		}
		if v.Staff() || !ours[e.Kind] {
			page.Events = append(page.Events, e)
		}
	}
	s.render(w, r, status, "ticket", view{
		Title: "Ticket", Visitor: v, Done: supportDone[r.URL.Query().Get("done")], Alert: alert, Page: page,
	})
}

// customersMoves are what a company's people may do with their ticket; the staff may do the others.
var customersMoves = map[string]bool{"message": true, "reopen": true}

// moveTicket does what a form on a ticket's page asks for.
func (s *Server) moveTicket(w http.ResponseWriter, r *http.Request, v visitor) {
	move := r.PathValue("move")
	if !v.Staff() && !customersMoves[move] {
		s.failPage(w, r, tenon.ErrNotFound)
		return
	}
	ref := support.Ref{Tenant: r.PathValue("company"), ID: r.PathValue("ticket")}
	err := s.move(r.Context(), ref, move, strings.TrimSpace(r.PostFormValue("text")), support.Priority(r.PostFormValue("priority")))
	switch {
	case errors.Is(err, support.ErrUnknownTicket), errors.Is(err, errNoMove):
		s.failPage(w, r, tenon.ErrNotFound)
	case err != nil:
		s.note(r, err)
		status, text := describe(err)
		s.showTicket(w, r, v, status, text)
	default:
		done := move
		if supportDone[done] == "" {
			done = "moved"
		}
		http.Redirect(w, r, "/companies/"+url.PathEscape(ref.Tenant)+"/support/"+ref.ID+"?done="+done, http.StatusSeeOther)
	}
}

var errNoMove = errors.New("there is no such move")

func (s *Server) move(ctx context.Context, ref support.Ref, move, text string, priority support.Priority) (err error) {
	d := s.Help.Tickets
	switch move {
	case "message":
		_, err = d.Hear(ctx, ref, text)
	case "reopen":
		_, err = d.Reopen(ctx, ref, text)
	case "acknowledge":
		_, err = d.Acknowledge(ctx, ref)
	case "reply":
		_, err = d.Reply(ctx, ref, text)
	case "note":
		_, err = d.Note(ctx, ref, text)
	case "pend":
		_, err = d.Pend(ctx, ref, text)
	case "resume":
		_, err = d.Resume(ctx, ref)
	case "solve":
		_, err = d.Solve(ctx, ref, text)
	case "close":
		_, err = d.Close(ctx, ref)
	case "prioritise":
		_, err = d.Prioritise(ctx, ref, priority, text)
	default:
		err = errNoMove
	}
	return err
}
