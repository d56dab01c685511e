package ratelimithttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/ratelimit"
)

// document is a problem document of RFC 9457. Nothing in it comes from the request.
type document struct {
	Type       string `json:"type"`
	Title      string `json:"title"`
	Status     int    `json:"status"`
	Detail     string `json:"detail"`
	Reason     string `json:"reason,omitempty"`
	Policy     string `json:"policy,omitempty"`
	Limit      *int64 `json:"limit,omitempty"`
	Remaining  *int64 `json:"remaining,omitempty"`
	RetryAfter int64  `json:"retry_after,omitempty"` // seconds, rounded up
}

func newDocument(name string, status int, detail string) document {
	return document{Type: "urn:tenon:problem:" + name, Title: http.StatusText(status), Status: status, Detail: detail}
}

// Problem answers r with the problem document of a refusal: 429, or 503 when nobody could ask the store. It is for
// handlers that ask the limiter themselves. A decision that allows is a defect of the caller and gives 500.
func Problem(w http.ResponseWriter, r *http.Request, d ratelimit.Decision) {
	switch {
	case d.Allowed:
		write(w, r, internal())
		return
	case d.Reason == ratelimit.ReasonAway:
		setRetryAfter(w.Header(), d.RetryAfter)
		p := unavailable()
		p.Reason, p.Policy = d.Reason.String(), d.Policy
		write(w, r, p)
		return
	case d.RetryAfter > 0:
		setRetryAfter(w.Header(), d.RetryAfter)
	}
	p := newDocument("rate-limited", http.StatusTooManyRequests, detail(d))
	p.Reason, p.Policy, p.Limit, p.Remaining = d.Reason.String(), d.Policy, &d.Limit, &d.Remaining
	p.RetryAfter = seconds(d.RetryAfter)
	write(w, r, p)
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

func documentOf(err error) document {
	switch {
	case errors.Is(err, tenon.ErrNotFound):
		return newDocument("not-found", http.StatusNotFound, "There is no such thing.")
	case errors.Is(err, tenon.ErrConflict):
		return newDocument("conflict", http.StatusConflict, "This contradicts what was asked before.")
	case errors.Is(err, tenon.ErrInvalid):
		return newDocument("invalid", http.StatusBadRequest, "The request cannot be right.")
	case errors.Is(err, tenon.ErrDenied):
		return newDocument("denied", http.StatusForbidden, "You may not do this.")
	case errors.Is(err, tenon.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return unavailable()
	default:
		return internal()
	}
}

func unavailable() document {
	return newDocument("unavailable", http.StatusServiceUnavailable, "This cannot be decided now. Please try again.")
}

func internal() document {
	return newDocument("internal", http.StatusInternalServerError, "Something went wrong on our side.")
}

// setRetryAfter asks for whole seconds, at least one, so that nobody comes back too early.
func setRetryAfter(h http.Header, d time.Duration) {
	h.Set("Retry-After", strconv.FormatInt(max(seconds(d), 1), 10))
}

func write(w http.ResponseWriter, r *http.Request, p document) {
	body, err := json.Marshal(p)
	if err != nil { // no field of it can fail
		body = nil
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}
