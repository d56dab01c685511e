package web

import (
	"fmt"
	"net/http"
	"time"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/flags"
)

// refusal is why a company may not do something, in the words of a customer.
type refusal struct {
	By    string // who refused: flag, plan or limit
	Title string
	Texts []string
	Links []link // what can be done

	Reader string // the company that reads this, when the staff looks on
}

// seenBy returns r for a visitor; nil for nil.
func (r *refusal) seenBy(v visitor, company string) *refusal {
	if r != nil && v.Staff() {
		r.Reader = company
	}
	return r
}

// Status is that of the answer, the same as the API's.
func (r refusal) Status() int {
	if r.By == "limit" {
		return http.StatusTooManyRequests
	}
	return http.StatusForbidden
}

// noun is what people call a feature.
type noun struct{ Is, Has, Units string }

var nouns = map[string]noun{
	"rates":       {"Rates are", "has used", "quotes"},
	"bulk_rating": {"Bulk rating is", "has used", "bulk jobs"},
	"directory":   {"The directory is", "lists", "partners"},
}

// refuses says what keeps a company from a feature: the flag before the plan, and the plan before its limit. Nothing: nil.
func (s *Server) refuses(company string, d entitlements.Decision, v *entitlements.Versions) *refusal {
	if r := s.flagRefuses(company, d.Feature); r != nil {
		return r
	}
	return s.planRefuses(company, d, v, 1)
}

// flagRefuses says that a feature is not switched on for a company; nil when it is.
func (s *Server) flagRefuses(company, feature string) *refusal {
	d := ofFeature[feature].DetailFor(s.Flags, &flags.Who{Tenant: company})
	if d.Value {
		return nil
	}
	r := &refusal{By: "flag", Links: []link{{To: companyPath(company) + "/support", Name: "Ask us"}}}
	if d.Cause == flags.CauseKillSwitch {
		r.Title = nouns[feature].Is + " switched off for everybody at the moment"
		r.Texts = []string{"It has nothing to do with your company or its plan. Please look again later."}
		return r
	}
	r.Title = nouns[feature].Is + " not switched on for your company yet"
	r.Texts = []string{"Another plan would not change that: we switch new things on for one company after the other. Tell us if you would like to be next."}
	return r
}

// planRefuses says why a decision about some units does not allow them; nil when it does.
func (s *Server) planRefuses(company string, d entitlements.Decision, v *entitlements.Versions, units int64) *refusal {
	if d.Allowed {
		return nil
	}
	r := &refusal{By: "plan"}
	lead := "Choose a plan"
	switch d.Reason {
	case entitlements.ReasonLimitReached:
		r.By, r.Title, lead = "limit", "The limit of your plan is reached", "Change the plan"
		r.Texts = limitTexts(d, units)
	case entitlements.ReasonNotInPlan:
		r.Title, lead = nouns[d.Feature].Is+" not in your plan", "Change the plan"
		r.Texts = []string{fmt.Sprintf("Your company is on %s.", planName(v, d.Plan))}
	case entitlements.ReasonNoPlan:
		r.Title = "Your company has no plan"
	case entitlements.ReasonTrialEnded:
		r.Title, r.Texts = "Your trial has ended", []string{"Choose a plan, and everything goes on where you left it."}
	case entitlements.ReasonCanceled:
		r.Title, r.Texts = "Your subscription has ended", []string{"Subscribe again, and everything goes on where you left it."}
	case entitlements.ReasonPastDue, entitlements.ReasonSuspended:
		r.Title, lead = without(d.Reason.Text()), "Look at the subscription"
		r.Texts = []string{"Everything goes on where you left it as soon as that is settled."}
	default:
		r.Title, lead = without(d.Reason.Text()), ""
		r.Texts = []string{"Please try again in a moment."}
	}
	if d.Upgrade != "" {
		r.Texts = append(r.Texts, includes(v, d))
	}
	r.Links = s.ways(company, lead, d)
	return r
}

// limitTexts say what is used up, and until when.
func limitTexts(d entitlements.Decision, units int64) []string {
	n, now := nouns[d.Feature], time.Now()
	text := fmt.Sprintf("Your company %s %s of %s %s", n.Has, count(d.Used), count(d.Hard), n.Units)
	if d.Held > 0 {
		text += fmt.Sprintf(", and %s more are set aside for work under way", count(d.Held))
	}
	if units > 1 {
		text += fmt.Sprintf("; this asks for %s more", count(units))
	}
	texts := []string{text + "."}
	if !d.ResetsAt.IsZero() {
		texts = append(texts, fmt.Sprintf("Counting starts again on %s UTC, %s.", d.ResetsAt.UTC().Format("2 January 2006 at 15:04"), until(d.ResetsAt, now)))
	}
	return texts
}

// includes says what the plan that would allow has of the feature.
func includes(v *entitlements.Versions, d entitlements.Decision) string {
	name := planName(v, d.Upgrade)
	p, _ := v.Plan(d.Upgrade, 0)
	limits := p.Features[d.Feature].Limits
	switch {
	case len(limits) == 0 || limits[0].Hard == 0:
		return name + " includes it."
	case limits[0].Hard == entitlements.Unlimited:
		return fmt.Sprintf("%s includes as many %s as you like.", name, nouns[d.Feature].Units)
	case limits[0].Period == entitlements.Monthly:
		return fmt.Sprintf("%s includes %s %s a month.", name, count(limits[0].Hard), nouns[d.Feature].Units)
	}
	return fmt.Sprintf("%s includes %s %s.", name, count(limits[0].Hard), nouns[d.Feature].Units)
}

// ways are what a company can do about a refusal of its plan: buy, where that helps and something is sold, or ask.
func (s *Server) ways(company, lead string, d entitlements.Decision) []link {
	ask := link{To: companyPath(company) + "/support", Name: "Ask us"}
	if s.Billing == nil || lead == "" || d.Reason == entitlements.ReasonLimitReached && d.Upgrade == "" {
		return []link{ask}
	}
	return []link{{To: billingPath(company), Name: lead}, ask}
}

// without returns a sentence as a title.
func without(sentence string) string { return sentence[:max(len(sentence)-1, 0)] }
