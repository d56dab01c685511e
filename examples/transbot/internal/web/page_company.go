package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/support"
)

// companyView is a company's page.
type companyView struct {
	Company  freight.Company
	Plan     entitlements.Plan // zero: none
	Status   string
	Facts    []fact // about the subscription
	Meters   []meter
	Trial    *trialNote // nil: none is under way
	Tours    []support.Tour
	History  []spell
	Plans    []entitlements.Plan
	Features []entitlements.Feature // those with units
	Sells    bool                   // there is a page about billing
}

// fact is a line about the subscription: what, when, and how far off that is.
type fact struct {
	What string
	When time.Time
	Off  string
}

// spell is a line of the history.
type spell struct {
	entitlements.Spell
	Name    string // of the plan
	Says    string // the status
	Planned bool
}

var doneTexts = map[string]string{
	"sent": "The quote was sent.", "accepted": "The quote was accepted.", "booked": "The load was booked.",
	"plan": "The plan was changed.", "grant": "The units were granted.",
	"override": "The limit was overridden.", "removed": "The override was removed.",
}

func (s *Server) companyPage(w http.ResponseWriter, r *http.Request, v visitor) {
	s.showCompany(w, r, v, http.StatusOK, "")
}

// showCompany shows the company's page, with an alert when what was asked for failed.
func (s *Server) showCompany(w http.ResponseWriter, r *http.Request, v visitor, status int, alert string) {
	page, err := s.companyView(r.Context(), r.PathValue("company"))
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	s.render(w, r, status, "company", view{
		Title: page.Company.Name, Visitor: v, Done: doneTexts[r.URL.Query().Get("done")], Alert: alert, Page: page,
	})
}

// companyView reads past what is in memory, so that a page shows what was just changed.
func (s *Server) companyView(ctx context.Context, id string) (companyView, error) {
	c, err := s.companies.Company(ctx, id)
	if err != nil {
		return companyView{}, err
	}
	gate := s.Gate.WithStore(s.Store)
	versions, err := gate.Catalog(ctx)
	if err != nil {
		return companyView{}, err
	}
	decisions, err := gate.CheckAll(ctx, id)
	if err != nil {
		return companyView{}, err
	}
	page := companyView{
		Company: c, Meters: inGroups(meters(versions, decisions)), Plans: versions.PlansByTier(), Features: countable(versions),
		Status: "no plan", Sells: s.Billing != nil,
	}
	for i, m := range page.Meters {
		page.Meters[i].Closed = s.closed(id, m.Feature)
	}
	for _, tour := range s.Help.AllTours() {
		if s.closed(id, tour.Feature) == "" {
			page.Tours = append(page.Tours, tour)
		}
	}
	return page, page.addPlan(ctx, gate, versions)
}

// addPlan adds what there is to say of the subscription, if there is one.
func (p *companyView) addPlan(ctx context.Context, gate *entitlements.Gate, versions *entitlements.Versions) error {
	e, err := gate.Entitlement(ctx, p.Company.ID)
	if errors.Is(err, entitlements.ErrUnknownTenant) {
		return nil
	}
	if err != nil {
		return err
	}
	now := time.Now()
	p.Plan, _ = versions.Plan(e.Plan, e.Version)
	p.Status, p.Facts, p.Trial = statusName(e, now), facts(e, versions, now), trialOf(e, versions, now)
	spells, err := gate.History(ctx, p.Company.ID)
	begun := false
	for _, line := range slices.Backward(spells) {
		said := spell{Spell: line, Name: planName(versions, line.Plan), Says: statusNames[line.Status], Planned: line.From.After(now)}
		if begun {
			said.Says = "over"
		}
		begun = begun || !said.Planned
		p.History = append(p.History, said)
	}
	return err
}

// facts are the instants of a subscription that somebody should know.
func facts(e entitlements.Entitlement, versions *entitlements.Versions, now time.Time) []fact {
	next := entitlements.Next{}
	if e.Next != nil {
		next = *e.Next
	}
	var list []fact
	for _, f := range []fact{
		{What: "Customer since", When: e.StartedAt},
		{What: "Trial ends", When: onlyIf(e.Status == entitlements.Trialing, e.TrialEndsAt)},
		{What: "Payment overdue, access until", When: onlyIf(e.Status == entitlements.PastDue, e.GraceUntil)},
		{What: "Access until", When: accessEnds(e)},
		{What: "Billing period ends", When: onlyIf(e.Status == entitlements.Active, e.PeriodEnd(now))},
		{What: "Moves to " + planName(versions, next.Plan), When: onlyIf(next.Plan != e.Plan, next.At)},
	} {
		if !f.When.IsZero() {
			f.Off = until(f.When, now)
			list = append(list, f)
		}
	}
	return list
}

func onlyIf(yes bool, t time.Time) time.Time {
	if !yes {
		return time.Time{}
	}
	return t
}

var groups = []string{"core", "advanced", "enterprise"}

var kinds = []entitlements.Kind{entitlements.Metered, entitlements.Gauge, entitlements.Boolean, entitlements.Config}

// byGroup orders features as people look for them: core first, and in each group what is counted.
func byGroup(a, b entitlements.Feature) int {
	return cmp.Or(slices.Index(groups, a.Category)-slices.Index(groups, b.Category),
		slices.Index(kinds, a.Kind)-slices.Index(kinds, b.Kind), cmp.Compare(a.Key, b.Key))
}

func inGroups(list []meter) []meter {
	slices.SortFunc(list, func(a, b meter) int { return byGroup(a.About, b.About) })
	return list
}

// countable returns the features whose units can be granted.
func countable(v *entitlements.Versions) []entitlements.Feature {
	var list []entitlements.Feature
	for _, f := range v.Features {
		if f.Kind == entitlements.Metered || f.Kind == entitlements.Gauge {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, byGroup)
	return list
}
