package web

import (
	"net/http"
	"slices"
	"strings"
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
		{Method: http.MethodGet, Path: "/api/isolation", Access: StaffKey, serve: function((*Server).isolationAPI)},
		{Method: http.MethodPost, Path: "/api/stripe/webhook", Access: Signature, MaxBody: maxBulkBody, serve: (*Server).webhook},
	}
}

// mux serves routes. None reads more of a body than it may.
func (s *Server) mux(routes []Route) *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.Handle(r.Method+" "+r.Path, bounded(r.MaxBody, r.serve(s)))
	}
	return mux
}

func bounded(most int64, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, most)
		next.ServeHTTP(w, r)
	})
}

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
