package web

import (
	"fmt"
	"math"
	"net/http"
	"strconv"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimithttp"
)

// limited lets each API key through as often as its company's plan says. It stands behind bearer, which knows who calls,
// and before everything that counts: a request that comes too soon costs nothing.
func (s *Server) limited(next http.Handler) http.Handler {
	return ratelimithttp.Middleware(s.APILimit, keyOf, &ratelimithttp.Options{Logger: s.Logger})(next)
}

func keyOf(r *http.Request) (ratelimit.Key, error) {
	c, _ := tenon.CallerFrom(r.Context())
	return ratelimit.Key{Tenant: c.Tenant, Name: c.Actor}, nil
}

// byAddress limits by where a connection comes from. Behind a proxy, name it here.
var byAddress = ratelimithttp.ByIP()

// maySignIn lets an address try keys now and then, or answers the request.
func (s *Server) maySignIn(w http.ResponseWriter, r *http.Request) bool {
	return s.mayAsk(w, r, s.SignInLimit, func(after string) {
		s.render(w, r, http.StatusTooManyRequests, "signin", view{Title: "Sign in", Alert: "Too many attempts from your address. " + after})
	})
}

// mayLook lets an address look at public pages now and then, or answers the request.
func (s *Server) mayLook(w http.ResponseWriter, r *http.Request) bool {
	return s.mayAsk(w, r, s.PublicLimit, func(after string) {
		s.errorPage(w, r, http.StatusTooManyRequests, "Too many requests from your address. "+after)
	})
}

// mayAsk asks a limit of the address that r comes from. Refuse answers with the words that say when to come again.
func (s *Server) mayAsk(w http.ResponseWriter, r *http.Request, limit *ratelimit.Limiter, refuse func(after string)) bool {
	key, err := byAddress(r)
	var d ratelimit.Decision
	if err == nil {
		d, err = limit.Take(r.Context(), key, 1)
	}
	switch {
	case err != nil:
		s.failPage(w, r, err)
		return false
	case d.Allowed:
		return true
	}
	after := int64(math.Ceil(d.RetryAfter.Seconds()))
	w.Header().Set("Retry-After", strconv.FormatInt(after, 10))
	refuse(fmt.Sprintf("Please try again in %d seconds.", after))
	return false
}
