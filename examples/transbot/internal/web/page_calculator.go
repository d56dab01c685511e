package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/examples/transbot/internal/growth"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimithttp"
	"github.com/transbotai/tenon/slo/slohttp"
)

// usualLanes are those that the calculator begins with.
const usualLanes = 40

// calculatorView is the public calculator.
type calculatorView struct {
	Lanes string // as it was typed
	Email string
	growth.Estimate
	Plans []entitlements.Plan
}

// Assumptions are the numbers that the estimate rests on.
func (calculatorView) Assumptions() map[string]int64 {
	return map[string]int64{
		"quotes": growth.QuotesPerLane, "byHand": growth.MinutesByHand, "here": growth.MinutesHere,
		"hour": growth.HourCents, "lanes": growth.MaxLanes, "days": growth.TrialDays,
	}
}

// Money writes an amount for people who look at prices: $1,423.66.
func (calculatorView) Money(minor int64, currency string) string {
	whole, cents, _ := strings.Cut(entitlements.Price(minor, currency), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || currency != "USD" {
		return entitlements.Price(minor, currency) + " " + currency
	}
	return "$" + count(n) + "." + cents
}

// growthPages are the pages of trials: the public ones, and the staff's.
func growthPages() []Route {
	return []Route{
		get("/calculator", Everybody, (*Server).calculatorPage),
		post("/calculator", Everybody, (*Server).useCalculator),
		get("/signup", Everybody, (*Server).lookIntoMailPage),
		get("/signup/{lead}/{token}", Everybody, (*Server).signUpPage),
		post("/signup/{lead}/{token}", Everybody, (*Server).signUp),
		get("/trials", Staff, (*Server).trialsPage),
		get("/trials/mails/{name}", Staff, (*Server).trialMail),
		post("/trials/{lead}/{move}", Staff, (*Server).moveTrial),
	}
}

func (s *Server) calculatorPage(w http.ResponseWriter, r *http.Request, v visitor) {
	lanes := r.URL.Query().Get("lanes")
	if lanes == "" {
		lanes = strconv.Itoa(usualLanes)
	}
	s.showCalculator(w, r, v, calculatorView{Lanes: lanes}, nil)
}

// useCalculator estimates, and asks for a trial when that is wanted.
func (s *Server) useCalculator(w http.ResponseWriter, r *http.Request, v visitor) {
	page := calculatorView{Lanes: r.PostFormValue("lanes"), Email: r.PostFormValue("email")}
	if r.PostFormValue("what") == "estimate" {
		s.showCalculator(w, r, v, page, nil)
		return
	}
	lanes, err := lanesOf(page.Lanes)
	if err != nil {
		s.showCalculator(w, r, v, page, nil) // which says what is wrong with them
		return
	}
	if !s.mayAsk(w, r, s.TrialLimit, func(after string) {
		s.errorPage(w, r, http.StatusTooManyRequests, "Too many trials were asked for from your address. "+after)
	}) {
		return
	}
	ticket, d, err := s.askTrial(r, growth.Request{Email: page.Email, Lanes: lanes})
	switch {
	case err != nil:
		s.showCalculator(w, r, v, page, err)
	case !d.Allowed:
		s.errorPage(w, r, http.StatusTooManyRequests, "This e-mail address was given too often. Please try again in an hour.")
	default:
		http.Redirect(w, r, signUpAt(ticket), http.StatusSeeOther)
	}
}

// showCalculator shows the page with an estimate, or with what is wrong.
func (s *Server) showCalculator(
	w http.ResponseWriter, r *http.Request, v visitor, page calculatorView, failed error,
) {
	status := http.StatusOK
	versions, err := s.Gate.Catalog(r.Context())
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	page.Plans = versions.PlansByTier()
	lanes, err := lanesOf(page.Lanes)
	if err == nil {
		page.Estimate, err = growth.Calculate(lanes, page.Plans)
	}
	if failed == nil {
		failed = err
	}
	alert := ""
	if failed != nil {
		s.note(r, failed)
		status, alert = describe(failed)
	}
	s.render(w, r, status, "calculator", view{
		Title: "Calculate Your Savings", Visitor: v, Alert: alert, Page: page, Script: "calculator.js",
	})
}

func lanesOf(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > growth.MaxLanes {
		return 0, tenon.Invalid("lane_count", "is not a whole number within 1 and %d", growth.MaxLanes)
	}
	return n, nil
}

// askTrial asks for a trial, unless that was done too often for the mailbox, which is limited by a name that tells nobody
// the address.
func (s *Server) askTrial(r *http.Request, q growth.Request) (ticket string, d ratelimit.Decision, err error) {
	address, err := growth.ParseAddress(q.Email)
	if err != nil {
		return "", d, err
	}
	d, err = s.MailLimit.Take(r.Context(), ratelimit.Key{Name: s.Growth.Ticket(growth.Mailbox(address))}, 1)
	if err != nil || !d.Allowed {
		return "", d, err
	}
	ticket, err = s.Growth.Ask(r.Context(), q)
	return ticket, d, err
}

func signUpAt(ticket string) string { return "/signup?trial=" + url.QueryEscape(ticket) }

// trialAnswer is what is answered to whoever asks for a trial, known or not.
type trialAnswer struct {
	ID       string         `json:"id"`
	Lanes    int            `json:"lanes"`
	Signup   string         `json:"signup"`
	Estimate estimateAnswer `json:"estimate"`
}

type estimateAnswer struct {
	Quotes   int64  `json:"quotes_a_month"`
	Hours    int64  `json:"hours_saved_a_month"`
	Plan     string `json:"plan"`
	Saving   int64  `json:"saving_a_month_cents"`
	Currency string `json:"currency"`
}

// trialsAPI takes trials of programs, from anybody.
func (s *Server) trialsAPI() http.Handler {
	limited := ratelimithttp.Middleware(s.TrialLimit, byAddress, &ratelimithttp.Options{Logger: s.Logger})
	h := limited(http.HandlerFunc(s.createTrial))
	return slohttp.Record(http.NewCrossOriginProtection().Handler(h), s.Ops.Observe)
}

func (s *Server) createTrial(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Email string `json:"email"`
		Lanes int    `json:"lanes"`
	}
	if !receive(w, r, maxBody, &q) {
		return
	}
	e, err := s.Growth.Estimate(r.Context(), q.Lanes)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	ticket, d, err := s.askTrial(r, growth.Request{Email: q.Email, Lanes: q.Lanes})
	switch {
	case err != nil:
		s.fail(w, r, err)
	case !d.Allowed:
		ratelimithttp.Problem(w, r, d)
	default:
		w.Header().Set("Location", signUpAt(ticket))
		send(w, http.StatusCreated, trialAnswer{
			ID: ticket, Lanes: q.Lanes, Signup: signUpAt(ticket), Estimate: estimateAnswer{
				Quotes: e.Quotes, Hours: e.Hours(), Plan: e.Plan.ID, Saving: e.Saving, Currency: e.Plan.Currency,
			},
		})
	}
}
