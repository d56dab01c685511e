package supporthttp

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/transbotai/tenon/internal/httpjson"
	"github.com/transbotai/tenon/internal/option"
	"github.com/transbotai/tenon/support"
)

// WhoFunc returns the tenant and the user who sent r, by what the host's authentication has found out. An error, and a
// tenant that is empty, give 401; an error of the class [tenon.ErrUnavailable] gives 503. It must not trust what a
// client can set at will.
type WhoFunc func(r *http.Request) (support.Viewer, error)

// Action is what somebody wants of [Staff].
type Action string

// The actions.
const (
	Read  Action = "read"  // see tickets, reports, rules, findings
	Work  Action = "work"  // answer, solve, report and fix
	Rule  Action = "rule"  // change the rules
	Waive Action = "waive" // accept the risk of a finding
)

// AuthorizeFunc says whether the one who sent r may do this for the tenant; empty is all of them, and the host's own
// findings. An error of the class [tenon.ErrDenied] gives 403, one of another class its status, and any other error 401.
type AuthorizeFunc func(r *http.Request, action Action, tenant string) error

// Options of [Handler] and [Staff]. The zero value of each field has the documented meaning.
type Options struct {
	// Plan returns the plan of a tenant, which chooses the policy of its new tickets. Nil: the default policy.
	Plan func(r *http.Request, tenant string) (string, error)
	// RetryAfter is what a 503 asks for; 0 means 5 seconds.
	RetryAfter time.Duration
	// Challenge is the WWW-Authenticate of a 401; empty means Bearer.
	Challenge string
	// MaxBody bounds what is read of a request, in bytes; 0 means 128 KiB.
	MaxBody int64
	// Logger is told why an answer is 500 or 503. Nil discards.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var v Options
	if o != nil {
		v = *o
	}
	if v.Plan == nil {
		v.Plan = func(*http.Request, string) (string, error) { return "", nil }
	}
	v.MaxBody = option.Positive(v.MaxBody, 128<<10)
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

func (o Options) failure() httpjson.Failure {
	return httpjson.Failure{RetryAfter: o.RetryAfter, Challenge: o.Challenge, Logger: o.Logger}
}

// told puts what a client is told of an error of package support in the place of what it would be told of its class.
func told(err error) error {
	switch {
	case errors.Is(err, support.ErrUnknownTicket):
		return httpjson.New(http.StatusNotFound, "unknown-ticket", "There is no such ticket.")
	case errors.Is(err, support.ErrUnknownFinding):
		return httpjson.New(http.StatusNotFound, "unknown-finding", "There is no such finding.")
	case errors.Is(err, support.ErrUnknownTour):
		return httpjson.New(http.StatusNotFound, "unknown-tour", "There is no such tour.")
	case errors.Is(err, support.ErrTransition):
		return httpjson.New(http.StatusConflict, "transition", "What this is now does not allow that.")
	case errors.Is(err, support.ErrStale):
		return httpjson.New(http.StatusConflict, "stale", "The rules were changed meanwhile. Read them again.")
	}
	return err
}
