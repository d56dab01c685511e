package web

import (
	"log/slog"
	"net/http"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/audithttp"
)

// recordOptions say what is recorded of a request that changes something. Keys and tokens are not among the fields.
func recordOptions(logger *slog.Logger) *audithttp.RecordOptions {
	return &audithttp.RecordOptions{
		Tenant: tenantOfPath, Logger: logger,
		Fields: []string{
			"amount", "at_least", "days", "destination", "everyone", "feature", "flag", "guarded", "hard", "hours", "interval",
			"named", "on", "origin", "pallets", "percent", "plan", "ready_on", "reason", "stages", "version", "weight_kg", "what",
			"when",
		},
	}
}

// tenantOfPath returns the company whose data a request is about: the one that its path names, else the caller's own.
func tenantOfPath(r *http.Request) string {
	if company := r.PathValue("company"); company != "" {
		return company
	}
	c, _ := tenon.CallerFrom(r.Context())
	return c.Tenant
}

// auditRoutes are those of a company's own records.
func auditRoutes() []Route {
	return []Route{
		ask("/api/audit/records", (*Server).auditAPI),
		ask("/api/audit/records/{id}", (*Server).auditAPI),
		ask("/api/audit/records/{id}/proof", (*Server).auditAPI),
		ask("/api/audit/export", (*Server).auditAPI),
		ask("/api/audit/key", (*Server).auditAPI),
		tell("/api/audit/verify", maxExport, (*Server).auditAPI),
	}
}

// maxExport bounds an export that is verified, in bytes.
const maxExport = 16 << 20

// auditAPI lets a company's programs search, prove and export its own records.
func (s *Server) auditAPI() http.Handler {
	h := audithttp.Handler(s.Evidence.Log, func(r *http.Request) (audit.Viewer, error) {
		c, _ := tenon.CallerFrom(r.Context())
		return audit.Viewer{Tenant: c.Tenant, Name: c.Actor}, nil
	}, &audithttp.Options{Verifier: s.Evidence.Verifier, MaxExport: maxExport, Logger: s.Logger})
	return http.StripPrefix("/api/audit", h)
}
