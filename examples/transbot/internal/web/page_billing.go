package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
)

// freeDays is the trial that is offered.
const freeDays = 14

// billingView is a company's page about its subscription.
type billingView struct {
	Company    freight.Company
	Plan       entitlements.Plan // zero: none
	Status     string
	Facts      []fact
	Subscribed bool // at Stripe
	Free       int  // days of a trial that can be had; 0: none
	Meters     []meter
	Plans      []entitlements.Plan
	PayURL     string // where an order is paid
	Fake       *fakeView
	Repairs    []string // what a comparison with Stripe found
	Compared   bool
}

// billingPages are those about subscriptions.
func billingPages() []Route {
	return []Route{
		get("/companies/{company}/billing", SignedIn, sold((*Server).billingPage)),
		get("/billing/return", Everybody, sold((*Server).returnPage)),
		post("/companies/{company}/billing/subscribe", SignedIn, sold((*Server).subscribe)),
		post("/companies/{company}/billing/move", SignedIn, sold((*Server).movePlan)),
		post("/companies/{company}/billing/cancel", SignedIn, sold((*Server).cancelPlan)),
		post("/companies/{company}/billing/portal", SignedIn, sold((*Server).openPortal)),
		post("/companies/{company}/billing/clock", Staff, sold(onFake((*Server).moveClock))),
		post("/companies/{company}/billing/card", Staff, sold(onFake((*Server).setCard))),
		post("/companies/{company}/billing/webhooks", Staff, sold(onFake((*Server).loseWebhooks))),
		post("/companies/{company}/billing/reconcile", Staff, sold((*Server).reconcile)),
	}
}

// sold is a page that is there where something is sold.
func sold(next method) method {
	return func(s *Server, w http.ResponseWriter, r *http.Request, v visitor) {
		if s.Billing == nil {
			s.failPage(w, r, tenon.ErrNotFound)
			return
		}
		next(s, w, r, v)
	}
}

// webhook takes what Stripe tells.
func (s *Server) webhook() http.Handler {
	if s.Billing == nil {
		return http.NotFoundHandler()
	}
	return s.recorded(s.Billing.Handler())
}

var billingTexts = map[string]string{
	"moved": "The subscription was changed.", "canceled": "The subscription was canceled.", "kept": "The subscription goes on.",
	"clock": "The clock was moved on.", "card": "The card was changed.", "paid": "The open invoice was paid.",
	"webhooks": "Webhooks were switched.", "unpaid": "There is no open invoice, or the card was declined.",
}

func (s *Server) billingPage(w http.ResponseWriter, r *http.Request, v visitor) {
	s.showBilling(w, r, v, http.StatusOK, "", func(*billingView) {})
}

// showBilling shows the page, with an alert when what was asked for failed.
func (s *Server) showBilling(w http.ResponseWriter, r *http.Request, v visitor, status int, alert string, add func(*billingView)) {
	page, err := s.billingView(r.Context(), r.PathValue("company"))
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	add(&page)
	s.render(w, r, status, "billing", view{
		Title: page.Company.Name + ", billing", Visitor: v, Done: billingTexts[r.URL.Query().Get("done")], Alert: alert, Page: page,
	})
}

func (s *Server) billingView(ctx context.Context, id string) (billingView, error) {
	c, err := s.companies.Company(ctx, id)
	if err != nil {
		return billingView{}, err
	}
	gate := s.Gate.WithStore(s.Store)
	versions, err := gate.Catalog(ctx)
	if err != nil {
		return billingView{}, err
	}
	decisions, err := s.Billing.Decisions(ctx, id)
	if err != nil {
		return billingView{}, err
	}
	page := billingView{
		Company: c, Status: "no plan", Meters: inGroups(meters(versions, decisions)), Plans: versions.PlansByTier(), Free: freeDays,
		Fake: s.fakeView(id),
	}
	e, err := gate.Entitlement(ctx, id)
	if errors.Is(err, entitlements.ErrUnknownTenant) {
		return page, nil
	}
	now := s.Billing.Now()
	page.Plan, _ = versions.Plan(e.Plan, e.Version)
	page.Status, page.Facts = statusName(e, now), facts(e, versions, now)
	page.Subscribed = e.Subscription != "" && e.Status != entitlements.Canceled && e.Status != entitlements.IncompleteExpired
	if e.TrialUsed {
		page.Free = 0
	}
	return page, err
}

// accessEnds returns when access is to end. That it is bounded a while after each period, in case that nobody tells of the
// next, is not for people.
func accessEnds(e entitlements.Entitlement) time.Time {
	if e.AccessUntil.After(e.CurrentPeriodEnd) && !e.CurrentPeriodEnd.IsZero() {
		return time.Time{}
	}
	return e.AccessUntil
}

