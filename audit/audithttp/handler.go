package audithttp

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/internal/httpjson"
	"github.com/transbotai/tenon/internal/option"
)

// ViewerFunc returns who asks, from the request's authentication, and whose records they may read. An error of the class
// [tenon.ErrDenied], and a viewer without a tenant, give 401; one of the class [tenon.ErrUnavailable] 503.
type ViewerFunc func(r *http.Request) (audit.Viewer, error)

// Tokens returns a function that takes the viewer from the request's bearer token.
func Tokens(viewers *audit.Viewers) ViewerFunc {
	return func(r *http.Request) (audit.Viewer, error) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			return audit.Viewer{}, tenon.ErrDenied
		}
		return viewers.Parse(token, time.Now())
	}
}

// Options of [Handler]. The zero value of each field has the documented meaning.
type Options struct {
	// Verifier is the public key that exports and proofs are checked with. Nil: there are no pages /key and /verify.
	Verifier *audit.Verifier
	// MaxExport bounds what POST /verify reads, in bytes; 0 means 256 MiB.
	MaxExport int64
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
	v.MaxExport = option.Positive(v.MaxExport, 256<<20)
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

// Handler returns a handler for those who may read one tenant's records:
//
//	GET  /records             {"records": […], "next": id}: newest first, by the fields of audit.Query
//	GET  /records/{id}        one
//	GET  /records/{id}/proof  {"record": …, "proof": …}: with all that is needed to check it
//	GET  /export              all of them as a file that proves itself; format is jsonl or csv
//	GET  /key                 the public key, as text
//	POST /verify              checks an export: {"ok": true, …}, or false with what is wrong
//
// Records are filtered by actor, action, target_type, target_id, text, from and to (RFC 3339); a page has limit records
// and begins after the id in after; order=oldest turns it around. Another tenant's record is 404, and so is every page
// that a parameter tenant asks for: whose records are shown follows from the token alone.
//
// Mount it under a prefix with [http.StripPrefix]. It panics when log or viewer is nil.
func Handler(log *audit.Log, viewer ViewerFunc, opts *Options) http.Handler {
	if log == nil || viewer == nil {
		panic("audithttp: nil log or ViewerFunc")
	}
	h := &handler{log: log, viewer: viewer, options: opts.withDefaults()}
	failure := httpjson.Failure{RetryAfter: h.options.RetryAfter, Challenge: h.options.Challenge, Logger: h.options.Logger}
	mux := http.NewServeMux()
	for pattern, serve := range map[string]func(http.ResponseWriter, *http.Request, *audit.Reader) error{
		"GET /records": h.list, "GET /records/{id}": h.one, "GET /records/{id}/proof": h.proof, "GET /export": h.export,
	} {
		mux.HandleFunc(pattern, failure.Handle(h.reading(serve)))
	}
	if h.options.Verifier != nil {
		mux.HandleFunc("GET /key", h.key)
		mux.HandleFunc("POST /verify", failure.Handle(h.reading(h.verify)))
	}
	return httpjson.Mux(mux)
}

type handler struct {
	log     *audit.Log
	viewer  ViewerFunc
	options Options
}

// reading lets those through who may read, with what they may.
func (h *handler) reading(serve func(http.ResponseWriter, *http.Request, *audit.Reader) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		viewer, err := h.viewer(r)
		if err := httpjson.Identified(viewer.Tenant != "", err); err != nil {
			return err
		}
		if r.URL.Query().Has("tenant") {
			return httpjson.NotFound
		}
		return told(serve(w, r, h.log.Reader(viewer)))
	}
}

// told puts what a client is told of an error of package audit in the place of what it would be told of its class.
func told(err error) error {
	switch {
	case errors.Is(err, audit.ErrTampered):
		return httpjson.New(http.StatusConflict, "tampered", "A record is not what was sealed. Tell those who run this service.")
	case errors.Is(err, audit.ErrNotSealed):
		return httpjson.New(http.StatusConflict, "not-sealed", "The record is not covered by a checkpoint yet. Try again in a minute.")
	case errors.Is(err, audit.ErrUnknownRecord):
		return httpjson.New(http.StatusNotFound, "unknown-record", "There is no such record.")
	}
	return err
}

func (h *handler) list(w http.ResponseWriter, r *http.Request, reader *audit.Reader) error {
	q, err := queryOf(r)
	if err != nil {
		return err
	}
	entries, err := reader.List(r.Context(), q)
	if err != nil {
		return err
	}
	answer := struct {
		Records []audit.Record `json:"records"`
		Next    string         `json:"next,omitempty"`
	}{Records: make([]audit.Record, len(entries))}
	for i := range entries {
		answer.Records[i] = entries[i].Record
	}
	if len(entries) == q.Limit {
		answer.Next = entries[len(entries)-1].ID
	}
	httpjson.Answer(w, r, http.StatusOK, answer)
	return nil
}

func (h *handler) one(w http.ResponseWriter, r *http.Request, reader *audit.Reader) error {
	e, err := reader.Get(r.Context(), strings.ToLower(r.PathValue("id")))
	if err != nil {
		return notThere(err)
	}
	httpjson.Answer(w, r, http.StatusOK, e.Record)
	return nil
}

func (h *handler) proof(w http.ResponseWriter, r *http.Request, reader *audit.Reader) error {
	id := strings.ToLower(r.PathValue("id"))
	e, err := reader.Get(r.Context(), id)
	if err != nil {
		return notThere(err)
	}
	p, err := reader.ProveInclusion(r.Context(), id)
	if err != nil {
		return err
	}
	httpjson.Answer(w, r, http.StatusOK, struct {
		Record audit.Entry `json:"record"`
		Proof  audit.Proof `json:"proof"`
	}{e, p})
	return nil
}

// notThere makes an id that cannot be one an unknown one.
func notThere(err error) error {
	if errors.Is(err, tenon.ErrInvalid) {
		return audit.ErrUnknownRecord
	}
	return err
}

func (h *handler) key(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(h.options.Verifier.String() + "\n")) // the client went away
}
