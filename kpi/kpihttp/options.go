package kpihttp

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/transbotai/tenon/internal/httpjson"
	"github.com/transbotai/tenon/internal/option"
)

// Options of [Events] and [Figures]. The zero value of each field has the documented meaning.
type Options struct {
	// MaxBody bounds what Events reads of a request, in bytes; 0 means 1 MiB.
	MaxBody int64
	// MaxEvents bounds how many events one body holds; 0 means 100, and more than kpi.MaxEvents that.
	MaxEvents int
	// Limit is asked before a body is read, with the source that sends; its error refuses the request. It may return a
	// problem of its own, such as 429. Nil: nobody is limited.
	Limit func(r *http.Request, s Source) error
	// Origins are the origins whose pages may send events (CORS), or "*". Empty: none but the page's own.
	Origins []string
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
	v.MaxBody = option.Positive(v.MaxBody, 1<<20)
	v.MaxEvents = option.Positive(v.MaxEvents, 100)
	return v
}

func (o *Options) failure() httpjson.Failure {
	return httpjson.Failure{RetryAfter: o.RetryAfter, Challenge: o.Challenge, Logger: o.Logger}
}
