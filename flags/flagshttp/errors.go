package flagshttp

import (
	"errors"
	"net/http"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/internal/httpjson"
)

// fail answers err by its class: 404, 409, 400, 403, 503, else 500. What the client is not told, the log is.
func (s service) fail(w http.ResponseWriter, r *http.Request, err error) {
	failure := httpjson.Failure{RetryAfter: s.options.RetryAfter, Challenge: s.options.Challenge, Logger: s.options.Logger}
	failure.Fail(w, r, told(err))
}

// told puts what a client is told of an error of package flags in the place of what it would be told of its class.
func told(err error) error {
	if errors.As(err, new(httpjson.Problem)) {
		return err
	}
	switch {
	case errors.Is(err, flags.ErrUnknownFlag):
		return unknownFlag
	case errors.Is(err, tenon.ErrNotFound):
		return httpjson.New(http.StatusNotFound, "not-found", "There is no such segment or version.")
	case errors.Is(err, flags.ErrInUse):
		return httpjson.New(http.StatusConflict, "in-use", "Another flag or segment still needs this.")
	case errors.Is(err, flags.ErrNoRamp):
		return httpjson.New(http.StatusConflict, "no-ramp", "The flag has no ramp that this could be done to.")
	case errors.Is(err, tenon.ErrConflict):
		return httpjson.New(http.StatusConflict, "conflict", "Somebody changed this in the meantime. Look again.")
	}
	return err
}
