//go:build !bare

package web

import "net/http"

// apiRoutes are the routes below /api. A build for the benchmark has fewer: see api_bare.go.
func (s *Server) apiRoutes() http.Handler { return s.api() }
