package entitlementshttp

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/internal/httpjson"
)

// WriteError answers r with the problem document of err's class: 404, 409, 400, 403, 503 for the five classes of
// package tenon, 503 for a context that ended, else 500. A 400 names the field of a [*tenon.FieldError]; no text of
// err itself is sent.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	writeError(w, r, err, defaultRetryAfter)
}

func writeError(w http.ResponseWriter, r *http.Request, err error, retryAfter time.Duration) {
	p := documentOf(err)
	if p.Status == http.StatusServiceUnavailable {
		httpjson.SetRetryAfter(w.Header(), retryAfter)
	}
	write(w, r, p)
}

func documentOf(err error) document {
	var defect *defectError
	switch {
	case errors.As(err, &defect):
		return internal()
	case errors.Is(err, entitlements.ErrUnknownFeature):
		return unknownFeature()
	case errors.Is(err, tenon.ErrNotFound):
		return newDocument("not-found", http.StatusNotFound, "There is no such thing.")
	case errors.Is(err, tenon.ErrConflict):
		return newDocument("conflict", http.StatusConflict, "This contradicts what was asked before.")
	case errors.Is(err, tenon.ErrInvalid):
		return invalid(err)
	case errors.Is(err, tenon.ErrDenied):
		return newDocument("denied", http.StatusForbidden, "You may not do this.")
	case errors.Is(err, tenon.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return unavailable()
	default:
		return internal()
	}
}

func unknownFeature() document {
	reason := entitlements.ReasonUnknownFeature
	p := newDocument("unknown-feature", http.StatusNotFound, reason.Text())
	p.Reason = reason.String()
	return p
}

func unavailable() document {
	reason := entitlements.ReasonUnavailable
	p := newDocument("unavailable", http.StatusServiceUnavailable, reason.Text())
	p.Reason = reason.String()
	return p
}

func internal() document {
	return newDocument("internal", http.StatusInternalServerError, "Something went wrong on our side.")
}

// fieldForm is a field's name as this module writes them. Another may hold what a client sent, and is left out.
var fieldForm = regexp.MustCompile(`^[a-z_]{1,50}$`)

func invalid(err error) document {
	p := newDocument("invalid", http.StatusBadRequest, "The request cannot be right.")
	var field *tenon.FieldError
	if errors.As(err, &field) && fieldForm.MatchString(field.Field) {
		p.Field, p.Detail = field.Field, "The request's "+strings.ReplaceAll(field.Field, "_", " ")+" cannot be right."
	}
	return p
}

// defectError is a fault of the host's wiring, not of the request.
type defectError struct{ error }

// hostFault tells an invalid feature, which the host chose, from invalid input, which the client sent.
func hostFault(err error) error {
	var field *tenon.FieldError
	if errors.As(err, &field) && field.Field == "feature" {
		return &defectError{err}
	}
	return err
}
