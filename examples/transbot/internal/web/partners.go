package web

import (
	"net/http"
	"strings"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directoryhttp"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/examples/transbot/internal/partners"
)

// partnersAPI adds the search for programs.
func (s *Server) partnersAPI(mux *http.ServeMux) {
	h := http.StripPrefix("/api", directoryhttp.Handler(s.Partners.Book, &directoryhttp.Options{Logger: s.Logger}))
	mux.Handle("/api/partners", h)
	mux.Handle("/api/partners/", h)
}

// partnerPages adds the directory: for everybody, for a company, and for the staff.
func (s *Server) partnerPages(mux *http.ServeMux) {
	mux.HandleFunc("GET /partners", s.public(s.searchPage))
	mux.HandleFunc("GET /partners/{id}", s.public(s.partnerPage))
	mux.HandleFunc("GET /invitations/{token}", s.public(s.invitationPage))
	mux.HandleFunc("POST /invitations/{token}", s.public(s.answerInvitation))
	mux.HandleFunc("GET /companies/{company}/directory", s.signedIn(s.listingsPage))
	mux.HandleFunc("POST /companies/{company}/directory", s.form(s.included(s.createListing)))
	mux.HandleFunc("GET /companies/{company}/directory/{partner}", s.signedIn(s.listingPage))
	mux.HandleFunc("POST /companies/{company}/directory/{partner}/{move}", s.form(s.included(s.moveListing)))
	mux.HandleFunc("GET /directory", s.signedIn(s.staff(s.directoryPage)))
	mux.HandleFunc("POST /directory/{company}/{partner}/{move}", s.form(s.staff(s.judgeListing)))
}

// public serves everybody, signed in or not, as often as an address may ask.
func (s *Server) public(next page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.mayLook(w, r) {
			return
		}
		v, err := s.visitor(r)
		if err == nil {
			r = as(r, v.Company, v.Actor)
		}
		w.Header().Set("Cache-Control", "no-store")
		next(w, r, v) // whoever could not be found out is nobody
	}
}

// included lets companies through that have the directory switched on and in their plan. The staff may always.
func (s *Server) included(next page) page {
	return func(w http.ResponseWriter, r *http.Request, v visitor) {
		company := r.PathValue("company")
		if closed := s.notIncluded(r, company); closed != "" && !v.Staff() {
			s.errorPage(w, r, http.StatusForbidden, closed)
			return
		}
		next(w, r, v)
	}
}

// notIncluded says why the directory is not for a company, and is empty when it is.
func (s *Server) notIncluded(r *http.Request, company string) string {
	if closed := s.closed(company, partners.Feature); closed != "" {
		return closed
	}
	d, err := s.Gate.Check(r.Context(), company, partners.Feature)
	if err != nil {
		s.note(r, err)
		return "This cannot be answered just now. Try again in a moment."
	}
	if !d.Allowed && d.Reason != entitlements.ReasonLimitReached {
		return d.Text()
	}
	return ""
}

// listingRef names the partner that a page is about.
func listingRef(r *http.Request) directory.Ref {
	return directory.Ref{Tenant: r.PathValue("company"), ID: r.PathValue("partner")}
}

// logged is the path of a request as logs show it. Who has the token of an invitation or a sign-up may answer it.
func logged(r *http.Request) string {
	for _, at := range []string{"/invitations/", "/signup/"} {
		if strings.HasPrefix(r.URL.Path, at) {
			return at + "{token}"
		}
	}
	return r.URL.Path
}
