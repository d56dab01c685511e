package web

import (
	"net/http"
	"strings"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directoryhttp"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/examples/transbot/internal/partners"
)

// partnersRoutes are the search for programs.
func partnersRoutes() []Route {
	return []Route{ask("/api/partners", (*Server).partnersAPI), ask("/api/partners/{id}", (*Server).partnersAPI)}
}

func (s *Server) partnersAPI() http.Handler {
	return http.StripPrefix("/api", directoryhttp.Handler(s.Partners.Book, &directoryhttp.Options{Logger: s.Logger}))
}

// partnerPages are the directory: for everybody, for a company, and for the staff.
func partnerPages() []Route {
	return []Route{
		get("/partners", Everybody, (*Server).searchPage),
		get("/partners/{id}", Everybody, (*Server).partnerPage),
		get("/invitations/{token}", Everybody, (*Server).invitationPage),
		post("/invitations/{token}", Everybody, (*Server).answerInvitation),
		get("/companies/{company}/directory", SignedIn, (*Server).listingsPage),
		post("/companies/{company}/directory", SignedIn, included((*Server).createListing)),
		get("/companies/{company}/directory/{partner}", SignedIn, (*Server).listingPage),
		post("/companies/{company}/directory/{partner}/{move}", SignedIn, included((*Server).moveListing)),
		get("/directory", Staff, (*Server).directoryPage),
		post("/directory/{company}/{partner}/{move}", Staff, (*Server).judgeListing),
	}
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
func included(next method) method {
	return func(s *Server, w http.ResponseWriter, r *http.Request, v visitor) {
		company := r.PathValue("company")
		if closed := s.notIncluded(r, company); closed != "" && !v.Staff() {
			s.errorPage(w, r, http.StatusForbidden, closed)
			return
		}
		next(s, w, r, v)
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

// logged is the path of a request as logs show it. Who has an invitation's token may answer it.
func logged(r *http.Request) string {
	if at := "/invitations/"; strings.HasPrefix(r.URL.Path, at) {
		return at + "{token}"
	}
	return r.URL.Path
}
