package slohttp_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slohttp"
)

// server serves handlers by their paths, and passes on what is observed.
func server(t *testing.T, handlers map[string]http.HandlerFunc) (url string, seen chan slohttp.Observation) {
	t.Helper()
	seen = make(chan slohttp.Observation, 10)
	mux := http.NewServeMux()
	for pattern, h := range handlers {
		mux.HandleFunc(pattern, h)
	}
	s := httptest.NewUnstartedServer(slohttp.Record(mux, func(o slohttp.Observation) { seen <- o }))
	s.Config.ErrorLog = nil
	s.Start()
	t.Cleanup(s.Close)
	return s.URL, seen
}

func fetch(t *testing.T, ctx context.Context, url string) (int, string, error) { //nolint:revive // the test's own comes first
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), err
}

func TestRecordSeesWhatWasAnswered(t *testing.T) {
	t.Parallel()
	url, seen := server(t, map[string]http.HandlerFunc{
		"GET /quotes/{id}": func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.PathValue("id")) },
		"/nothing":         func(http.ResponseWriter, *http.Request) {},
		"/early": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusTeapot)
		},
		"/broken": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadGateway) },
		"/copied": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, strings.NewReader("copied")) },
	})
	for path, want := range map[string]struct {
		route   string
		status  int
		outcome slo.Outcome
	}{
		"/quotes/7": {"GET /quotes/{id}", 200, slo.Good},
		"/nothing":  {"/nothing", 200, slo.Good},
		"/early":    {"/early", 418, slo.Good},
		"/broken":   {"/broken", 502, slo.Bad},
		"/copied":   {"/copied", 200, slo.Good},
		"/unknown":  {"", 404, slo.Good},
	} {
		status, _, err := fetch(t, t.Context(), url+path)
		require.NoError(t, err)
		require.Equal(t, want.status, status)
		o := <-seen
		require.Equal(t, want.route, o.Route, path)
		require.Equal(t, want.status, o.Status, path)
		require.False(t, o.Panicked || o.Gone)
		require.GreaterOrEqual(t, o.Duration, time.Duration(0))
		outcome, counts := o.Outcome()
		require.True(t, counts)
		require.Equal(t, want.outcome, outcome, path)
	}
}

func TestAPanicIsBadAndGoesOn(t *testing.T) {
	t.Parallel()
	url, seen := server(t, map[string]http.HandlerFunc{
		"/before": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"/after": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half of the")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
	})
	for path, status := range map[string]int{"/before": 500, "/after": 200} {
		_, _, err := fetch(t, t.Context(), url+path)
		require.Error(t, err, "the client sees a broken connection")
		o := <-seen
		require.True(t, o.Panicked)
		require.Equal(t, status, o.Status)
		outcome, counts := o.Outcome()
		require.True(t, counts)
		require.Equal(t, slo.Bad, outcome)
	}
}

func TestAHijackedConnectionIsPassedOn(t *testing.T) {
	t.Parallel()
	url, seen := server(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
		_ = conn.Close()
	}})
	status, _, err := fetch(t, t.Context(), url)
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, status)
	require.Equal(t, http.StatusSwitchingProtocols, (<-seen).Status)

	w := httptest.NewRecorder() // has no connection
	slohttp.Record(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _, err := w.(http.Hijacker).Hijack()
		require.ErrorIs(t, err, http.ErrNotSupported)
	}), func(o slohttp.Observation) { require.Equal(t, http.StatusOK, o.Status) }).ServeHTTP(w, mustRequest(t))
}

func mustRequest(t *testing.T) *http.Request {
	t.Helper()
	return httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
}

func TestAFlushReachesTheClient(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	url, seen := server(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first")
		w.(http.Flusher).Flush()
		<-release
	}})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	first := make([]byte, 5)
	_, err = io.ReadFull(res.Body, first)
	require.NoError(t, err)
	close(release)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, (<-seen).Status)
}

func TestAHandlerMayStillSetItsDeadline(t *testing.T) {
	t.Parallel()
	set := make(chan error, 1)
	url, seen := server(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, _ *http.Request) {
		set <- http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Hour))
	}})
	_, _, err := fetch(t, t.Context(), url)
	require.NoError(t, err)
	require.NoError(t, <-set)
	require.Equal(t, http.StatusOK, (<-seen).Status)
}

func TestAClientThatWentAwayDoesNotCount(t *testing.T) {
	t.Parallel()
	for name, sends := range map[string]func(http.ResponseWriter){
		"when_nothing_is_sent":                  func(http.ResponseWriter) {},
		"when_its_going_was_taken_for_an_error": func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireGone(t, sends)
		})
	}
}

func requireGone(t *testing.T, sends func(http.ResponseWriter)) {
	t.Helper()
	begun := make(chan struct{})
	url, seen := server(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		sends(w)
	}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, _, err := fetch(t, ctx, url)
		ended <- err
	}()
	<-begun
	cancel()
	require.Error(t, <-ended)
	o := <-seen
	require.True(t, o.Gone)
	_, counts := o.Outcome()
	require.False(t, counts)
}

func TestARequestWhoseTimeRanOutCountsAsBad(t *testing.T) {
	t.Parallel()
	seen := make(chan slohttp.Observation, 1)
	slow := slohttp.Record(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	}), func(o slohttp.Observation) { seen <- o })
	w := httptest.NewRecorder()
	http.TimeoutHandler(slow, time.Millisecond, "too late").ServeHTTP(w, mustRequest(t))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	o := <-seen
	require.Equal(t, http.StatusServiceUnavailable, o.Status)
	outcome, counts := o.Outcome()
	require.True(t, counts)
	require.Equal(t, slo.Bad, outcome)
}

func TestToCountsInARecorder(t *testing.T) {
	t.Parallel()
	store := slo.NewMemoryStore(nil)
	board := slo.NewBoard(store, nil)
	_, err := board.Define(t.Context(), objectives[0])
	require.NoError(t, err)
	rec, err := slo.NewRecorder(store, objectives[:1], nil)
	require.NoError(t, err)
	rec.Tick(time.Now())
	observe := slohttp.To(rec)
	for _, o := range []slohttp.Observation{{Status: 200}, {Status: 404}, {Status: 503}, {Status: 200, Gone: true}} {
		observe(o)
	}
	require.NoError(t, rec.Flush(t.Context()))
	r, err := board.Current(t.Context())
	require.NoError(t, err)
	require.Equal(t, slo.Count{Good: 2, Valid: 3}, r.Statuses[0].Count)
}
