package web

import (
	"errors"
	"net/http"
	"slices"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/slo/slohttp"
)

// maxForm bounds the body of a form, in bytes.
const maxForm = 16 << 10

// page is a handler for somebody who is signed in.
type page func(w http.ResponseWriter, r *http.Request, v visitor)

// pageRoutes are those for people.
func pageRoutes() []Route {
	return slices.Concat(
		[]Route{
			{Method: http.MethodGet, Path: "/signin", Access: Everybody, serve: function((*Server).signInPage)},
			{Method: http.MethodPost, Path: "/signin", Access: Everybody, MaxBody: maxForm, serve: function((*Server).signIn)},
			post("/signout", SignedIn, (*Server).signOut),
			get("/{$}", SignedIn, (*Server).indexPage),
		},
		companyPages(), billingPages(), flagPages(), evidencePages(), partnerPages(), supportPages(), privacyPages(), kpiPages(),
		sloPages(),
	)
}

// companyPages are those of a company's plan.
func companyPages() []Route {
	return []Route{
		get("/companies/{company}", SignedIn, (*Server).companyPage),
		post("/companies/{company}/quotes", SignedIn, (*Server).requestQuote),
		get("/companies/{company}/features/{feature}", Staff, (*Server).explainPage),
		post("/companies/{company}/plan", Staff, (*Server).changePlan),
		post("/companies/{company}/grants", Staff, (*Server).grant),
		post("/companies/{company}/overrides", Staff, (*Server).override),
		post("/companies/{company}/overrides/remove", Staff, (*Server).removeOverride),
	}
}

// pages serves the routes for people. No form is taken from another site: the browser's own word for where it comes
// from is checked first, the session's token second.
func (s *Server) pages() http.Handler {
	mux := s.mux(pageRoutes())
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.failPage(w, r, tenon.ErrNotFound) })
	return slohttp.Record(http.NewCrossOriginProtection().Handler(mux), s.Ops.Observe)
}

// signedIn lets somebody who is signed in through, as the caller, and shows others the way in. A page of another
// company is as if it were not there.
func (s *Server) signedIn(next page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := s.visitor(r)
		company := r.PathValue("company")
		switch {
		case errors.Is(err, tenon.ErrDenied) && r.Method == http.MethodGet:
			http.Redirect(w, r, "/signin", http.StatusSeeOther)
		case err != nil:
			s.failPage(w, r, err)
		case company != "" && !v.mayVisit(company):
			s.failPage(w, r, tenon.ErrNotFound)
		default:
			w.Header().Set("Cache-Control", "no-store")
			s.recorded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next(w, r, v) })).ServeHTTP(w, as(r, v.Company, v.Actor))
		}
	}
}

// staff lets the platform's staff through; for others the page is not there.
func (s *Server) staff(next page) page {
	return func(w http.ResponseWriter, r *http.Request, v visitor) {
		if !v.Staff() {
			s.failPage(w, r, tenon.ErrNotFound)
			return
		}
		next(w, r, v)
	}
}

// form lets a form of the visitor's own session through.
func (s *Server) form(next page) page {
	return s.filled(func(w http.ResponseWriter, r *http.Request, v visitor) {
		if !v.sent(r) {
			s.errorPage(w, r, http.StatusForbidden, "The form is out of date. Go back, reload the page and send it again.")
			return
		}
		next(w, r, v)
	})
}

// filled lets a form through that could be read.
func (s *Server) filled(next page) page {
	return func(w http.ResponseWriter, r *http.Request, v visitor) {
		var tooLarge *http.MaxBytesError
		switch err := r.ParseForm(); {
		case errors.As(err, &tooLarge):
			s.errorPage(w, r, http.StatusRequestEntityTooLarge, "The form is too large.")
		case err != nil:
			s.errorPage(w, r, http.StatusBadRequest, "The form could not be read.")
		default:
			next(w, r, v)
		}
	}
}
