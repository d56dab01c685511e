package directoryhttp

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/internal/httpjson"
	"github.com/transbotai/tenon/internal/option"
)

// TenantFunc returns the tenant that sent r, by what the host's authentication has found out. An error, and an empty
// tenant, give 401; an error of the class [tenon.ErrUnavailable] gives 503. It must not trust what a client can set at
// will.
type TenantFunc func(r *http.Request) (string, error)

// Action is what somebody wants of [Staff].
type Action string

// The actions.
const (
	Read    Action = "read"    // see partners, logs and papers
	Publish Action = "publish" // publish, reject, unpublish, verify
)

// AuthorizeFunc says whether the one who sent r may do this for the tenant; empty is all of them. An error of the class
// [tenon.ErrDenied] gives 403, one of another class its status, and any other error 401.
type AuthorizeFunc func(r *http.Request, action Action, tenant string) error

// Options of [Handler], [Own] and [Staff]. The zero value of each field has the documented meaning.
type Options struct {
	// MaxAge is how long anybody may keep an answer of Handler without asking; 0 means that it is not kept.
	MaxAge time.Duration
	// RetryAfter is what a 503 asks for; 0 means 5 seconds.
	RetryAfter time.Duration
	// Challenge is the WWW-Authenticate of a 401; empty means Bearer.
	Challenge string
	// MaxBody bounds what is read of a request, in bytes; 0 means 128 KiB. MaxFile bounds a CSV file, which is read to
	// its end before anything of it is kept; 0 means 16 MiB.
	MaxBody, MaxFile int64
	// Logger is told why an answer is 500 or 503. Nil discards.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var v Options
	if o != nil {
		v = *o
	}
	v.MaxBody = option.Positive(v.MaxBody, 128<<10)
	v.MaxFile = option.Positive(v.MaxFile, 16<<20)
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

// handle answers what serve returns.
func (o Options) handle(serve func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	failure := httpjson.Failure{RetryAfter: o.RetryAfter, Challenge: o.Challenge, Logger: o.Logger}
	return failure.Handle(func(w http.ResponseWriter, r *http.Request) error { return told(serve(w, r)) })
}

// told puts what a client is told of an error of package directory in the place of what it would be told of its class.
func told(err error) error {
	switch {
	case errors.Is(err, directory.ErrUnknownPartner):
		return httpjson.New(http.StatusNotFound, "unknown-partner", "There is no such partner.")
	case errors.Is(err, directory.ErrUnknownDocument):
		return httpjson.New(http.StatusNotFound, "unknown-document", "There is no such document.")
	case errors.Is(err, directory.ErrVersion):
		return httpjson.New(http.StatusConflict, "changed", "Somebody saved this in the meantime. Read it again.")
	case errors.Is(err, directory.ErrStatus):
		return httpjson.New(http.StatusConflict, "status", "What this is now does not allow that.")
	case errors.Is(err, directory.ErrSuperseded):
		return httpjson.New(http.StatusConflict, "superseded", "A newer version of the document is in force.")
	case errors.Is(err, directory.ErrInvitation):
		return httpjson.New(http.StatusForbidden, "invitation", "The invitation is not valid, or no longer.")
	case errors.Is(err, directory.ErrCursor):
		p := httpjson.New(http.StatusBadRequest, "invalid", "The cursor is not of this search.")
		p.Field = "after"
		return p
	}
	return err
}
