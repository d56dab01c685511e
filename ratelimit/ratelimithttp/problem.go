package ratelimithttp

import (
	"fmt"
	"net/http"

	"github.com/transbotai/tenon/internal/httpjson"
	"github.com/transbotai/tenon/ratelimit"
)

// document is a problem document of RFC 9457. Nothing in it comes from the request.
type document struct {
	httpjson.Problem
	Reason     string `json:"reason,omitempty"`
	Policy     string `json:"policy,omitempty"`
	Limit      *int64 `json:"limit,omitempty"`
	Remaining  *int64 `json:"remaining,omitempty"`
	RetryAfter int64  `json:"retry_after,omitempty"` // seconds, rounded up
}

// Problem answers r with the problem document of a refusal: 429, or 503 when nobody could ask the store. It is for
// handlers that ask the limiter themselves. A decision that allows is a defect of the caller and gives 500.
func Problem(w http.ResponseWriter, r *http.Request, d ratelimit.Decision) {
	switch {
	case d.Allowed:
		httpjson.Refuse(w, r, httpjson.Internal)
		return
	case d.Reason == ratelimit.ReasonAway:
		httpjson.SetRetryAfter(w.Header(), d.RetryAfter)
		write(w, r, document{Problem: unavailable, Reason: d.Reason.String(), Policy: d.Policy})
		return
	case d.RetryAfter > 0:
		httpjson.SetRetryAfter(w.Header(), d.RetryAfter)
	}
	write(w, r, document{
		Problem: httpjson.New(http.StatusTooManyRequests, "rate-limited", detail(d)), Reason: d.Reason.String(), Policy: d.Policy,
		Limit: &d.Limit, Remaining: &d.Remaining, RetryAfter: seconds(d.RetryAfter),
	})
}

func detail(d ratelimit.Decision) string {
	after := seconds(d.RetryAfter)
	switch {
	case d.Reason == ratelimit.ReasonTooMuch:
		return "This asks for more at once than the limit ever gives."
	case after == 0:
		return "Too many requests are being worked on. Please try again when one of them has ended."
	case after == 1:
		return "Too many requests. Please try again in a second."
	default:
		return fmt.Sprintf("Too many requests. Please try again in %d seconds.", after)
	}
}

var unavailable = httpjson.New(http.StatusServiceUnavailable, "unavailable", "This cannot be decided now. Please try again.")

func write(w http.ResponseWriter, r *http.Request, p document) {
	httpjson.RefuseWith(w, r, p.Status, p)
}
