package slohttp

import (
	"errors"
	"log/slog"
	"math"
	"net/http"
	"time"

	"github.com/transbotai/tenon/internal/httpjson"
	"github.com/transbotai/tenon/slo"
)

// Options of the handlers. The zero value of each field has the documented meaning.
type Options struct {
	// Tenant says whose objectives a request is shown, from its authentication; an error gives 401, one of the class
	// [tenon.ErrUnavailable] 503. Nil: those of the whole system. Nobody is shown another tenant's.
	Tenant func(r *http.Request) (string, error)
	// RetryAfter is what a 503 asks for; 0 means 5 seconds.
	RetryAfter time.Duration
	// Challenge is the WWW-Authenticate of a 401; empty means Bearer.
	Challenge string
	// Logger is told why an answer is 500 or 503. Nil discards.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var v Options
	if o != nil {
		v = *o
	}
	if v.Tenant == nil {
		v.Tenant = func(*http.Request) (string, error) { return "", nil }
	}
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

// Current returns a handler that answers GET with all objectives, and with whether releases are frozen. It panics when
// board is nil.
func Current(board *slo.Board, opts *Options) http.Handler {
	return newHandler(board, opts, func(r slo.Report, tenant string) (any, error) {
		all := []status{}
		for _, s := range r.Statuses {
			if s.Objective.Tenant == tenant {
				all = append(all, statusOf(s))
			}
		}
		return struct {
			At         time.Time `json:"at"`
			Objectives []status  `json:"objectives"`
			Release    release   `json:"release"`
		}{r.At, all, releaseOf(r, tenant)}, nil
	})
}

// Named returns a handler that answers GET with one object: names maps each of its fields to the objective that it
// holds. An objective that is not defined makes it 404. It panics when board is nil.
func Named(board *slo.Board, names map[string]string, opts *Options) http.Handler {
	return newHandler(board, opts, func(r slo.Report, tenant string) (any, error) {
		answer := make(map[string]status, len(names))
		for field, name := range names {
			s, ok := r.Status(slo.Key{Tenant: tenant, Name: name})
			if !ok {
				return nil, slo.ErrUnknownObjective
			}
			answer[field] = statusOf(s)
		}
		return answer, nil
	})
}

type handler struct {
	board   *slo.Board
	options Options
	shape   func(r slo.Report, tenant string) (any, error)
}

func newHandler(board *slo.Board, opts *Options, shape func(slo.Report, string) (any, error)) http.Handler {
	if board == nil {
		panic("slohttp: no board")
	}
	return &handler{board: board, options: opts.withDefaults(), shape: shape}
}

// ServeHTTP answers whether anybody asks or not; the report is counted in the store each time.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		httpjson.MethodNotAllowed(w, r, "GET", "HEAD")
		return
	}
	shaped, err := h.answer(r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	httpjson.Answer(w, r, http.StatusOK, shaped)
}

func (h *handler) answer(r *http.Request) (any, error) {
	tenant, err := h.options.Tenant(r)
	if err := httpjson.Identified(true, err); err != nil {
		return nil, err
	}
	report, err := h.board.Current(r.Context())
	if err != nil {
		return nil, err
	}
	return h.shape(report, tenant)
}

func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, slo.ErrUnknownObjective) {
		err = httpjson.New(http.StatusNotFound, "not-found", "There is no such objective.")
	}
	httpjson.Failure{RetryAfter: h.options.RetryAfter, Challenge: h.options.Challenge, Logger: h.options.Logger}.Fail(w, r, err)
}

// finite returns a number as JSON can write it: nil for none.
func finite(f float64) *float64 {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil
	}
	return &f
}
