package flagshttp

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/internal/httpjson"
	"github.com/transbotai/tenon/internal/option"
)

// WhoFunc returns for whom r asks, by what the host's authentication has found out. One without a tenant and without
// attributes, and an error, give 401; an error of the class [tenon.ErrUnavailable] gives 503. It must not trust what a
// client can set at will.
type WhoFunc func(r *http.Request) (flags.Who, error)

// Action is what somebody wants of [Admin].
type Action string

// The actions.
const (
	Read  Action = "read"  // see definitions, versions, explanations
	Write Action = "write" // put, delete, switch, revert
	Move  Action = "move"  // start, advance, pause, resume and roll back ramps
)

// AuthorizeFunc says whether the one who sent r may do this to the flag or segment of that key; the key is empty for
// lists. An error of the class [tenon.ErrDenied] gives 403, one of another class its status, and any other error 401.
type AuthorizeFunc func(r *http.Request, action Action, key string) error

// Options of [Handler], [Require] and [Admin]. The zero value of each field has the documented meaning.
type Options struct {
	// Visible says which flags [Handler] shows; nil shows all. What it hides is 404.
	Visible func(key string) bool
	// RetryAfter is what a 503 asks for; 0 means 5 seconds.
	RetryAfter time.Duration
	// Challenge is the WWW-Authenticate of a 401; empty means Bearer.
	Challenge string
	// MaxAge is how long a browser may keep an answer of Handler without asking; 0 means that it asks each time,
	// which the ETag makes cheap.
	MaxAge time.Duration
	// Vary names the request headers that tell callers apart, for caches; nil means Authorization and Cookie.
	Vary []string
	// MaxBody bounds what Admin reads of a request, in bytes; 0 means 1 MiB.
	MaxBody int64
	// Logger is told why an answer is 500 or 503. Nil discards.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var v Options
	if o != nil {
		v = *o
	}
	if v.Visible == nil {
		v.Visible = func(string) bool { return true }
	}
	v.RetryAfter = option.Positive(v.RetryAfter, 5*time.Second)
	if v.Challenge == "" {
		v.Challenge = "Bearer"
	}
	if v.Vary == nil {
		v.Vary = []string{"Authorization", "Cookie"}
	}
	v.MaxBody = option.Positive(v.MaxBody, 1<<20)
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

// service is what the entrances share.
type service struct {
	set     *flags.Set
	options Options
}

// newService panics without a set, as net/http does without a handler: nobody could be served.
func newService(set *flags.Set, opts *Options) service {
	if set == nil {
		panic("flagshttp: nil set")
	}
	return service{set: set, options: opts.withDefaults()}
}

// identify returns for whom r asks, or answers it.
func (s service) identify(w http.ResponseWriter, r *http.Request, who WhoFunc) (flags.Who, bool) {
	one, err := who(r)
	if err := httpjson.Identified(one.Tenant != "" || len(one.Attrs) > 0, err); err != nil {
		s.fail(w, r, err)
		return flags.Who{}, false
	}
	return one, true
}

func (s service) vary(h http.Header) { h.Add("Vary", strings.Join(s.options.Vary, ", ")) }
