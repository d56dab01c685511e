//go:build !bare

package web

import "net/http"

// serveAPI serves the routes below /api. A build for the benchmark has fewer: see api_bare.go.
func (s *Server) serveAPI() http.Handler { return s.api() }
