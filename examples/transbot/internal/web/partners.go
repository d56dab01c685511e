package web

import (
	"net/http"
	"strings"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directoryhttp"
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
			r = by(r, v)
		}
		w.Header().Set("Cache-Control", "no-store")
		next(w, r, v) // whoever could not be found out is nobody
	}
}

// included lets companies through that have the directory switched on and in their plan, and shows others why not. The
// staff may always.
func included(next method) method {
	return func(s *Server, w http.ResponseWriter, r *http.Request, v visitor) {
		refused, err := s.directoryRefuses(r)
		switch {
		case err != nil:
			s.failPage(w, r, err)
		case refused.keepsOut() && !v.Staff():
			s.showListings(w, r, v, refused.Status(), "", "")
		default:
			next(s, w, r, v)
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

// logged is the path of a request as logs show it. Who has the token of an invitation or a sign-up may answer it.
func logged(r *http.Request) string {
	for _, at := range []string{"/invitations/", "/signup/"} {
		if strings.HasPrefix(r.URL.Path, at) {
			return at + "{token}"
		}
	}
	return r.URL.Path
}
