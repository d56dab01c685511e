package supporthttp

import (
	"net/http"
	"time"

	"github.com/transbotai/tenon/internal/httpjson"
	"github.com/transbotai/tenon/support"
)

func (s *staff) listFindings(w http.ResponseWriter, r *http.Request, tenant string) error {
	limit, err := httpjson.Number(r, "limit", 100, 1, 1000)
	if err != nil {
		return err
	}
	q := support.FindingQuery{Tenant: tenant, Before: r.URL.Query().Get("before"), Limit: int(limit)}
	for _, state := range r.URL.Query()["state"] {
		q.States = append(q.States, support.FindingState(state))
	}
	all, err := s.findings.List(r.Context(), q)
	if err == nil {
		httpjson.Answer(w, r, http.StatusOK, map[string][]support.Finding{"findings": append([]support.Finding{}, all...)})
	}
	return err
}

func (s *staff) getFinding(w http.ResponseWriter, r *http.Request, tenant string) error {
	return found(w, r, http.StatusOK)(s.findings.Get(r.Context(), support.Ref{Tenant: tenant, ID: r.PathValue("id")}))
}

// found sends a finding.
func found(w http.ResponseWriter, r *http.Request, status int) func(support.Finding, error) error {
	return func(f support.Finding, err error) error {
		if err == nil {
			httpjson.Answer(w, r, status, f)
		}
		return err
	}
}

func (s *staff) findingKPI(w http.ResponseWriter, r *http.Request, tenant string) error {
	since, err := instant(r, "since", time.Time{})
	if err != nil {
		return err
	}
	kpi, err := s.findings.KPI(r.Context(), tenant, since)
	if err == nil {
		httpjson.Answer(w, r, http.StatusOK, kpi)
	}
	return err
}

// newFinding reports a finding.
type newFinding struct {
	ID       string           `json:"id"` // a UUID, for a reporter that may ask twice
	Title    string           `json:"title"`
	Detail   string           `json:"detail"`
	Severity support.Severity `json:"severity"`
	Source   string           `json:"source"`
	FoundAt  time.Time        `json:"found_at"`
}

func (s *staff) reportFinding(w http.ResponseWriter, r *http.Request, tenant string) error {
	var n newFinding
	if err := httpjson.Read(w, r, s.options.MaxBody, &n); err != nil {
		return err
	}
	return found(w, r, http.StatusCreated)(s.findings.Report(r.Context(), support.NewFinding{
		Tenant: tenant, ID: n.ID, Title: n.Title, Detail: n.Detail, Severity: n.Severity, Source: n.Source, FoundAt: n.FoundAt,
	}))
}
