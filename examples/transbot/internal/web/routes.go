package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/transbotai/tenon"
)

// Access says who may use a route. The table puts what enforces it around each handler, so that none is left out.
type Access string

// Who may use a route.
const (
	Everybody Access = "everybody"
	SignedIn  Access = "signed in" // to the pages; where the path has a {company}, its people and the staff alone
	Staff     Access = "staff"     // signed in to the pages
	KeyHolder Access = "key"       // a company's program, which sends an API key
	StaffKey  Access = "staff key" // a program of the staff
	Signature Access = "signature" // whoever can sign the body
)

// Route is one method of one path.
type Route struct {
	Method  string
	Path    string // as [http.ServeMux] reads it
	Access  Access
	MaxBody int64 // in bytes; 0: nothing is read
	Form    bool  // the body is a form with the token of the visitor's session
	serve   func(*Server) http.Handler
}

// API says whether the route is for programs.
func (r Route) API() bool { return strings.HasPrefix(r.Path, "/api/") }

// Routes returns all that the platform serves: what is not in it cannot be reached.
func Routes() []Route { return slices.Concat(openRoutes(), apiRoutes(), pageRoutes()) }

// openRoutes are those of which each finds out itself who asks, if it matters.
func openRoutes() []Route {
	return []Route{
		{Method: http.MethodGet, Path: "/healthz", Access: Everybody, serve: function((*Server).healthy)},
		{Method: http.MethodGet, Path: "/readyz", Access: Everybody, serve: function((*Server).ready)},
		{Method: http.MethodGet, Path: "/assets/", Access: Everybody, serve: (*Server).assets},
		{Method: http.MethodGet, Path: "/api/openapi.json", Access: Everybody, serve: function((*Server).contract)},
		{Method: http.MethodGet, Path: "/api/isolation", Access: StaffKey, serve: function((*Server).isolationAPI)},
		{Method: http.MethodPost, Path: "/api/trials", Access: Everybody, MaxBody: maxBody, serve: (*Server).trialsAPI},
		{Method: http.MethodPost, Path: "/api/stripe/webhook", Access: Signature, MaxBody: maxBulkBody, serve: (*Server).webhook},
	}
}

// mux serves routes. None reads more of a body than it may.
func (s *Server) mux(routes []Route) *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.Handle(r.Method+" "+r.Path, s.bounded(r, r.serve(s)))
	}
	return mux
}

// bounded lets no more of a body through than the route reads, and no address that a database could not look for.
func (s *Server) bounded(route Route, next http.Handler) http.Handler {
	fail := s.failPage
	if route.API() {
		fail = s.fail
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case odd(r.URL.Path):
			fail(w, r, tenon.ErrNotFound)
		case !isText(r.URL.Query()):
			fail(w, r, tenon.Invalid("query", "is not text"))
		default:
			r.Body = http.MaxBytesReader(w, r.Body, route.MaxBody)
			next.ServeHTTP(w, r)
		}
	})
}

// isText says whether all of a form is text that a database can hold.
func isText(form url.Values) bool {
	for name, values := range form {
		if odd(name) || slices.ContainsFunc(values, odd) {
			return false
		}
	}
	return true
}

func odd(text string) bool { return !utf8.ValidString(text) || strings.ContainsRune(text, 0) }

// function makes a route's handler of a method of the server.
func function(serve func(*Server, http.ResponseWriter, *http.Request)) func(*Server) http.Handler {
	return func(s *Server) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(s, w, r) })
	}
}

// ask is a route by which companies' programs read.
func ask(path string, serve func(*Server) http.Handler) Route {
	return Route{Method: http.MethodGet, Path: path, Access: KeyHolder, serve: serve}
}

// tell is a route by which companies' programs change something.
func tell(path string, maxBody int64, serve func(*Server) http.Handler) Route {
	return Route{Method: http.MethodPost, Path: path, Access: KeyHolder, MaxBody: maxBody, serve: serve}
}

// method is a page as a method of the server, such as (*Server).companyPage.
type method func(s *Server, w http.ResponseWriter, r *http.Request, v visitor)

func (m method) of(s *Server) page {
	return func(w http.ResponseWriter, r *http.Request, v visitor) { m(s, w, r, v) }
}

// get is the route of a page.
func get(path string, access Access, m method) Route {
	return Route{Method: http.MethodGet, Path: path, Access: access, serve: func(s *Server) http.Handler {
		return s.let(access, m.of(s))
	}}
}

// post is the route of a form. Everybody's has no session, and so no token of one.
func post(path string, access Access, m method) Route {
	r := Route{Method: http.MethodPost, Path: path, Access: access, MaxBody: maxForm, Form: access != Everybody}
	r.serve = func(s *Server) http.Handler {
		if r.Form {
			return s.let(access, s.form(m.of(s)))
		}
		return s.let(access, s.filled(m.of(s)))
	}
	return r
}

// upload is the route of a form that brings a file, of at most so many bytes in all.
func upload(path string, access Access, limit int64, m method) Route {
	r := post(path, access, m)
	r.MaxBody, r.serve = limit, func(s *Server) http.Handler { return s.let(access, s.inParts(s.form(m.of(s)))) }
	return r
}

// script is the route of what a page's own script sends: JSON, which a form on another site cannot send.
func script(path string, access Access, m method) Route {
	return Route{Method: http.MethodPost, Path: path, Access: access, MaxBody: maxText, serve: func(s *Server) http.Handler {
		return s.let(access, m.of(s))
	}}
}

// let lets those through who have access.
func (s *Server) let(access Access, next page) http.Handler {
	switch access {
	case Everybody:
		return s.public(next)
	case Staff:
		return s.signedIn(s.staff(next))
	}
	return s.signedIn(next)
}
