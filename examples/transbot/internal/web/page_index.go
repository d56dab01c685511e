package web

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/examples/transbot/internal/quoting"
)

// maxCompanies bounds the list.
const maxCompanies = 200

// companyLine is a company in the list.
type companyLine struct {
	freight.Company
	Plan   string
	Status string
	Rates  meter
}

// indexPage lists the companies for the staff, and leads a company's people to their own page.
func (s *Server) indexPage(w http.ResponseWriter, r *http.Request, v visitor) {
	if !v.Staff() {
		http.Redirect(w, r, "/companies/"+url.PathEscape(v.Company), http.StatusSeeOther)
		return
	}
	companies, err := s.companies.Companies(r.Context(), maxCompanies)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	lines, err := s.companyLines(r.Context(), companies)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	s.render(w, r, http.StatusOK, "index", view{Title: "Companies", Visitor: v, Page: lines})
}

// companyLines reads all subscriptions at once, and asks the gate's memory for the use.
func (s *Server) companyLines(ctx context.Context, companies []freight.Company) ([]companyLine, error) {
	versions, err := s.Gate.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(companies))
	for i, c := range companies {
		ids[i] = c.ID
	}
	now := time.Now()
	standings, err := s.Store.Load(ctx, ids, tenon.Instant(now))
	if err != nil {
		return nil, err
	}
	lines := make([]companyLine, len(companies))
	for i, c := range companies {
		d, err := s.Gate.Check(ctx, c.ID, quoting.Rates)
		if err != nil {
			return nil, err
		}
		rates := meters(versions, []entitlements.Decision{d})[0]
		lines[i] = companyLine{Company: c, Plan: "none", Status: "no plan", Rates: rates}
		if e := standings[i].Rights.Entitlement; e != nil {
			present := e.At(now)
			lines[i].Plan, lines[i].Status = planName(versions, present.Plan), statusName(present, now)
		}
	}
	return lines, nil
}

var statusNames = map[entitlements.Status]string{
	entitlements.Trialing: "trial", entitlements.Active: "active", entitlements.PastDue: "past due",
	entitlements.Canceled: "canceled", entitlements.Paused: "paused", entitlements.Unpaid: "unpaid",
	entitlements.Incomplete: "incomplete", entitlements.IncompleteExpired: "expired",
}

// statusName is where a subscription stands, in words.
func statusName(e entitlements.Entitlement, now time.Time) string {
	if e.Status == entitlements.Trialing && !now.Before(e.TrialEndsAt) {
		return "trial ended"
	}
	return statusNames[e.Status]
}
