package entitlementshttp

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/internal/option"
)

// TenantFunc returns whose request r is, by what the host's authentication has found out. An empty tenant and an error
// give 401, an error of the class [tenon.ErrUnavailable] 503. It must not trust what a client can set at will.
type TenantFunc func(r *http.Request) (string, error)

// QuantityFunc returns how many units r asks for, 0 to [entitlements.MaxQuantity]. An error gives the status of its
// class, so a request that cannot be read is a [tenon.Invalid]; one without a class gives 500. A function that reads
// the body puts it back.
type QuantityFunc func(r *http.Request) (int64, error)

// Units returns a QuantityFunc that says n of every request.
func Units(n int64) QuantityFunc {
	return func(*http.Request) (int64, error) { return n, nil }
}

// Options of [Require], [Meter] and [Handler]. The zero value of each field has the documented meaning.
type Options struct {
	// HoldFor bounds how long Meter holds units for a request, by the store's clock; 0 means 5 minutes. It should
	// exceed what the handler takes: a later commit is guarded again, and recorded even where it no longer fits.
	HoldFor time.Duration
	// Timeout bounds each reserve, commit and release of Meter; 0 means 10 seconds. They do not end with the request.
	Timeout time.Duration
	// IdempotencyKey lets Meter read the request header Idempotency-Key (at most 255 bytes), so that a repeated
	// request is counted once. The key counts for one tenant, feature, method and URL. Set it only where the handler
	// itself answers a repeated key with its first result: Meter runs the handler again without counting, and a
	// client could otherwise send all its work under one key.
	IdempotencyKey bool
	// RetryAfter is what a 503 asks for; 0 means 5 seconds.
	RetryAfter time.Duration
	// Challenge is the WWW-Authenticate of a 401; empty means Bearer.
	Challenge string
	// MaxAge is how long a browser may keep an answer of Handler without asking; 0 means that it asks each time,
	// which the ETag makes cheap.
	MaxAge time.Duration
	// Vary names the request headers that tell tenants apart, for caches; nil means Authorization and Cookie.
	Vary []string
	// Logger is told why an answer is 500 or 503, which holds could not be committed or released, and of use beyond the
	// limit. Nil discards.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var v Options
	if o != nil {
		v = *o
	}
	v.HoldFor = option.Positive(v.HoldFor, 5*time.Minute)
	v.Timeout = option.Positive(v.Timeout, 10*time.Second)
	v.RetryAfter = option.Positive(v.RetryAfter, defaultRetryAfter)
	if v.Challenge == "" {
		v.Challenge = "Bearer"
	}
	if v.Vary == nil {
		v.Vary = []string{"Authorization", "Cookie"}
	}
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

// service is what the three entrances share.
type service struct {
	gate    *entitlements.Gate
	tenant  TenantFunc
	options Options
}

// newService panics without a gate or a tenant function, as net/http does without a handler: nobody could be served.
func newService(gate *entitlements.Gate, tenant TenantFunc, opts *Options) service {
	if gate == nil {
		panic("entitlementshttp: nil gate")
	}
	if tenant == nil {
		panic("entitlementshttp: nil TenantFunc")
	}
	return service{gate: gate, tenant: tenant, options: opts.withDefaults()}
}

// identify returns whose request r is, or answers it.
func (s service) identify(w http.ResponseWriter, r *http.Request) (string, bool) {
	tenant, err := s.tenant(r)
	switch {
	case errors.Is(err, tenon.ErrUnavailable):
		s.fail(w, r, err)
		return "", false
	case err != nil || tenant == "":
		w.Header().Set("WWW-Authenticate", s.options.Challenge)
		write(w, r, newDocument("unauthenticated", http.StatusUnauthorized, "Please sign in."))
		return "", false
	}
	return tenant, true
}

// fail answers err, with the configured Retry-After where there is to be one. What the client is not told, the log is.
func (s service) fail(w http.ResponseWriter, r *http.Request, err error) {
	if p := documentOf(err); p.Status >= http.StatusInternalServerError {
		s.options.Logger.WarnContext(r.Context(), "not answered", "status", p.Status, "err", err)
	}
	writeError(w, r, err, s.options.RetryAfter)
}

// refuse answers a decision that does not allow quantity units.
func (s service) refuse(w http.ResponseWriter, r *http.Request, d entitlements.Decision, quantity int64) {
	problem(w, r, d, quantity, s.options.RetryAfter)
}

// detached returns a context with ctx's values that outlives the request, so that a client that hangs up leaves no
// hold behind.
func (s service) detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), s.options.Timeout)
}

func (s service) vary(h http.Header) { h.Add("Vary", strings.Join(s.options.Vary, ", ")) }
