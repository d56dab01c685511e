package audithttp

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/internal/option"
)

// RecordOptions of [Record]. The zero value of each field has the documented meaning.
type RecordOptions struct {
	// Tenant says whose data a request is about. Nil: the tenant of the [tenon.Caller] in its context.
	Tenant func(r *http.Request) string
	// Target says what a request acts on. Nil: the path, as "path".
	Target func(r *http.Request) audit.Target
	// Action names what a request does. Nil: its route, "POST /orders/{id}".
	Action func(r *http.Request) string
	// Fields are the members of a JSON body, or the fields of a form, whose values are recorded. The log's own field
	// policies apply to them, under "payload.body". Nil: none is. Of a body with a value that no record can hold, such as
	// the character U+0000, none is.
	Fields []string
	// MaxBody bounds what is kept of a body to find them, in bytes; 0 means 64 KiB. Of a longer one nothing is recorded.
	MaxBody int
	// Methods are those that change something; nil means POST, PUT, PATCH and DELETE.
	Methods []string
	// Timeout bounds how long the record may take; 0 means 5 s. The client's going away does not end it.
	Timeout time.Duration
	// Lost is told of a record that neither the store nor the queue took, without what it would have held of the body: no
	// policy was applied to that. Nil: Logger is.
	Lost func(r audit.Record, err error)
	// Logger is told what is lost. Nil discards.
	Logger *slog.Logger
}

func (o *RecordOptions) withDefaults() RecordOptions {
	var v RecordOptions
	if o != nil {
		v = *o
	}
	if v.Tenant == nil {
		v.Tenant = func(r *http.Request) string {
			c, _ := tenon.CallerFrom(r.Context())
			return c.Tenant
		}
	}
	if v.Target == nil {
		v.Target = func(r *http.Request) audit.Target { return audit.Target{Type: "path", ID: fit(r.URL.Path)} }
	}
	if v.Action == nil {
		v.Action = routeOf
	}
	v.MaxBody = option.Positive(v.MaxBody, 64<<10)
	if v.Methods == nil {
		v.Methods = []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	}
	v.Timeout = option.Positive(v.Timeout, 5*time.Second)
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	if v.Lost == nil {
		v.Lost = func(r audit.Record, err error) {
			v.Logger.Error("audit record lost", "tenant", r.Tenant, "action", r.Action, "targets", r.Targets, "actor", r.Actor,
				"outcome", r.Outcome, "payload", string(r.Payload), "err", err)
		}
	}
	return v
}

// routeOf returns the pattern that took the request, with its method.
func routeOf(r *http.Request) string {
	switch {
	case r.Pattern == "":
		return r.Method
	case r.Pattern[0] == '/':
		return r.Method + " " + r.Pattern
	}
	return r.Pattern
}

// Record returns a middleware that records each request that changes something when it has been answered: action, tenant,
// the caller in its context, the outcome, and as payload method, route, status and the chosen fields of its body. It
// stands behind what authenticates, so that the caller is known. A request that panicked is recorded as failed, and the
// panic goes on.
//
// What the request changed and this record are two transactions. Where they must be one, record in the handler's own, or
// let triggers watch the tables, and say so by [Recorded].
func Record(log *audit.Log, opts *RecordOptions) func(http.Handler) http.Handler {
	m := &recorder{log: log, options: opts.withDefaults(), methods: map[string]bool{}}
	for _, method := range m.options.Methods {
		m.methods[method] = true
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.serve(next, w, r) })
	}
}

// recordedKey is the context's key of whether the request is in the log.
type recordedKey struct{}

// Recorded says, from within a handler behind [Record], that the log has what the request did: the handler recorded it in
// its own transaction, or triggers did. Nothing more is recorded then, unless the request ends badly all the same.
// Elsewhere it does nothing.
func Recorded(ctx context.Context) {
	if told, ok := ctx.Value(recordedKey{}).(*atomic.Bool); ok {
		told.Store(true)
	}
}

