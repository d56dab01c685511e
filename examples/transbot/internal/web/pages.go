package web

import (
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"

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
			get("/{$}", Everybody, (*Server).homePage),
		},
		companyPages(), ratesPages(), billingPages(), flagPages(), evidencePages(), partnerPages(), supportPages(), privacyPages(), kpiPages(),
		sloPages(), growthPages(), dashboardPages(), controlPages(), restorePages(),
	)
}

// companyPages are those of a company's plan.
func companyPages() []Route {
	return []Route{
		get("/companies", Staff, (*Server).companiesPage),
		get("/companies/{company}", SignedIn, (*Server).companyPage),
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
	mux.HandleFunc("/", s.public(func(w http.ResponseWriter, r *http.Request, _ visitor) { s.failPage(w, r, tenon.ErrNotFound) }))
	return slohttp.Record(http.NewCrossOriginProtection().Handler(mux), s.Ops.Observe)
}

// signedIn lets somebody who is signed in through, as the caller, and shows others the way in. A page of another
// company is as if it were not there.
func (s *Server) signedIn(next page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := s.visitor(r)
		if err == nil {
			r = by(r, v)
			err = s.mayVisit(r, v)
		}
		switch {
		case errors.Is(err, tenon.ErrDenied) && r.Method == http.MethodGet:
			http.Redirect(w, r, "/signin", http.StatusSeeOther)
		case err != nil:
			s.failPage(w, r, err)
		default:
			w.Header().Set("Cache-Control", "no-store")
			s.recorded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next(w, r, v) })).ServeHTTP(w, r)
		}
	}
}

// mayVisit says whether the company that r's path names, if any, is there for v.
func (s *Server) mayVisit(r *http.Request, v visitor) error {
	company := r.PathValue("company")
	switch {
	case company == "":
		return nil
	case v.Staff():
		_, err := s.companies.Company(r.Context(), company)
		return err
	case !v.sees(company):
		return tenon.ErrNotFound
	}
	return nil // a session of a company ends with it
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
		case r.MultipartForm == nil && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
			s.errorPage(w, r, http.StatusUnsupportedMediaType, "This is not a form of these pages.")
		case errors.As(err, &tooLarge):
			s.errorPage(w, r, http.StatusRequestEntityTooLarge, "The form is too large.")
		case err != nil, !isText(r.Form):
			s.errorPage(w, r, http.StatusBadRequest, "The form could not be read.")
		default:
			next(w, r, v)
		}
	}
}

// inParts reads a form that brings files, which fit into memory, before it is looked at; one without is left to next.
func (s *Server) inParts(next page) page {
	return func(w http.ResponseWriter, r *http.Request, v visitor) {
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "multipart/form-data" {
			var tooLarge *http.MaxBytesError
			switch err := r.ParseMultipartForm(maxBulkBody); {
			case errors.As(err, &tooLarge):
				s.errorPage(w, r, http.StatusRequestEntityTooLarge, "The form is too large.")
				return
			case err != nil:
				s.errorPage(w, r, http.StatusBadRequest, "The form could not be read.")
				return
			}
		}
		next(w, r, v)
	}
}
