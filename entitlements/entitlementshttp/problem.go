package entitlementshttp

import (
	"net/http"
	"strings"
	"time"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/internal/httpjson"
)

const defaultRetryAfter = 5 * time.Second

// document is a problem document of RFC 9457. Everything in it comes from the host's catalogue and from this package,
// and nothing from the request.
type document struct {
	httpjson.Problem
	Feature string `json:"feature,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Plan    string `json:"plan,omitempty"`
	Upgrade string `json:"upgrade,omitempty"`
	*limits
}

// limits is how a tenant stands with a limit.
type limits struct {
	Hard      int64     `json:"hard"`
	Soft      int64     `json:"soft"`
	Used      int64     `json:"used"`
	Held      int64     `json:"held"`
	Remaining int64     `json:"remaining"`
	Unlimited bool      `json:"unlimited"` // Remaining is -1: nothing runs out
	ResetsAt  time.Time `json:"resets_at,omitzero"`
}

func limitsOf(d entitlements.Decision) *limits {
	return &limits{
		Hard: d.Hard, Soft: d.Soft, Used: d.Used, Held: d.Held, Remaining: d.Remaining,
		Unlimited: d.Remaining == entitlements.Unlimited, ResetsAt: d.ResetsAt,
	}
}

func newDocument(name string, status int, detail string) document {
	return document{Problem: httpjson.New(status, name, detail)}
}

// Problem answers r with the problem document of a refusal: see the package's table of statuses. Its type is
// urn:tenon:problem: and the reason with dashes, its detail is [entitlements.Decision.Text]. It is for handlers that
// ask the gate themselves. A decision that allows is a defect of the caller and gives 500.
func Problem(w http.ResponseWriter, r *http.Request, d entitlements.Decision) {
	problem(w, r, d, 1, defaultRetryAfter)
}

func problem(w http.ResponseWriter, r *http.Request, d entitlements.Decision, quantity int64, retryAfter time.Duration) {
	status := statusOf(d, quantity)
	switch status {
	case http.StatusInternalServerError:
		write(w, r, internal())
		return
	case http.StatusTooManyRequests:
		httpjson.SetRetryAfter(w.Header(), time.Until(d.ResetsAt))
	case http.StatusServiceUnavailable:
		httpjson.SetRetryAfter(w.Header(), retryAfter)
	}
	p := newDocument(strings.ReplaceAll(d.Reason.String(), "_", "-"), status, d.Text())
	p.Reason = d.Reason.String()
	if status != http.StatusNotFound {
		p.Feature, p.Plan, p.Upgrade = d.Feature, d.Plan, d.Upgrade
	}
	if d.Reason == entitlements.ReasonLimitReached {
		p.limits = limitsOf(d)
	}
	write(w, r, p)
}

// statusOf says what would help against a refusal of quantity units.
func statusOf(d entitlements.Decision, quantity int64) int {
	switch d.Reason {
	case entitlements.ReasonNoPlan, entitlements.ReasonNotInPlan, entitlements.ReasonTrialEnded,
		entitlements.ReasonPastDue, entitlements.ReasonCanceled, entitlements.ReasonSuspended:
		return http.StatusForbidden
	case entitlements.ReasonLimitReached:
		return statusOfLimit(d, quantity)
	case entitlements.ReasonUnknownFeature:
		return http.StatusNotFound
	case entitlements.ReasonUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// statusOfLimit tells a limit that waiting helps against from one that only another plan does. A period starts again
// with at least as much room as the plan includes, or as the present one shows by what it took.
func statusOfLimit(d entitlements.Decision, quantity int64) int {
	fits := quantity <= max(d.Hard, d.Used+d.Held)
	if d.ResetsAt.IsZero() || !fits {
		return http.StatusPaymentRequired
	}
	return http.StatusTooManyRequests
}

// write sends p.
func write(w http.ResponseWriter, r *http.Request, p document) {
	if p.limits != nil && p.ResetsAt.Year() > 9999 { // JSON has no such time, and the refusal itself still has to be told
		p.limits = nil
	}
	httpjson.RefuseWith(w, r, p.Status, p)
}