// finishBilling answers a form: by the page, with what was wrong when something was.
func (s *Server) finishBilling(w http.ResponseWriter, r *http.Request, v visitor, what string, err error) {
	if err == nil {
		http.Redirect(w, r, billingPath(r.PathValue("company"))+"?done="+what, http.StatusSeeOther)
		return
	}
	s.note(r, err)
	status, text := describeBilling(err)
	s.showBilling(w, r, v, status, text, func(*billingView) {})
}

func billingPath(company string) string { return "/companies/" + url.PathEscape(company) + "/billing" }

func describeBilling(err error) (status int, text string) {
	for told, text := range map[error]string{
		entitlements.ErrSubscribed:    "The company has a subscription already. Reload the page.",
		entitlements.ErrNotSubscribed: "The company has no subscription.",
		entitlements.ErrPaymentFailed: "The card was declined. Put another one in on Stripe's page.",
		entitlements.ErrTrialUsed:     "The company has had its trial.",
	} {
		if errors.Is(err, told) {
			return http.StatusConflict, text
		}
	}
	return describe(err)
}

// subscribe begins a subscription: on Stripe's page, to which the answer leads.
func (s *Server) subscribe(w http.ResponseWriter, r *http.Request, v visitor) {
	company := r.PathValue("company")
	o := entitlements.Order{
		Tenant: company, Plan: r.PostFormValue("plan"), Yearly: r.PostFormValue("interval") == "year",
		SuccessURL: s.origin(r) + "/billing/return?company=" + url.QueryEscape(company), CancelURL: s.origin(r) + billingPath(company),
	}
	if r.PostFormValue("trial") != "" {
		o.Trial = freeDays * 24 * time.Hour
	}
	begun, err := s.Billing.Start(r.Context(), o)
	if err != nil {
		s.finishBilling(w, r, v, "", err)
		return
	}
	s.showBilling(w, r, v, http.StatusOK, "", func(p *billingView) { p.PayURL = begun.URL })
}

// origin is how the visitor reaches the site.
func (s *Server) origin(r *http.Request) string {
	if s.HTTPS {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// returnPage is where Stripe's page leads back to. A browser that comes from another site brings no session along, so
// this page needs none, and leads on from our own.
func (s *Server) returnPage(w http.ResponseWriter, r *http.Request, _ visitor) {
	path := billingPath(r.URL.Query().Get("company"))
	w.Header().Set("Refresh", "1; url="+path)
	s.render(w, r, http.StatusOK, "return", view{Title: "Thank you", Page: path})
}

// movePlan changes the plan. The present one takes back what was planned.
func (s *Server) movePlan(w http.ResponseWriter, r *http.Request, v visitor) {
	m := entitlements.Move{Tenant: r.PathValue("company"), Plan: r.PostFormValue("plan"), Yearly: r.PostFormValue("interval") == "year"}
	switch r.PostFormValue("proration") {
	case "":
	case "now":
		m.Proration = entitlements.ProrateNow
	case "none":
		m.Proration = entitlements.NoProrate
	default:
		s.finishBilling(w, r, v, "", tenon.Invalid("proration", "is not a choice"))
		return
	}
	s.finishBilling(w, r, v, "moved", s.Billing.Move(r.Context(), m))
}

func (s *Server) cancelPlan(w http.ResponseWriter, r *http.Request, v visitor) {
	c := entitlements.Cancellation{Tenant: r.PathValue("company"), Reason: strings.TrimSpace(r.PostFormValue("reason"))}
	if r.PostFormValue("when") == "now" {
		c.When = entitlements.Now
	}
	s.finishBilling(w, r, v, "canceled", s.Billing.Cancel(r.Context(), c))
}

// openPortal leads to the page on which the company looks after cards and invoices.
func (s *Server) openPortal(w http.ResponseWriter, r *http.Request, v visitor) {
	company := r.PathValue("company")
	address, err := s.Billing.PortalURL(r.Context(), company, s.origin(r)+"/billing/return?company="+url.QueryEscape(company))
	if err != nil {
		s.finishBilling(w, r, v, "", err)
		return
	}
	s.showBilling(w, r, v, http.StatusOK, "", func(p *billingView) { p.PayURL = address })
}

// reconcile compares everybody's subscription with Stripe and repairs what differs.
func (s *Server) reconcile(w http.ResponseWriter, r *http.Request, v visitor) {
	repairs, err := s.Billing.Reconcile(r.Context(), r.PostFormValue("dry") != "")
	if err != nil {
		s.finishBilling(w, r, v, "", err)
		return
	}
	s.showBilling(w, r, v, http.StatusOK, "", func(p *billingView) {
		p.Compared = true
		for _, one := range repairs {
			p.Repairs = append(p.Repairs, one.Tenant+": "+one.What)
		}
	})
}
