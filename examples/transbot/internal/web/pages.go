package web

import (
	"errors"
	"net/http"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/slo/slohttp"
)

// maxForm bounds the body of a form, in bytes.
const maxForm = 16 << 10

// page is a handler for somebody who is signed in.
type page func(w http.ResponseWriter, r *http.Request, v visitor)

// pages returns the routes for people. No form is taken from another site: the browser's own word for where it comes
// from is checked first, the session's token second.
func (s *Server) pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /signin", s.signInPage)
	mux.Handle("POST /signin", s.recorded(http.HandlerFunc(s.signIn)))
	mux.HandleFunc("POST /signout", s.form(s.signOut))
	mux.HandleFunc("GET /{$}", s.signedIn(s.indexPage))
	mux.HandleFunc("GET /companies/{company}", s.signedIn(s.companyPage))
	mux.HandleFunc("POST /companies/{company}/quotes", s.form(s.requestQuote))
	mux.HandleFunc("GET /companies/{company}/features/{feature}", s.signedIn(s.staff(s.explainPage)))
	mux.HandleFunc("POST /companies/{company}/plan", s.form(s.staff(s.changePlan)))
	mux.HandleFunc("POST /companies/{company}/grants", s.form(s.staff(s.grant)))
	mux.HandleFunc("POST /companies/{company}/overrides", s.form(s.staff(s.override)))
	mux.HandleFunc("POST /companies/{company}/overrides/remove", s.form(s.staff(s.removeOverride)))
	s.addBilling(mux)
	s.flagPages(mux)
	s.evidencePages(mux)
	s.partnerPages(mux)
	s.supportPages(mux)
	s.privacyPages(mux)
	s.kpiPages(mux)
	s.controlPages(mux)
	mux.HandleFunc("GET /slo", s.signedIn(s.staff(s.sloPage)))
	mux.HandleFunc("POST /slo/drill", s.form(s.staff(s.drill)))
	mux.HandleFunc("POST /slo/override", s.form(s.staff(s.overrideFreeze)))
	mux.HandleFunc("POST /slo/override/revoke", s.form(s.staff(s.revokeOverride)))
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
func (s *Server) form(next page) http.HandlerFunc {
	return s.signedIn(func(w http.ResponseWriter, r *http.Request, v visitor) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		var tooLarge *http.MaxBytesError
		switch err := r.ParseForm(); {
		case errors.As(err, &tooLarge):
			s.errorPage(w, r, http.StatusRequestEntityTooLarge, "The form is too large.")
		case err != nil:
			s.errorPage(w, r, http.StatusBadRequest, "The form could not be read.")
		case !v.sent(r):
			s.errorPage(w, r, http.StatusForbidden, "The form is out of date. Go back, reload the page and send it again.")
		default:
			next(w, r, v)
		}
	})
}
