package web

import (
	"net/http"
	"strings"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directoryhttp"
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
			r = by(r, v)
		}
		w.Header().Set("Cache-Control", "no-store")
		next(w, r, v) // whoever could not be found out is nobody
	}
}

// included lets companies through that have the directory switched on and in their plan, and shows others why not. The
// staff may always.
func (s *Server) included(next page) page {
	return func(w http.ResponseWriter, r *http.Request, v visitor) {
		refused, err := s.directoryRefuses(r)
		switch {
		case err != nil:
			s.failPage(w, r, err)
		case refused.keepsOut() && !v.Staff():
			s.showListings(w, r, v, refused.Status(), "", "")
		default:
			next(w, r, v)
		}
	}
}

// directoryRefuses says what keeps the company that a request is about from the directory; nil when nothing does.
func (s *Server) directoryRefuses(r *http.Request) (*refusal, error) {
	company, gate := r.PathValue("company"), s.Gate.WithStore(s.Store)
	versions, err := gate.Catalog(r.Context())
	if err != nil {
		return nil, err
	}
	d, err := gate.Check(r.Context(), company, partners.Feature)
	if err != nil {
		return nil, err
	}
	refused := s.refuses(company, d, versions)
	if refused != nil && !refused.keepsOut() {
		refused.Texts = append(refused.Texts, "You may go on keeping drafts. They wait until there is room.")
	}
	return refused, nil
}

// keepsOut says whether r refuses everything. Where the limit is reached drafts may be kept, and wait for room.
func (r *refusal) keepsOut() bool { return r != nil && r.By != "limit" }

// listingRef names the partner that a page is about.
func listingRef(r *http.Request) directory.Ref {
	return directory.Ref{Tenant: r.PathValue("company"), ID: r.PathValue("partner")}
}

// logged is the path of a request as logs show it. Who has an invitation's token may answer it.
func logged(r *http.Request) string {
	if at := "/invitations/"; strings.HasPrefix(r.URL.Path, at) {
		return at + "{token}"
	}
	return r.URL.Path
}
