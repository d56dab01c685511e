package audithttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/audithttp"
)

// serve sends a request of a caller through the middleware.
func serve(t *testing.T, log *audit.Log, opts *audithttp.RecordOptions, h http.HandlerFunc, r *http.Request, c tenon.Caller) *httptest.ResponseRecorder {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/orders/{id}", audithttp.Record(log, opts)(h))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r.WithContext(tenon.WithCaller(r.Context(), c)))
	return w
}

func post(t *testing.T, kind, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/orders/7", strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	return r
}

func answer(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
	}
}

func TestAChangingRequestIsRecordedWithItsCaller(t *testing.T) {
	t.Parallel()
	log := newLog(t)
	opts := &audithttp.RecordOptions{Fields: []string{"reason", "rate", "missing"}}
	serve(t, log, opts, answer(http.StatusCreated), post(t, "application/json", `{"reason": "why", "rate": 12.50, "note": "private"}`), ann)
	records := all(t, log, "acme")
	require.Len(t, records, 1)
	r := records[0]
	require.Equal(t, []string{"ann", "192.0.2.1", "curl", "r-1"}, []string{r.Actor, r.IP, r.UserAgent, r.RequestID})
	require.Equal(t, []audit.Target{{Type: "path", ID: "/orders/7"}}, r.Targets)
	require.Equal(t, "POST /orders/{id}", r.Action)
	require.Equal(t, audit.Succeeded, r.Outcome)
	require.JSONEq(t, `{"method": "POST", "route": "POST /orders/{id}", "status": 201, "body": {"reason": "why", "rate": 12.50}}`, string(r.Payload))
}

func TestOutcomesFollowTheStatus(t *testing.T) {
	t.Parallel()
	log := newLog(t)
	for _, status := range []int{200, 303, 400, 401, 403, 404, 500} {
		serve(t, log, nil, answer(status), post(t, "text/plain", ""), ann)
	}
	var got []audit.Outcome
	for _, r := range all(t, log, "acme") {
		got = append(got, r.Outcome)
	}
	require.ElementsMatch(t, []audit.Outcome{
		audit.Succeeded, audit.Succeeded, audit.Failed, audit.Denied, audit.Denied, audit.Failed, audit.Failed,
	}, got)
}

func TestWhatAHandlerRecordedIsNotRecordedAgainUnlessItEndsBadly(t *testing.T) {
	t.Parallel()
	log := newLog(t)
	for _, status := range []int{201, 409} {
		serve(t, log, nil, func(w http.ResponseWriter, r *http.Request) {
			audithttp.Recorded(r.Context())
			w.WriteHeader(status)
		}, post(t, "text/plain", ""), ann)
	}
	records := all(t, log, "acme")
	require.Len(t, records, 1)
	require.Equal(t, audit.Failed, records[0].Outcome)
	audithttp.Recorded(t.Context()) // nobody is told
}

func TestReadingIsNotRecorded(t *testing.T) {
	t.Parallel()
	log := newLog(t)
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
		serve(t, log, nil, answer(http.StatusOK), httptest.NewRequestWithContext(t.Context(), method, "/orders/7", nil), ann)
	}
	require.Empty(t, all(t, log, "acme"))
}

func TestAFormsFieldsAreTakenWhoeverParsesIt(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"the_handler_parses": func(_ http.ResponseWriter, r *http.Request) { _ = r.ParseForm() },
		"the_handler_reads":  answer(http.StatusOK),
	} {
		log := newLog(t)
		opts := &audithttp.RecordOptions{Fields: []string{"plan", "password"}, Tenant: func(*http.Request) string { return "bolt" }}
		serve(t, log, opts, h, post(t, "application/x-www-form-urlencoded", "plan=pro&password=hunter2&csrf=x"), ann)
		records := all(t, log, "bolt")
		require.Len(t, records, 1, name)
		require.JSONEq(t, `{"plan": "pro", "password": "[redacted]"}`, member(t, records[0].Payload, "body"), name)
	}
}

