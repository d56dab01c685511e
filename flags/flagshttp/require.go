package flagshttp

import (
	"net/http"

	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/internal/httpjson"
)

// Require returns a middleware that lets a request through when flag is on for the one who sent it, and otherwise
// answers as [Problem] does. It answers from memory and never fails: where the set has no answer, the flag's default in
// code counts. On a route it stands after the rate limit and before the plan.
//
// It panics when set, flag or who is nil.
func Require(set *flags.Set, flag *flags.BoolFlag, who WhoFunc, opts *Options) func(http.Handler) http.Handler {
	if flag == nil {
		panic("flagshttp: nil flag")
	}
	if who == nil {
		panic("flagshttp: nil WhoFunc")
	}
	s := newService(set, opts)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			one, ok := s.identify(w, r, who)
			if !ok {
				return
			}
			if d := flag.DetailFor(set, &one); !d.Value {
				Problem(w, r, d)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// Problem answers r with the problem document of a flag that is off, with status 403: of the type
// urn:tenon:problem:switched-off when the kill switch did it, and urn:tenon:problem:not-switched-on otherwise. Its
// detail is [Text]. It is for handlers that ask the set themselves.
func Problem(w http.ResponseWriter, r *http.Request, d flags.Detail[bool]) {
	name := "not-switched-on"
	if d.Cause == flags.CauseKillSwitch {
		name = "switched-off"
	}
	write(w, r, document{Problem: httpjson.New(http.StatusForbidden, name, Text(d)), Flag: d.Key})
}

// Text says in words for a customer why a flag is off. They differ from those of a plan that lacks a feature.
func Text(d flags.Detail[bool]) string {
	if d.Cause == flags.CauseKillSwitch {
		return "This is switched off for everybody at the moment."
	}
	return "This is not switched on for your company yet."
}
