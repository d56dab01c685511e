package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/examples/transbot/internal/quoting"
)

const (
	maxCompanies     = 1000 // among which companies are looked for
	companiesPerPage = 100
)

// companiesView is the list of companies.
type companiesView struct {
	Name     string // that was looked for
	Plan     string // by name; empty: any
	Status   string // empty: any
	Plans    []string
	Statuses []string
	Lines    []companyLine // of this page
	Found    int
	More     bool   // there are more companies than were looked at
	Back     string // address of the page before; empty at the beginning
	Next     string // address of the next page; empty at the end
}

// companyLine is a company in the list.
type companyLine struct {
	freight.Company
	Plan   string
	Status string
	Rates  meter
}

// companiesPage lists the companies for the staff.
func (s *Server) companiesPage(w http.ResponseWriter, r *http.Request, v visitor) {
	page, err := s.companiesView(r.Context(), r.URL.Query())
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	s.render(w, r, http.StatusOK, "companies", view{Title: "Companies", Visitor: v, Page: page})
}

func (s *Server) companiesView(ctx context.Context, asked url.Values) (page companiesView, err error) {
	name := strings.ToValidUTF8(strings.ReplaceAll(asked.Get("name"), "\x00", ""), "") // what text in Postgres cannot hold
	page = companiesView{Name: strings.TrimSpace(name), Plan: asked.Get("plan"), Status: asked.Get("status")}
	companies, err := s.companies.FindCompanies(ctx, page.Name, maxCompanies)
	if err != nil {
		return page, err
	}
	versions, err := s.Gate.Catalog(ctx)
	if err != nil {
		return page, err
	}
	lines, err := s.companyLines(ctx, versions, companies)
	if err != nil {
		return page, err
	}
	page.More = len(companies) == maxCompanies
	page.offer(versions, lines)
	lines = slices.DeleteFunc(lines, page.unwanted)
	page.Found = len(lines)
	page.turnTo(asked, lines)
	return page, s.addRates(ctx, versions, page.Lines)
}

// offer says what the list can be narrowed down by: all plans, and each status that a company has.
func (p *companiesView) offer(versions *entitlements.Versions, lines []companyLine) {
	for _, plan := range versions.PlansByTier() {
		p.Plans = append(p.Plans, plan.Name)
	}
	for _, l := range lines {
		p.Statuses = append(p.Statuses, l.Status)
	}
	slices.Sort(p.Statuses)
	p.Statuses = slices.Compact(p.Statuses)
}

func (p *companiesView) unwanted(l companyLine) bool {
	return p.Plan != "" && l.Plan != p.Plan || p.Status != "" && l.Status != p.Status
}

// turnTo keeps the page that the address asks for.
func (p *companiesView) turnTo(asked url.Values, lines []companyLine) {
	n, _ := strconv.Atoi(asked.Get("page"))
	n = min(max(n, 1), max((len(lines)+companiesPerPage-1)/companiesPerPage, 1))
	p.Lines = lines[(n-1)*companiesPerPage : min(n*companiesPerPage, len(lines))]
	at := func(n int) string {
		v := url.Values{"page": {strconv.Itoa(n)}}
		for field, value := range map[string]string{"name": p.Name, "plan": p.Plan, "status": p.Status} {
			if value != "" {
				v.Set(field, value)
			}
		}
		return "/companies?" + v.Encode()
	}
	if n > 1 {
		p.Back = at(n - 1)
	}
	if n*companiesPerPage < len(lines) {
		p.Next = at(n + 1)
	}
}

// companyLines reads all subscriptions at once.
func (s *Server) companyLines(ctx context.Context, versions *entitlements.Versions, companies []freight.Company) ([]companyLine, error) {
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
		lines[i] = companyLine{Company: c, Plan: "none", Status: "no plan"}
		if e := standings[i].Rights.Entitlement; e != nil {
			present := e.At(now)
			lines[i].Plan, lines[i].Status = planName(versions, present.Plan), statusName(present, now)
		}
	}
	return lines, nil
}

// addRates asks the gate's memory for the use of each company.
func (s *Server) addRates(ctx context.Context, versions *entitlements.Versions, lines []companyLine) error {
	for i, l := range lines {
		d, err := s.Gate.Check(ctx, l.ID, quoting.Rates)
		if err != nil {
			return err
		}
		lines[i].Rates = meters(versions, []entitlements.Decision{d})[0]
	}
	return nil
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