func member(t *testing.T, payload json.RawMessage, name string) string {
	t.Helper()
	return string(decode[map[string]json.RawMessage](t, string(payload))[name])
}

func TestABodyThatIsTooLongOrNoJSONReachesTheHandlerAndIsNotRecorded(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"reason": "` + strings.Repeat("x", 1000) + `"}`, `{"reason": `, `[1]`} {
		log := newLog(t)
		var read string
		h := func(_ http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			read = string(b)
		}
		serve(t, log, &audithttp.RecordOptions{Fields: []string{"reason"}, MaxBody: 100}, h, post(t, "application/json", body), ann)
		require.Equal(t, body, read)
		require.NotContains(t, string(all(t, log, "acme")[0].Payload), "body")
	}
}

func TestAPanicIsRecordedAsFailedAndGoesOn(t *testing.T) {
	t.Parallel()
	log := newLog(t)
	require.PanicsWithValue(t, "boom", func() {
		serve(t, log, nil, func(http.ResponseWriter, *http.Request) { panic("boom") }, post(t, "text/plain", ""), ann)
	})
	require.Equal(t, audit.Failed, all(t, log, "acme")[0].Outcome)
	require.Equal(t, "500", member(t, all(t, log, "acme")[0].Payload, "status"))
}

func TestAPanicInTheMiddleOfAnAnswerIsRecordedAsFailed(t *testing.T) {
	t.Parallel()
	log := newLog(t)
	require.PanicsWithValue(t, http.ErrAbortHandler, func() {
		serve(t, log, nil, func(w http.ResponseWriter, r *http.Request) {
			audithttp.Recorded(r.Context())
			_, _ = io.WriteString(w, "the beginning")
			panic(http.ErrAbortHandler)
		}, post(t, "text/plain", ""), ann)
	})
	records := all(t, log, "acme")
	require.Len(t, records, 1, "it ended badly all the same")
	require.Equal(t, audit.Failed, records[0].Outcome)
	require.Equal(t, "200", member(t, records[0].Payload, "status"), "what the client was told")
}

func TestWhatNobodyTookIsLoggedWithWhoDidItAndWithoutTheBody(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	log := audit.NewLog(&away{Store: audit.NewMemoryStore()}, &audit.Options{Queue: 1, OnFull: audit.Refuse})
	opts := &audithttp.RecordOptions{Fields: []string{"password"}, Logger: slog.New(slog.NewTextHandler(&logged, nil))}
	for range 2 {
		serve(t, log, opts, answer(http.StatusForbidden), post(t, "application/json", `{"password": "hunter2"}`), ann)
	}
	for _, part := range []string{
		"audit record lost", "tenant=acme", `action="POST /orders/{id}"`, "/orders/7", "actor=ann", "outcome=denied", "403", "queue full",
	} {
		require.Contains(t, logged.String(), part)
	}
	require.NotContains(t, logged.String(), "hunter2", "no policy was applied to what stood in the body")
	require.Equal(t, 1, strings.Count(logged.String(), "\n"), "the first one is in the queue")
}

func TestABodyIsReadAsWhatItSaysItIs(t *testing.T) {
	t.Parallel()
	for kind, body := range map[string]string{
		"application/json; charset=utf-8": `{"reason": "why"}`,
		"application/merge-patch+json":    `{"reason": "why"}`,
		"":                                "",
		"/":                               "",
		"text/plain":                      "",
	} {
		log := newLog(t)
		opts := &audithttp.RecordOptions{Fields: []string{"reason"}}
		serve(t, log, opts, answer(http.StatusOK), post(t, kind, `{"reason": "why"}`), ann)
		got := member(t, all(t, log, "acme")[0].Payload, "body")
		require.Equal(t, strings.ReplaceAll(body, ": ", ":"), got, kind)
	}
}

func TestHeadersCannotKeepARequestOutOfTheLog(t *testing.T) {
	t.Parallel()
	log := newLog(t)
	r := post(t, "text/plain", "")
	r.URL.Path = "/orders/" + strings.Repeat("\xff\x00é", 2000)
	c := tenon.Caller{Tenant: "acme", Actor: "ann", IP: "no address", UserAgent: strings.Repeat("ü", 4000), RequestID: "\xff"}
	serve(t, log, nil, answer(http.StatusOK), r, c)
	records := all(t, log, "acme")
	require.Len(t, records, 1)
	require.Len(t, records[0].UserAgent, 1024)
	require.Empty(t, records[0].IP)
}

// away is a store that does not answer while it is away.
type away struct {
	audit.Store
	back bool
}

func (a *away) Append(ctx context.Context, entries []audit.Entry) ([]string, error) {
	if !a.back {
		return nil, tenon.ErrUnavailable
	}
	return a.Store.Append(ctx, entries)
}

func TestNothingIsDroppedInSilence(t *testing.T) {
	t.Parallel()
	store := &away{Store: audit.NewMemoryStore()}
	log := audit.NewLog(store, &audit.Options{Queue: 2, OnFull: audit.Refuse})
	var lost []audit.Record
	opts := &audithttp.RecordOptions{Lost: func(r audit.Record, err error) {
		require.ErrorIs(t, err, audit.ErrFull)
		lost = append(lost, r)
	}}
	for range 3 {
		w := serve(t, log, opts, answer(http.StatusAccepted), post(t, "text/plain", ""), ann)
		require.Equal(t, http.StatusAccepted, w.Code, "the answer stays what it is")
	}
	require.Len(t, lost, 1)
	store.back = true
	require.NoError(t, log.Flush(t.Context()))
	require.Len(t, all(t, log, "acme"), 2)
}

func TestAClientThatGoesAwayIsRecorded(t *testing.T) {
	t.Parallel()
	log := newLog(t)
	ctx, cancel := context.WithCancel(t.Context())
	r := post(t, "text/plain", "").WithContext(ctx)
	serve(t, log, nil, func(http.ResponseWriter, *http.Request) { cancel() }, r, ann)
	require.Len(t, all(t, log, "acme"), 1)
}

func TestTheWriterKeepsWhatConnectionsCanDo(t *testing.T) {
	t.Parallel()
	log := newLog(t)
	h := audithttp.Record(log, nil)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.Copy(w, strings.NewReader("x"))
		w.(http.Flusher).Flush()
		if _, _, err := w.(http.Hijacker).Hijack(); !errors.Is(err, http.ErrNotSupported) {
			panic(err)
		}
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, post(t, "text/plain", ""))
	require.True(t, w.Flushed)
	require.Equal(t, "x", w.Body.String())
	require.Equal(t, "200", member(t, all(t, log, "")[0].Payload, "status"))
}

func TestAClientCannotKeepItsRequestOutOfTheLogByWhatItSends(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*http.Request{
		"a character that no store keeps": post(t, "application/json", `{"reason": "a\u0000b"}`),
		"a member twice":                  post(t, "application/json", `{"reason": {"a": 1, "a": 2}}`),
		"half of a pair":                  post(t, "application/json", `{"reason": "\ud800"}`),
		"nested deep":                     post(t, "application/json", `{"reason": `+strings.Repeat("[", 70)+strings.Repeat("]", 70)+`}`),
		"a form":                          post(t, "application/x-www-form-urlencoded", "reason=a%00b"),
	} {
		log := newLog(t)
		opts := &audithttp.RecordOptions{Fields: []string{"reason"}, Lost: func(_ audit.Record, err error) { require.NoError(t, err, name) }}
		serve(t, log, opts, answer(http.StatusCreated), r, ann)
		records := all(t, log, "acme")
		require.Len(t, records, 1, name)
		require.JSONEq(t, `{"method": "POST", "route": "POST /orders/{id}", "status": 201}`, string(records[0].Payload), name)
	}
}
