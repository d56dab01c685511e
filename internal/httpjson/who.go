package httpjson

import (
	"errors"
	"net/http"

	"github.com/transbotai/tenon"
)

// Identified returns what is wrong when a host was asked who sends a request: its error where asking again may help, else
// [Unauthenticated] when it returned an error or does not know them.
func Identified(known bool, err error) error {
	switch {
	case err != nil && Of(err).Status == http.StatusServiceUnavailable:
		return err
	case err != nil || !known:
		return Unauthenticated
	}
	return nil
}

// Authorized returns what is wrong when a host was asked whether somebody may: its error where that has a class of
// package tenon, else [Unauthenticated].
func Authorized(err error) error {
	if err == nil {
		return nil
	}
	for _, class := range []error{tenon.ErrDenied, tenon.ErrUnavailable, tenon.ErrNotFound, tenon.ErrInvalid, tenon.ErrConflict} {
		if errors.Is(err, class) {
			return err
		}
	}
	return Unauthenticated
}
