package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// ask sends a request and returns the status and the body.
func ask(h http.Handler, bearer string) (status int, body string) {
	r := httptest.NewRequest(http.MethodGet, "/quotes", nil)
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestEachRefusalSaysWhichQuestionRefused(t *testing.T) {
	t.Parallel()
	h, err := newHandler(t.Context())
	require.NoError(t, err)
	status, _ := ask(h, "")
	require.Equal(t, http.StatusUnauthorized, status)
	status, body := ask(h, "stranger")
	require.Equal(t, http.StatusForbidden, status)
	require.Contains(t, body, "plan")
	for range 3 {
		status, body = ask(h, "acme")
		require.Equal(t, http.StatusOK, status, body)
	}
	for range 2 {
		status, body = ask(h, "acme")
		require.Equal(t, http.StatusTooManyRequests, status)
		require.Contains(t, body, "limit-reached")
	}
	status, body = ask(h, "acme")
	require.Equal(t, http.StatusTooManyRequests, status)
	require.Contains(t, body, "rate-limited")
}
