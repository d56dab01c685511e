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

// auditAPI lets a company's programs search, prove and export its own records.
func (s *Server) auditAPI() http.Handler {
	return audithttp.Handler(s.Evidence.Log, func(r *http.Request) (audit.Viewer, error) {
		c, _ := tenon.CallerFrom(r.Context())
		return audit.Viewer{Tenant: c.Tenant, Name: c.Actor}, nil
	}, &audithttp.Options{Verifier: s.Evidence.Verifier, MaxExport: 16 << 20, Logger: s.Logger})
}
