package entitlementstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// endpoint is one of Stripe's calls: the parameters that it takes, separated by spaces, and what it does.
type endpoint struct {
	pattern string
	params  string
	serve   func(b *Biller, c *call) any
}

// call is a call under way. What it answers is the object of the id that serve returns, or an object.
type call struct {
	id      string // of the path
	form    form
	version version
	base    string
}

// answered is what a call under an idempotency key was, and what it was answered.
type answered struct {
	print  string
	status int
	body   []byte
}

// maxCall bounds the body of a call, in bytes.
const maxCall = 1 << 20

// endpoints are all calls that a Biller answers.
func endpoints() []endpoint {
	return slices.Concat(customerCalls, productCalls, subscriptionCalls, itemCalls, invoiceCalls, scheduleCalls, checkoutCalls,
		meterCalls, eventCalls)
}

// Endpoints returns the calls that a Biller answers, such as "POST /v1/billing/meter_events".
func (b *Biller) Endpoints() []string {
	var names []string
	for _, e := range endpoints() {
		names = append(names, e.pattern)
	}
	return names
}

func (b *Biller) newMux() *http.ServeMux {
	mux := http.NewServeMux()
	for _, e := range endpoints() {
		mux.HandleFunc(e.pattern, func(w http.ResponseWriter, r *http.Request) { b.answer(w, r, e) })
	}
	b.addPages(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		write(w, &apiError{
			status: http.StatusNotFound, kind: invalidRequest,
			message: fmt.Sprintf("Unrecognized request URL (%s: %s).", r.Method, r.URL.Path),
		})
	})
	return mux
}

// ServeHTTP implements [http.Handler].
func (b *Biller) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.mux.ServeHTTP(w, r) }

// answer is one call: who is it, is it broken, was it here before, and then its effect.
func (b *Biller) answer(w http.ResponseWriter, r *http.Request, e endpoint) {
	fault, refusal := b.arrive(r, e)
	w.Header().Set("Request-Id", "req_"+randomToken())
	if refusal != nil {
		if fault.RetryAfter > 0 {
			w.Header().Set("Retry-After", fmt.Sprint(int(fault.RetryAfter.Seconds())))
		}
		write(w, refusal)
		return
	}
	if fault.Cut == CutBefore {
		hangUp(w)
	}
	w.Header().Set("Stripe-Version", string(b.versionOf(r)))
	done := b.perform(w.Header(), r, e)
	switch fault.Cut {
	case CutAfter:
		hangUp(w)
	case Hang:
		<-r.Context().Done()
		return
	}
	done.send(w)
}

// hangUp cuts the connection after the first byte of an answer: before it, a transport may repeat the call by itself, and
// the caller would not notice.
func hangUp(w http.ResponseWriter) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, "{")
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// arrive counts the call, picks the fault that is meant for it and refuses strangers.
func (b *Biller) arrive(r *http.Request, e endpoint) (Fault, *apiError) {
	defer b.enter()()
	b.calls[e.pattern]++
	if !b.knows(r) {
		return Fault{}, &apiError{status: http.StatusUnauthorized, kind: invalidRequest, message: "Invalid API Key provided."}
	}
	if v := r.Header.Get("Stripe-Version"); v != "" && !versionRE.MatchString(v) {
		return Fault{}, &apiError{status: http.StatusBadRequest, kind: invalidRequest, message: "Invalid Stripe API version: " + v}
	}
	fault := b.nextFault(r.Method, r.URL.Path)
	return fault, fault.refusal()
}

var versionRE = regexp.MustCompile(`^\d{4}-\d\d-\d\d(\.[a-z]+)?$`)

// knows says whether the call bears the secret key, as a bearer or as the user of basic authentication.
func (b *Biller) knows(r *http.Request) bool {
	if user, _, ok := r.BasicAuth(); ok {
		return user == b.opts.Key
	}
	return r.Header.Get("Authorization") == "Bearer "+b.opts.Key
}

func (b *Biller) versionOf(r *http.Request) version {
	if v := r.Header.Get("Stripe-Version"); v != "" {
		return version(v)
	}
	return StripeVersion
}

// perform answers as before under a known idempotency key, and runs the call otherwise.
func (b *Biller) perform(header http.Header, r *http.Request, e endpoint) answered {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxCall))
	if err != nil {
		panic(http.ErrAbortHandler) // the caller went away
	}
	key := r.Header.Get("Idempotency-Key")
	print := r.Method + " " + r.URL.Path + "\n" + string(body)
	defer b.enter()()
	if before, ok := b.answers[key]; ok && key != "" && r.Method == http.MethodPost {
		if before.print != print {
			return reply(&apiError{status: http.StatusBadRequest, kind: "idempotency_error", message: "Keys for idempotent " +
				"requests can only be used with the same parameters they were first used with. Try using a key other than '" +
				key + "' if you meant to execute a different request."})
		}
		header.Set("Idempotent-Replayed", "true")
		return before
	}
	done := b.execute(r, e, body)
	done.print = print
	if key != "" && r.Method == http.MethodPost && done.status != http.StatusBadRequest && done.status != http.StatusNotFound {
		b.answers[key] = done
	}
	return done
}

// execute runs the call; what refuses on the way is its answer.
func (b *Biller) execute(r *http.Request, e endpoint, body []byte) (done answered) {
	defer func() {
		if p := recover(); p != nil {
			err, ok := p.(*apiError)
			if !ok {
				panic(p)
			}
			done = reply(err)
		}
	}()
	c := &call{id: r.PathValue("id"), form: parseForm(r, body), version: b.versionOf(r), base: b.base(r)}
	c.form.only(e.params)
	answer := e.serve(b, c)
	if t, ok := answer.(thing); ok {
		answer = t.render(c.version)
	}
	for _, path := range c.form.texts("expand") {
		b.expand(answer, strings.Split(path, "."), c.version)
	}
	return answered{status: http.StatusOK, body: encode(answer)}
}

// base is where the pages are that answers link to.
func (b *Biller) base(r *http.Request) string {
	if b.opts.Base != "" {
		return strings.TrimSuffix(b.opts.Base, "/")
	}
	return (&url.URL{Scheme: "http", Host: r.Host}).String()
}

// apiError is a refusal as Stripe words it.
type apiError struct {
	status                              int
	kind, code, param, message, decline string
}

const (
	invalidRequest = "invalid_request_error"
	cardError      = "card_error"
)

// Error implements error.
func (e *apiError) Error() string { return e.message }

// refuse ends the call with the error.
func refuse(e *apiError) { panic(e) }

func invalid(param, format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, kind: invalidRequest, param: param, message: fmt.Sprintf(format, args...)}
}

func missing(what, param, id string) *apiError {
	e := invalid(param, "No such %s: '%s'", what, id)
	e.code = "resource_missing"
	if param == "id" {
		e.status = http.StatusNotFound
	}
	return e
}

func reply(e *apiError) answered {
	content := object{"type": e.kind, "message": e.message}
	for name, value := range map[string]string{"code": e.code, "param": e.param, "decline_code": e.decline} {
		if value != "" {
			content[name] = value
		}
	}
	return answered{status: e.status, body: encode(object{"error": content})}
}

func write(w http.ResponseWriter, err error) {
	var refusal *apiError
	if !errors.As(err, &refusal) {
		refusal = &apiError{status: http.StatusInternalServerError, kind: "api_error", message: err.Error()}
	}
	reply(refusal).send(w)
}

func (a answered) send(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a caller that went away misses nothing
}

func encode(v any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // only maps of plain values are encoded
	}
	return out.Bytes()
}
