// Package httpjson is JSON over HTTP as every adapter with the suffix http speaks it: bodies that are read strictly,
// answers, and problem documents (RFC 9457).
package httpjson

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// Problem is a problem document of RFC 9457. It is an error, so that a handler may return it; one that has more to tell
// embeds it. Nothing in it comes from the request but the name of a field at fault.
type Problem struct {
	Type   string `json:"type"` // "urn:tenon:problem:not-found"
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`          // for people, a sentence
	Field  string `json:"field,omitempty"` // of a 400: which input is at fault
}

// Error returns the detail.
func (p Problem) Error() string { return p.Detail }

// New returns the problem called name: "limit-reached".
func New(status int, name, detail string) Problem {
	return Problem{Type: "urn:tenon:problem:" + name, Title: http.StatusText(status), Status: status, Detail: detail}
}

// The problems that every adapter has.
var (
	NoPage          = New(http.StatusNotFound, "not-found", "There is no such page.")
	NotFound        = New(http.StatusNotFound, "not-found", "There is no such thing.")
	Conflict        = New(http.StatusConflict, "conflict", "This contradicts what is stored.")
	Denied          = New(http.StatusForbidden, "denied", "You may not do this.")
	Unauthenticated = New(http.StatusUnauthorized, "unauthenticated", "Please sign in.")
	Unavailable     = New(http.StatusServiceUnavailable, "unavailable", "This cannot be answered just now. Try again in a moment.")
	Internal        = New(http.StatusInternalServerError, "internal", "Something went wrong on our side.")
	method          = New(http.StatusMethodNotAllowed, "method-not-allowed", "This page does not take that method.")
	mediaType       = New(http.StatusUnsupportedMediaType, "media-type", "Send application/json.")
	TooLarge        = New(http.StatusRequestEntityTooLarge, "too-large", "The body is too large.")
)

// maxReason bounds what a problem says of a fault, in bytes.
const maxReason = 500

// Of returns the problem that err is, or holds, else the one of its class: 404, 409, 400, 403, 503 for the five classes
// of package tenon, 503 for a context that ended, else 500. A 400 tells the field and the reason of a
// [*tenon.FieldError]; nothing else of err is told.
func Of(err error) Problem {
	var own Problem
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, tenon.ErrNotFound):
		return NotFound
	case errors.Is(err, tenon.ErrConflict):
		return Conflict
	case errors.Is(err, tenon.ErrInvalid):
		return invalid(err)
	case errors.Is(err, tenon.ErrDenied):
		return Denied
	case errors.Is(err, tenon.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return Unavailable
	}
	return Internal
}

func invalid(err error) Problem {
	p := New(http.StatusBadRequest, "invalid", "The request cannot be right.")
	var field *tenon.FieldError
	if errors.As(err, &field) && len(field.Field)+len(field.Reason) <= maxReason {
		p.Field, p.Detail = field.Field, field.Error()
	}
	return p
}

// MethodNotAllowed answers a request whose method is none of allow.
func MethodNotAllowed(w http.ResponseWriter, r *http.Request, allow ...string) {
	w.Header().Set("Allow", strings.Join(allow, ", "))
	Refuse(w, r, method)
}

// Refuse answers with p.
func Refuse(w http.ResponseWriter, r *http.Request, p Problem) { RefuseWith(w, r, p.Status, p) }

// RefuseWith answers with a problem that has more to tell than [Problem].
func RefuseWith(w http.ResponseWriter, r *http.Request, status int, problem any) {
	send(w, r, status, "application/problem+json", problem)
}

// SetRetryAfter asks for whole seconds, at least one, so that nobody comes back too early.
func SetRetryAfter(h http.Header, d time.Duration) {
	seconds := int64((d + time.Second - 1) / time.Second)
	h.Set("Retry-After", strconv.FormatInt(max(seconds, 1), 10))
}
