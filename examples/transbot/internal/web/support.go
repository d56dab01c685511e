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

// supportAPI adds the routes of the help desk for programs.
func (s *Server) supportAPI(mux *http.ServeMux) {
	h := http.StripPrefix("/api", help(s.Help, supporthttp.Options{Logger: s.Logger}))
	mux.Handle("/api/support/", h)
	mux.Handle("/api/tours", h)
	mux.Handle("/api/tours/", h)
}

// supportPages adds the pages of the help desk: a company's, and those of the staff.
func (s *Server) supportPages(mux *http.ServeMux) {
	mux.Handle("/tours/", s.signedIn(s.tourScript))
	mux.HandleFunc("GET /companies/{company}/support", s.signedIn(s.supportPage))
	mux.HandleFunc("POST /companies/{company}/support", s.form(s.openTicket))
	mux.HandleFunc("GET /companies/{company}/support/{ticket}", s.signedIn(s.ticketPage))
	mux.HandleFunc("POST /companies/{company}/support/{ticket}/{move}", s.form(s.moveTicket))
	mux.HandleFunc("GET /support", s.signedIn(s.staff(s.deskPage)))
	mux.HandleFunc("GET /support/findings", s.signedIn(s.staff(s.findingsPage)))
	mux.HandleFunc("POST /support/findings", s.form(s.staff(s.reportFinding)))
	mux.HandleFunc("POST /support/findings/{finding}/{move}", s.form(s.staff(s.moveFinding)))
}

// tourScript takes word from the script of how far somebody has come with a tour.
func (s *Server) tourScript(w http.ResponseWriter, r *http.Request, _ visitor) {
	help(s.Help, supporthttp.Options{Logger: s.Logger}).ServeHTTP(w, r)
}

// tour returns the tour of a feature that the visitor is to be shown, or asks to be shown again; nil for none, and for the
// staff.
func (s *Server) tour(r *http.Request, v visitor, feature string) *support.Showing {
	if v.Staff() {
		return nil
	}
	if again, ok := s.Help.Tour(r.URL.Query().Get("tour")); ok && again.Feature == feature {
		return &support.Showing{Tour: again}
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
