package web

import (
	"net/http"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/helpdesk"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supporthttp"
)

// help returns what customers' programs, and the script that shows a tour, ask of the help desk.
func help(d *helpdesk.Desk, opts supporthttp.Options) http.Handler {
	opts.Plan = func(r *http.Request, company string) (string, error) { return d.Plan(r.Context(), company) }
	return supporthttp.Handler(d.Tickets, d.Tours, viewer, &opts)
}

// viewer is the caller, whom authentication has found out.
func viewer(r *http.Request) (support.Viewer, error) {
	c, ok := tenon.CallerFrom(r.Context())
	if !ok {
		return support.Viewer{}, tenon.ErrDenied
	}
	return support.Viewer{Tenant: c.Tenant, User: c.Actor}, nil
}

// supportRoutes are those of the help desk for programs.
func supportRoutes() []Route {
	return []Route{
		tell("/api/support/tickets", maxText, (*Server).supportAPI),
		ask("/api/support/tickets", (*Server).supportAPI),
		ask("/api/support/tickets/{id}", (*Server).supportAPI),
		tell("/api/support/tickets/{id}/messages", maxText, (*Server).supportAPI),
		tell("/api/support/tickets/{id}/reopen", maxText, (*Server).supportAPI),
		ask("/api/tours", (*Server).supportAPI),
		tell("/api/tours/{tour}/advance", maxText, (*Server).supportAPI),
		tell("/api/tours/{tour}/complete", maxText, (*Server).supportAPI),
		tell("/api/tours/{tour}/dismiss", maxText, (*Server).supportAPI),
	}
}

func (s *Server) supportAPI() http.Handler {
	return http.StripPrefix("/api", help(s.Help, supporthttp.Options{Logger: s.Logger, MaxBody: maxText}))
}

// supportPages are the pages of the help desk: a company's, and those of the staff.
func supportPages() []Route {
	return []Route{
		script("/tours/{tour}/advance", SignedIn, (*Server).tourScript),
		script("/tours/{tour}/complete", SignedIn, (*Server).tourScript),
		script("/tours/{tour}/dismiss", SignedIn, (*Server).tourScript),
		get("/companies/{company}/support", SignedIn, (*Server).supportPage),
		post("/companies/{company}/support", SignedIn, (*Server).openTicket),
		get("/companies/{company}/support/{ticket}", SignedIn, (*Server).ticketPage),
		post("/companies/{company}/support/{ticket}/{move}", SignedIn, (*Server).moveTicket),
		get("/support", Staff, (*Server).deskPage),
		get("/support/findings", Staff, (*Server).findingsPage),
		post("/support/findings", Staff, (*Server).reportFinding),
		post("/support/findings/{finding}/{move}", Staff, (*Server).moveFinding),
	}
}

// tourScript takes word from the script of how far somebody has come with a tour.
func (s *Server) tourScript(w http.ResponseWriter, r *http.Request, _ visitor) {
	help(s.Help, supporthttp.Options{Logger: s.Logger, MaxBody: maxText}).ServeHTTP(w, r)
}

// tour returns the tour of a feature that the visitor is to be shown; nil for none, and for the staff.
func (s *Server) tour(r *http.Request, v visitor, feature string) *support.Showing {
	if v.Staff() {
		return nil
	}
	who, err := viewer(r)
	if err != nil {
		return nil
	}
	t, ok, err := s.Help.Tours.For(r.Context(), who, feature)
	if err != nil {
		s.note(r, err) // the page is worth more than the tour
	}
	if !ok || err != nil {
		return nil
	}
	return &t
}
