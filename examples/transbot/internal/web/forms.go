package web

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// done shows the company's page after a form did its work, so that reloading does not send it again.
func done(w http.ResponseWriter, r *http.Request, what string) {
	http.Redirect(w, r, "/companies/"+url.PathEscape(r.PathValue("company"))+"?done="+what, http.StatusSeeOther)
}

// finish answers a form: by the company's page, with what was wrong when something was.
func (s *Server) finish(w http.ResponseWriter, r *http.Request, v visitor, what string, err error) {
	if err == nil {
		done(w, r, what)
		return
	}
	s.note(r, err)
	status, text := describe(err)
	s.showCompany(w, r, v, status, text)
}

// changePlan moves the company, or puts it on its first plan.
func (s *Server) changePlan(w http.ResponseWriter, r *http.Request, v visitor) {
	reason, err := reasonOf(r)
	if err != nil {
		s.finish(w, r, v, "", err)
		return
	}
	when, ok := map[string]entitlements.When{"": entitlements.ByTier, "now": entitlements.Now, "period_end": entitlements.AtPeriodEnd}[r.PostFormValue("when")]
	if !ok {
		s.finish(w, r, v, "", tenon.Invalid("when", "is not a choice"))
		return
	}
	company, plan := r.PathValue("company"), r.PostFormValue("plan")
	_, err = s.Gate.ChangePlan(r.Context(), entitlements.PlanChange{Tenant: company, Plan: plan, When: when, Reason: reason})
	if errors.Is(err, entitlements.ErrUnknownTenant) {
		_, err = s.Gate.Subscribe(r.Context(), entitlements.Subscription{Tenant: company, Plan: plan, Reason: reason})
	}
	s.finish(w, r, v, "plan", err)
}

// grant gives the company extra units.
func (s *Server) grant(w http.ResponseWriter, r *http.Request, v visitor) {
	reason, err := reasonOf(r)
	if err != nil {
		s.finish(w, r, v, "", err)
		return
	}
	amount, err := number(r, "amount", true)
	if err != nil {
		s.finish(w, r, v, "", err)
		return
	}
	expires, err := expiry(r)
	if err == nil {
		_, err = s.Gate.Grant(r.Context(), r.PathValue("company"), entitlements.Grant{
			Feature: r.PostFormValue("feature"), Amount: amount, ExpiresAt: expires, Reason: reason,
		})
	}
	s.finish(w, r, v, "grant", err)
}

// override sets the company's own limit for a feature.
func (s *Server) override(w http.ResponseWriter, r *http.Request, v visitor) {
	o, err := s.overrideOf(r)
	if err == nil {
		err = s.Gate.Override(r.Context(), r.PathValue("company"), o)
	}
	s.finish(w, r, v, "override", err)
}

func (s *Server) overrideOf(r *http.Request) (o entitlements.Override, err error) {
	o.Feature = r.PostFormValue("feature")
	if o.Period, err = s.periodOf(r, o.Feature); err != nil {
		return o, err
	}
	hard, err := number(r, "hard", true)
	if err != nil {
		return o, err
	}
	o.Hard = &hard
	if o.ExpiresAt, err = expiry(r); err != nil {
		return o, err
	}
	o.Reason, err = reasonOf(r)
	return o, err
}

func (s *Server) removeOverride(w http.ResponseWriter, r *http.Request, v visitor) {
	feature := r.PostFormValue("feature")
	period, err := s.periodOf(r, feature)
	if err == nil {
		err = s.Gate.RemoveOverride(r.Context(), r.PathValue("company"), feature, period)
	}
	s.finish(w, r, v, "removed", err)
}

// periodOf returns the window that this platform's catalogue counts a feature in: there is one for each kind.
func (s *Server) periodOf(r *http.Request, feature string) (entitlements.Period, error) {
	versions, err := s.Gate.Catalog(r.Context())
	if err != nil {
		return entitlements.Period{}, err
	}
	f, ok := versions.Features[feature]
	if !ok {
		return entitlements.Period{}, entitlements.ErrUnknownFeature
	}
	if f.Kind == entitlements.Metered {
		return entitlements.Monthly, nil
	}
	return entitlements.Period{}, nil
}

func reasonOf(r *http.Request) (string, error) {
	reason := strings.TrimSpace(r.PostFormValue("reason"))
	if reason == "" || len(reason) > 1000 {
		return "", tenon.Invalid("reason", "is not text of 1 to 1000 bytes")
	}
	return reason, nil
}

// number reads a whole number; an empty one is 0 unless required.
func number(r *http.Request, name string, required bool) (int64, error) {
	text := strings.TrimSpace(r.PostFormValue(name))
	if text == "" && !required {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < entitlements.Unlimited || n > entitlements.MaxQuantity {
		return 0, tenon.Invalid(name, "is not a whole number")
	}
	return n, nil
}

// expiry reads in how many days something ends; none is the zero time.
func expiry(r *http.Request) (time.Time, error) {
	days, err := number(r, "days", false)
	if err != nil || days < 0 || days > 3660 {
		return time.Time{}, tenon.Invalid("days", "is not within 0 and 3660")
	}
	if days == 0 {
		return time.Time{}, nil
	}
	return time.Now().AddDate(0, 0, int(days)), nil
}
