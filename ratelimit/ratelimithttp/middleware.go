package ratelimithttp

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/transbotai/tenon/internal/httpjson"
	"github.com/transbotai/tenon/ratelimit"
)

// KeyFunc returns the key under which r counts. It must not trust what a client can set at will, unless that costs
// the client something: an API key that was checked is fine, one that was not lets everybody be everybody. An error
// gives the status of its class.
type KeyFunc func(r *http.Request) (ratelimit.Key, error)

// Options of [Middleware]. The zero value of each field has the documented meaning.
type Options struct {
	// Cost returns how many units r takes; an error gives the status of its class. Nil: 1 for each.
	Cost func(r *http.Request) (int64, error)
	// Legacy adds X-RateLimit-Limit, X-RateLimit-Remaining and X-RateLimit-Reset, the last in seconds since 1970.
	Legacy bool
	// Silent leaves all of the fields out but Retry-After.
	Silent bool
	// Logger is told why an answer is 500 or 503. Nil discards.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var v Options
	if o != nil {
		v = *o
	}
	if v.Cost == nil {
		v.Cost = func(*http.Request) (int64, error) { return 1, nil }
	}
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

type middleware struct {
	limiter *ratelimit.Limiter
	key     KeyFunc
	options Options
}

// Middleware returns what lets a handler's requests through as lim says, each under the key that key returns. It panics
// when lim or key is nil, as net/http does without a handler.
func Middleware(lim *ratelimit.Limiter, key KeyFunc, opts *Options) func(http.Handler) http.Handler {
	if lim == nil {
		panic("ratelimithttp: nil Limiter")
	}
	if key == nil {
		panic("ratelimithttp: nil KeyFunc")
	}
	m := &middleware{limiter: lim, key: key, options: opts.withDefaults()}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.serve(w, r, next) })
	}
}

func (m *middleware) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	key, d, err := m.decide(r)
	if err != nil {
		m.fail(w, r, err)
		return
	}
	if !m.options.Silent {
		m.setFields(r.Context(), w.Header(), key, d)
	}
	if !d.Allowed {
		m.refuse(w, r, d)
		return
	}
	defer m.release(r.Context(), key, d)
	next.ServeHTTP(w, r)
}

func (m *middleware) decide(r *http.Request) (ratelimit.Key, ratelimit.Decision, error) {
	key, err := m.key(r)
	if err != nil {
		return key, ratelimit.Decision{}, err
	}
	n, err := m.options.Cost(r)
	if err != nil {
		return key, ratelimit.Decision{}, err
	}
	d, err := m.limiter.Take(r.Context(), key, n)
	return key, d, err
}

// release gives back what was in flight, whether or not the client is still there.
func (m *middleware) release(ctx context.Context, key ratelimit.Key, d ratelimit.Decision) {
	if err := m.limiter.Release(context.WithoutCancel(ctx), key, d); err != nil {
		m.options.Logger.WarnContext(ctx, "not released", "err", err)
	}
}

func (m *middleware) refuse(w http.ResponseWriter, r *http.Request, d ratelimit.Decision) {
	if d.Reason == ratelimit.ReasonAway {
		m.options.Logger.WarnContext(r.Context(), "refused while the store is away", "policy", d.Policy)
	}
	Problem(w, r, d)
}

// fail answers what kept the limiter from deciding, by its class.
func (m *middleware) fail(w http.ResponseWriter, r *http.Request, err error) {
	httpjson.Failure{RetryAfter: time.Second, Logger: m.options.Logger}.Fail(w, r, err)
}
