package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/support"
)

// findingsView is the page of what pen tests found.
type findingsView struct {
	Findings []findingLine
	KPI      []kpiLine
}

// findingLine is a finding, and how far off its day is.
type findingLine struct {
	support.Finding
	Off string
}

// kpiLine is from finding to fix, for a severity.
type kpiLine struct {
	support.FindingKPIRow
	Took string // in the middle; empty when none was fixed
}

var findingDone = map[string]string{
	"reported": "The finding was written down.", "fix": "The finding is fixed.", "accept": "The risk is accepted until then.",
	"reopen": "The finding is open again.",
}

func (s *Server) findingsPage(w http.ResponseWriter, r *http.Request, v visitor) {
	s.showFindings(w, r, v, http.StatusOK, "")
}

func (s *Server) showFindings(w http.ResponseWriter, r *http.Request, v visitor, status int, alert string) {
	page, err := s.findingsView(r.Context())
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	s.render(w, r, status, "findings", view{
		Title: "Findings", Visitor: v, Done: findingDone[r.URL.Query().Get("done")], Alert: alert, Page: page,
	})
}

func (s *Server) findingsView(ctx context.Context) (v findingsView, err error) {
	found, err := s.Help.Findings.List(ctx, support.FindingQuery{Limit: maxWaiting})
	if err != nil {
		return v, err
	}
	now := time.Now()
	for _, f := range found {
		v.Findings = append(v.Findings, findingLine{Finding: f, Off: until(f.Due, now)})
	}
	kpi, err := s.Help.Findings.KPI(ctx, "", now.AddDate(-1, 0, 0))
	for _, row := range kpi.Lines {
		line := kpiLine{FindingKPIRow: row}
		if row.Fixed > 0 {
			line.Took = lasting(row.Median)
		}
		v.KPI = append(v.KPI, line)
	}
	return v, err
}

// reportFinding writes down what was found.
func (s *Server) reportFinding(w http.ResponseWriter, r *http.Request, v visitor) {
	_, err := s.Help.Findings.Report(r.Context(), support.NewFinding{
		Title: strings.TrimSpace(r.PostFormValue("title")), Severity: support.Severity(r.PostFormValue("severity")),
		Source: strings.TrimSpace(r.PostFormValue("source")),
	})
	s.finishFinding(w, r, v, "reported", err)
}

func (s *Server) finishFinding(w http.ResponseWriter, r *http.Request, v visitor, what string, err error) {
	switch {
	case errors.Is(err, tenon.ErrNotFound):
		s.failPage(w, r, err)
	case err != nil:
		s.note(r, err)
		status, text := describe(err)
		s.showFindings(w, r, v, status, text)
	default:
		http.Redirect(w, r, "/support/findings?done="+what, http.StatusSeeOther)
	}
}

// moveFinding fixes, accepts or reopens.
func (s *Server) moveFinding(w http.ResponseWriter, r *http.Request, v visitor) {
	ref, reason := support.Ref{ID: r.PathValue("finding")}, strings.TrimSpace(r.PostFormValue("reason"))
	move, err := r.PathValue("move"), error(nil)
	switch move {
	case "fix":
		_, err = s.Help.Findings.Fix(r.Context(), ref, reason)
	case "reopen":
		_, err = s.Help.Findings.Reopen(r.Context(), ref, reason)
	case "accept":
		err = s.accept(r, ref, reason)
	default:
		err = tenon.ErrNotFound
	}
	s.finishFinding(w, r, v, move, err)
}

func (s *Server) accept(r *http.Request, ref support.Ref, reason string) error {
	days, err := number(r, "days", true)
	if err != nil {
		return err
	}
	_, err = s.Help.Findings.Accept(r.Context(), ref, support.Acceptance{
		Approver: strings.TrimSpace(r.PostFormValue("approver")), Reason: reason, Until: time.Now().AddDate(0, 0, int(days)),
	})
	return err
}
