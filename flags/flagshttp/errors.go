package flagshttp

import (
	"context"
	"errors"
	"net/http"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
)

// fail answers err by its class: 404, 409, 400, 403, 503, else 500. What the client is not told, the log is.
func (s service) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := documentOf(err)
	if p.Status >= http.StatusInternalServerError {
		s.options.Logger.WarnContext(r.Context(), "not answered", "status", p.Status, "err", err)
	}
	if p.Status == http.StatusServiceUnavailable {
		setRetryAfter(w.Header(), s.options.RetryAfter)
	}
	write(w, r, p)
}

func documentOf(err error) document {
	switch {
	case errors.Is(err, flags.ErrUnknownFlag):
		return unknownFlag()
	case errors.Is(err, tenon.ErrNotFound):
		return newDocument("not-found", http.StatusNotFound, "There is no such segment or version.")
	case errors.Is(err, flags.ErrInUse):
		return newDocument("in-use", http.StatusConflict, "Another flag or segment still needs this.")
	case errors.Is(err, flags.ErrNoRamp):
		return newDocument("no-ramp", http.StatusConflict, "The flag has no ramp that this could be done to.")
	case errors.Is(err, tenon.ErrConflict):
		return newDocument("conflict", http.StatusConflict, "Somebody changed this in the meantime. Look again.")
	case errors.Is(err, tenon.ErrInvalid):
		return invalid(err)
	case errors.Is(err, tenon.ErrDenied):
		return newDocument("denied", http.StatusForbidden, "You may not do this.")
	case errors.Is(err, tenon.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return newDocument("unavailable", http.StatusServiceUnavailable, "This cannot be answered just now. Try again in a moment.")
	default:
		return newDocument("internal", http.StatusInternalServerError, "Something went wrong on our side.")
	}
}

func unknownFlag() document {
	return newDocument("unknown-flag", http.StatusNotFound, "There is no such flag.")
}

// maxReason bounds what a problem says of a fault, in bytes.
const maxReason = 500

// invalid says where the fault of a definition is. Only those who may read definitions get here.
func invalid(err error) document {
	p := newDocument("invalid", http.StatusBadRequest, "The request cannot be right.")
	var field *tenon.FieldError
	if errors.As(err, &field) && len(field.Field)+len(field.Reason) <= maxReason {
		p.Field, p.Detail = field.Field, field.Error()
	}
	return p
}
