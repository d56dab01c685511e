package web

import (
	"math/rand/v2"
	"net/http"
	"strings"
)

// ailing lets some calls that work with quotes fail while a drill is under way.
func (s *Server) ailing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/quotes") && s.Ops.Broken() && rand.IntN(2) == 0 {
			problem(w, http.StatusServiceUnavailable, "drill", "The service is broken on purpose. Try again later.")
			return
		}
		next.ServeHTTP(w, r)
	})
}
