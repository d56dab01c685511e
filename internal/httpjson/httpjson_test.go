package httpjson_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/httpjson"
)

// serve sends a request to h and returns the answer.
func serve(h http.Handler, method, path, kind, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestOfGivesEachClassItsStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
	}{
		{tenon.ErrNotFound, 404},
		{tenon.ErrConflict, 409},
		{tenon.ErrInvalid, 400},
		{tenon.ErrDenied, 403},
		{tenon.ErrUnavailable, 503},
		{context.Canceled, 503},
		{context.DeadlineExceeded, 503},
		{io.EOF, 500},
		{httpjson.New(428, "precondition-required", "Say which version."), 428},
	} {
		p := httpjson.Of(fmt.Errorf("secret: %w", c.err))
		require.Equal(t, c.status, p.Status)
		require.NotContains(t, p.Detail, "secret")
	}
}

func TestOfTellsTheFieldAtFault(t *testing.T) {
	t.Parallel()
	p := httpjson.Of(tenon.Invalid("zone", "is not known"))
	require.Equal(t, "zone", p.Field)
	require.Contains(t, p.Detail, "is not known")
	p = httpjson.Of(tenon.Invalid("zone", "%s", strings.Repeat("x", 1000)))
	require.Empty(t, p.Field, "nobody's novel is sent back")
}

func TestRead(t *testing.T) {
	t.Parallel()
	const wanted = "application/json; charset=utf-8"
	h := httpjson.Failure{}.Handle(func(w http.ResponseWriter, r *http.Request) error {
		var v struct{ A int }
		if err := httpjson.Read(w, r, 20, &v); err != nil {
			return err
		}
		httpjson.Answer(w, r, http.StatusCreated, v)
		return nil
	})
	for _, c := range []struct {
		name, kind, body string
		status           int
	}{
		{"one object", wanted, `{"A": 1}`, 201},
		{"another media type", "text/plain", `{"A": 1}`, 415},
		{"no media type", "", `{"A": 1}`, 415},
		{"an unknown field", wanted, `{"B": 1}`, 400},
		{"two objects", wanted, `{"A": 1}{}`, 400},
		{"half an object", wanted, `{"A": 1`, 400},
		{"another encoding", wanted, "{\"A\": 1, \"\xff\": 2}", 400},
		{"nothing", wanted, ``, 400},
		{"too much", wanted, `{"A": 1}` + strings.Repeat(" ", 20), 413},
	} {
		w := serve(h, "POST", "/", c.kind, c.body)
		require.Equal(t, c.status, w.Code, c.name)
		var p httpjson.Problem
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p), c.name)
		if c.status != 201 {
			require.Equal(t, c.status, p.Status, c.name)
			require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"), c.name)
		}
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]int64{"": 7, "?n=1": 1, "?n=9": 9} {
		n, err := httpjson.Number(httptest.NewRequest("GET", "/"+query, nil), "n", 7, 1, 9)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	for _, query := range []string{"?n=0", "?n=10", "?n=x", "?n=99999999999999999999"} {
		_, err := httpjson.Number(httptest.NewRequest("GET", "/"+query, nil), "n", 7, 1, 9)
		require.ErrorIs(t, err, tenon.ErrInvalid, query)
	}
}

func TestMuxAnswersWithProblems(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /a/{id}", func(w http.ResponseWriter, r *http.Request) { httpjson.Answer(w, r, 200, r.PathValue("id")) })
	mux.HandleFunc("DELETE /a/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	h := httpjson.Mux(mux)
	require.Equal(t, `"7"`, serve(h, "GET", "/a/7", "", "").Body.String())
	w := serve(h, "POST", "/a/7", "", "")
	require.Equal(t, 405, w.Code)
	require.Equal(t, "GET, HEAD, DELETE", w.Header().Get("Allow"))
	require.Contains(t, w.Body.String(), "method-not-allowed")
	w = serve(h, "GET", "/b", "", "")
	require.Equal(t, 404, w.Code)
	require.Contains(t, w.Body.String(), "not-found")
	require.Empty(t, serve(h, "HEAD", "/b", "", "").Body.String())
}

func TestFailLogsWhatTheClientIsNotTold(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	f := httpjson.Failure{RetryAfter: 1500 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	w := serve(f.Handle(func(http.ResponseWriter, *http.Request) error { return errors.Join(io.EOF, tenon.ErrUnavailable) }), "GET", "/", "", "")
	require.Equal(t, 503, w.Code)
	require.Equal(t, "2", w.Header().Get("Retry-After"))
	require.Contains(t, log.String(), "EOF")
	log.Reset()
	w = serve(f.Handle(func(http.ResponseWriter, *http.Request) error { return httpjson.Unauthenticated }), "GET", "/", "", "")
	require.Equal(t, "Bearer", w.Header().Get("Www-Authenticate"))
	require.Empty(t, log.String())
}

func TestAnAnswerThatCannotBeWrittenIsAProblem(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { httpjson.Answer(w, r, 200, math.NaN()) })
	w := serve(h, "GET", "/", "", "")
	require.Equal(t, 500, w.Code)
	require.Contains(t, w.Body.String(), "urn:tenon:problem:internal")
}
