package kpihttp

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/httpjson"
	"github.com/transbotai/tenon/kpi"
)

// Tracker takes events in; [kpi.Tracker] and [kpi.Batcher] are ones.
type Tracker interface {
	Track(ctx context.Context, events ...kpi.Event) ([]kpi.Receipt, error)
}

// Source is who sends events.
type Source struct {
	Tenant string   // whose the events are; required
	User   string   // whose they are where an event names none
	Names  []string // the events that the source may send; nil: any
}

// SourceFunc returns who sends r, by its write key. An error gives 401, one of the class [tenon.ErrUnavailable] 503.
// See [WriteKey] and [Keys].
type SourceFunc func(r *http.Request) (Source, error)

// WriteKey returns the key that came with r: as a bearer token, or, as Segment's libraries send it, as the user of basic
// authentication.
func WriteKey(r *http.Request) (string, bool) {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return token, token != ""
	}
	user, _, ok := r.BasicAuth()
	return user, ok && user != ""
}

// Keys returns a SourceFunc for a few write keys that are known beforehand. All are compared, in a time that tells
// nothing.
func Keys(sources map[string]Source) SourceFunc {
	type known struct {
		sum    [sha256.Size]byte
		source Source
	}
	var all []known
	for key, s := range sources {
		all = append(all, known{sha256.Sum256([]byte(key)), s})
	}
	return func(r *http.Request) (found Source, err error) {
		key, _ := WriteKey(r)
		sum := sha256.Sum256([]byte(key))
		err = httpjson.Unauthenticated
		for i := range all {
			if subtle.ConstantTimeCompare(sum[:], all[i].sum[:]) == 1 && key != "" {
				found, err = all[i].source, nil
			}
		}
		return found, err
	}
}

// Events returns a handler that tracks what is posted: {"events": [{"event": "quote_sent", "id": "…", "user": "…",
// "at": "2026-03-01T12:00:00Z", "properties": {…}}]}, at most Options.MaxEvents. Id is the event's key, by which it
// counts once however often it is sent. It answers 202 with {"receipts": [{"outcome": "accepted", "id": "…"}]}, in the
// order of the events. It panics when tracker or source is nil.
func Events(tracker Tracker, source SourceFunc, opts *Options) http.Handler {
	if tracker == nil || source == nil {
		panic("kpihttp: nil tracker or source")
	}
	h := &events{tracker: tracker, source: source, options: opts.withDefaults()}
	return h.options.failure().Handle(h.serve)
}

type events struct {
	tracker Tracker
	source  SourceFunc
	options Options
}

type eventBody struct {
	Event      string          `json:"event"`
	ID         string          `json:"id"`
	User       string          `json:"user"`
	At         time.Time       `json:"at"`
	Properties json.RawMessage `json:"properties"`
}

type eventsBody struct {
	Events []eventBody `json:"events"`
}

type receiptsBody struct {
	Receipts []kpi.Receipt `json:"receipts"`
}

func (h *events) serve(w http.ResponseWriter, r *http.Request) error {
	if h.cors(w, r) {
		return nil
	}
	if r.Method != http.MethodPost {
		httpjson.MethodNotAllowed(w, r, http.MethodPost)
		return nil
	}
	source, err := identify(r, h.source)
	if err != nil {
		return err
	}
	if h.options.Limit != nil {
		if err := h.options.Limit(r, source); err != nil {
			return err
		}
	}
	list, err := h.read(w, r, source)
	if err != nil {
		return err
	}
	receipts, err := h.tracker.Track(r.Context(), list...)
	if err != nil {
		return err
	}
	httpjson.Answer(w, r, http.StatusAccepted, receiptsBody{Receipts: receipts})
	return nil
}

func identify(r *http.Request, source SourceFunc) (Source, error) {
	s, err := source(r)
	return s, httpjson.Identified(s.Tenant != "", err)
}

// cors lets pages of other origins send events, and answers their browsers' question whether they may.
func (h *events) cors(w http.ResponseWriter, r *http.Request) (answered bool) {
	origin := r.Header.Get("Origin")
	if len(h.options.Origins) == 0 || origin == "" {
		return false
	}
	w.Header().Add("Vary", "Origin")
	if !slices.Contains(h.options.Origins, "*") && !slices.Contains(h.options.Origins, origin) {
		return false
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	if r.Method != http.MethodOptions {
		return false
	}
	w.Header().Set("Access-Control-Allow-Methods", "POST")
	w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	w.Header().Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// read returns the events of the body, which belong to the source's tenant whatever they say.
func (h *events) read(w http.ResponseWriter, r *http.Request, s Source) ([]kpi.Event, error) {
	var body eventsBody
	if err := httpjson.Read(w, r, h.options.MaxBody, &body); err != nil {
		return nil, err
	}
	if n, most := len(body.Events), min(h.options.MaxEvents, kpi.MaxEvents); n < 1 || n > most {
		return nil, tenon.Invalid("events", "are %d, not 1 to %d", n, most)
	}
	list := make([]kpi.Event, len(body.Events))
	for i, b := range body.Events {
		if s.Names != nil && !slices.Contains(s.Names, b.Event) {
			return nil, httpjson.New(http.StatusForbidden, "denied", "This key may not send that event.")
		}
		e := kpi.Event{Tenant: s.Tenant, User: b.User, Name: b.Event, Key: b.ID, At: b.At}
		if e.User == "" {
			e.User = s.User
		}
		if len(b.Properties) > 0 && string(b.Properties) != "null" {
			if err := e.Read(b.Properties); err != nil {
				return nil, tenon.Invalid("events["+strconv.Itoa(i)+"].properties", "is no object")
			}
		}
		list[i] = e
	}
	return list, nil
}
