package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementshttp"
	"github.com/transbotai/tenon/examples/transbot/internal/ops"
	"github.com/transbotai/tenon/examples/transbot/internal/quoting"
	"github.com/transbotai/tenon/slo/slohttp"
)

// The sizes of bodies, in bytes.
const (
	maxBody     = 16 << 10
	maxText     = 128 << 10 // of what people write
	maxBulkBody = 256 << 10
	maxEvents   = 1 << 20
)

// apiRoutes are those for the holder of an API key.
func apiRoutes() []Route {
	return slices.Concat(
		[]Route{
			ask("/api/entitlements", (*Server).entitlementsAPI),
			ask("/api/entitlements/{feature}", (*Server).entitlementsAPI),
			ask("/api/limits/{feature}", (*Server).entitlementsAPI),
			ask("/api/flags", (*Server).flagsAPI),
			ask("/api/flags/{flag}", (*Server).flagsAPI),
			ask("/api/quotes", rates((*Server).listQuotes)),
			ask("/api/quotes/{id}", rates((*Server).getQuote)),
			tell("/api/quotes", maxBody, rates((*Server).createQuote)),
			tell("/api/quotes/{id}/{step}", maxBody, (*Server).moveAPI),
			tell("/api/quotes/bulk", maxBulkBody, (*Server).bulkAPI),
			ask("/api/slo/current", (*Server).sloAPI),
		},
		auditRoutes(), partnersRoutes(), supportRoutes(), kpiRoutes(),
	)
}

// api serves the routes for the holder of an API key, and says to nobody else which there are.
func (s *Server) api() http.Handler {
	return s.bearer(slohttp.Record(s.limited(s.ailing(known(s.mux(apiRoutes())))), s.observe))
}

// known answers what mux does not know with a problem document, as everything else below /api is.
func known(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		unknown := &unsent{header: w.Header()}
		h.ServeHTTP(unknown, r)
		w.Header().Del("Content-Type")
		if unknown.status == http.StatusMethodNotAllowed {
			problem(w, unknown.status, "method-not-allowed", "The header Allow says which methods there are.")
			return
		}
		problem(w, http.StatusNotFound, "not-found", "There is no such thing.")
	})
}

// unsent takes an answer without sending it.
type unsent struct {
	header http.Header
	status int
}

func (u *unsent) Header() http.Header         { return u.header }
func (u *unsent) Write(p []byte) (int, error) { return len(p), nil }
func (u *unsent) WriteHeader(status int)      { u.status = status }

func (s *Server) entitlementsAPI() http.Handler {
	return http.StripPrefix("/api", entitlementshttp.Handler(s.Gate, tenantOf, &entitlementshttp.Options{Logger: s.Logger}))
}

func (s *Server) sloAPI() http.Handler {
	return slohttp.Named(s.Ops.Board, ops.Named, &slohttp.Options{Logger: s.Logger})
}

// observe counts a request for the objectives, unless the rate limit refused it before it came to a route: nobody
// promised to answer those.
func (s *Server) observe(o slohttp.Observation) {
	if o.Status != http.StatusTooManyRequests || o.Route != "/api/" {
		s.Ops.Observe(o)
	}
}

// rates is what works with quotes, where they are switched on for the company. It counts the call itself.
func rates(m func(*Server, http.ResponseWriter, *http.Request)) func(*Server) http.Handler {
	return func(s *Server) http.Handler { return s.switchedOn(ratesFlag)(function(m)(s)) }
}

func (s *Server) moveAPI() http.Handler { return s.switchedOn(ratesFlag)(s.metered(s.moveQuote)) }

func (s *Server) bulkAPI() http.Handler {
	return s.switchedOn(ratesFlag)(s.switchedOn(bulkFlag)(s.metered(s.createQuotes)))
}

// bearer lets the holder of an API key through, as the caller, and nobody else.
func (s *Server) bearer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			unauthenticated(w)
			return
		}
		holder, err := s.companies.FindKey(r.Context(), key, time.Now())
		switch {
		case errors.Is(err, tenon.ErrDenied):
			unauthenticated(w)
		case err != nil: // counts as what it is, though nobody knows whose it was
			slohttp.Record(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, err) }), s.observe).ServeHTTP(w, r)
		default:
			s.recorded(next).ServeHTTP(w, as(r, holder.CompanyID, "key:"+holder.KeyID))
		}
	})
}