type recorder struct {
	log     *audit.Log
	options RecordOptions
	methods map[string]bool
}

func (m *recorder) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	if !m.methods[r.Method] {
		next.ServeHTTP(w, r)
		return
	}
	body := m.keep(r)
	var told atomic.Bool
	r = r.WithContext(context.WithValue(r.Context(), recordedKey{}, &told))
	own := &writer{ResponseWriter: w}
	panicked := true
	defer func() {
		status := own.answered(panicked)
		outcome := outcomeOf(status)
		if panicked { // perhaps in the middle of an answer that began well
			outcome = audit.Failed
		}
		if !told.Load() || outcome != audit.Succeeded {
			m.tell(r, body, ending{status, outcome})
		}
	}()
	next.ServeHTTP(own, r)
	panicked = false
}

// ending is how a request ended.
type ending struct {
	status  int
	outcome audit.Outcome
}

// happened is the payload of a request's record.
type happened struct {
	Method string         `json:"method"`
	Route  string         `json:"route"`
	Status int            `json:"status"`
	Body   map[string]any `json:"body,omitempty"`
}

// tell records what happened.
func (m *recorder) tell(r *http.Request, body *kept, end ending) {
	record := audit.Record{
		Tenant: m.options.Tenant(r), Action: m.options.Action(r), Outcome: end.outcome,
		Targets: []audit.Target{m.options.Target(r)},
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(fitted(r.Context())), m.options.Timeout)
	defer cancel()
	record.At = tenon.Instant(time.Now())
	record.ID = tenon.NewID(record.At) // the same in all tries, so that it is there once
	told := happened{r.Method, routeOf(r), end.status, body.chosen(r, m.options.Fields)}
	err := m.record(ctx, &record, told)
	if told.Body != nil && errors.Is(err, tenon.ErrInvalid) {
		told.Body = nil // a client must not keep its requests out of the log by what no record can hold
		err = m.record(ctx, &record, told)
	}
	if err != nil {
		_, err = m.log.Enqueue(ctx, record)
	}
	if err != nil {
		m.lose(ctx, record, told, err)
	}
}

// lose tells of a record that nobody took, with what the log would have added to it.
func (m *recorder) lose(ctx context.Context, record audit.Record, told happened, err error) {
	c, _ := tenon.CallerFrom(ctx)
	record.Actor, record.OnBehalfOf, record.IP, record.UserAgent = c.Actor, c.OnBehalfOf, c.IP, c.UserAgent
	record.RequestID, record.TraceID = c.RequestID, c.TraceID
	told.Body = nil
	record.Payload, _ = audit.JSON(told) // texts and a number have one
	m.options.Lost(record, err)
}

func (m *recorder) record(ctx context.Context, record *audit.Record, told happened) (err error) {
	if record.Payload, err = audit.JSON(told); err == nil {
		_, err = m.log.Record(ctx, *record)
	}
	return err
}

// fitted returns the context with what its caller's headers say, as far as a record can hold it: a client must not keep
// its requests out of the log by sending a long one.
func fitted(ctx context.Context) context.Context {
	c, _ := tenon.CallerFrom(ctx)
	c.Actor, c.OnBehalfOf, c.UserAgent = fit(c.Actor), fit(c.OnBehalfOf), fit(c.UserAgent)
	c.RequestID, c.TraceID = fit(c.RequestID), fit(c.TraceID)
	if _, err := netip.ParseAddr(c.IP); err != nil {
		c.IP = ""
	}
	return tenon.WithCaller(ctx, c)
}

// maxText is what a record holds of a text, in bytes.
const maxText = 1024

// fit returns text as a record can hold it.
func fit(text string) string {
	text = strings.ReplaceAll(text, "\x00", "")
	return strings.ToValidUTF8(text[:min(len(text), maxText)], "")
}

// outcomeOf says how a request ended that was answered.
func outcomeOf(status int) audit.Outcome {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return audit.Denied
	case status >= 400:
		return audit.Failed
	}
	return audit.Succeeded
}