// as returns r with the one who acts in its context.
func as(r *http.Request, company, actor string) *http.Request {
	c, _ := tenon.CallerFrom(r.Context())
	c.Tenant, c.Actor = company, actor
	return r.WithContext(tenon.WithCaller(r.Context(), c))
}

// tenantOf returns the company that calls.
func tenantOf(r *http.Request) (string, error) { return company(r), nil }

func company(r *http.Request) string {
	c, _ := tenon.CallerFrom(r.Context())
	return c.Tenant
}

// metered counts a call that succeeds against the plan's API access. A company whose plan has none is not shut out: its
// people work with quotes through the same routes, and are bounded by their rates. Asking what one may do is never
// counted. What is one transaction by itself, and what only reads, counts the call in fewer steps: see [quoting.Desk.Call].
func (s *Server) metered(next http.HandlerFunc) http.Handler {
	counted := entitlementshttp.Meter(s.Gate, quoting.Access, entitlementshttp.Units(1), tenantOf, &entitlementshttp.Options{Logger: s.Logger})(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d, err := s.Gate.Check(r.Context(), company(r), quoting.Access)
		if err == nil && d.Reason == entitlements.ReasonNotInPlan {
			next(w, r)
			return
		}
		counted.ServeHTTP(w, r)
	})
}

// counted counts a call that has what it came for, or answers it: it gets nothing that is not counted.
func (s *Server) counted(w http.ResponseWriter, r *http.Request) bool {
	d, err := s.desk.Call(r.Context(), company(r))
	switch {
	case err != nil:
		s.fail(w, r, err)
	case !d.Allowed:
		entitlementshttp.Problem(w, r, d)
	default:
		return true
	}
	return false
}

func unauthenticated(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", "Bearer")
	problem(w, http.StatusUnauthorized, "unauthenticated", "Send an API key as a bearer token.")
}

// problem sends a problem document (RFC 9457) of the platform's own.
func problem(w http.ResponseWriter, status int, name, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	send(w, status, struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{"urn:transbot:problem:" + name, http.StatusText(status), status, detail})
}

// send sends v as JSON.
func send(w http.ResponseWriter, status int, v any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client went away
}

// fail answers an error and logs what is nobody's fault but ours.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	s.note(r, err)
	entitlementshttp.WriteError(w, r, err)
}

// note logs errors of which the client is told nothing.
func (s *Server) note(r *http.Request, err error) {
	for _, told := range []error{tenon.ErrInvalid, tenon.ErrNotFound, tenon.ErrConflict, tenon.ErrDenied} {
		if errors.Is(err, told) {
			return
		}
	}
	c, _ := tenon.CallerFrom(r.Context())
	s.Logger.ErrorContext(r.Context(), "request", "path", logged(r), "err", err, "request_id", c.RequestID)
}

// receive reads a body of at most limit bytes into v, or answers the request.
func receive(w http.ResponseWriter, r *http.Request, limit int64, v any) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		problem(w, http.StatusUnsupportedMediaType, "media-type", "Send application/json.")
		return false
	}
	err = decodeOne(http.MaxBytesReader(w, r.Body, limit), v)
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return true
	case errors.As(err, &tooLarge):
		problem(w, http.StatusRequestEntityTooLarge, "too-large", "The body is too large.")
	default:
		entitlementshttp.WriteError(w, r, tenon.Invalid("body", "is not one JSON object of the known fields"))
	}
	return false
}

var (
	errTrailing = errors.New("something follows the object")
	errEncoding = errors.New("the text is not UTF-8")
)

// decodeOne reads one JSON object of known fields and nothing after it.
func decodeOne(body io.Reader, v any) error {
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if !utf8.Valid(text) { // which encoding/json would take, with other characters in the place of what is not
		return errEncoding
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	switch _, err := d.Token(); {
	case err == io.EOF:
		return nil
	case err != nil:
		return err
	}
	return errTrailing
}
