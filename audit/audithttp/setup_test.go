package audithttp_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

func newSigner(t *testing.T) *audit.Signer {
	t.Helper()
	s, err := audit.NewSigner("audit.example.com", []byte(strings.Repeat("k", 32)))
	require.NoError(t, err)
	return s
}

func newLog(t *testing.T) *audit.Log {
	t.Helper()
	return audit.NewLog(audit.NewMemoryStore(), &audit.Options{Signer: newSigner(t)})
}

// all returns a tenant's records, oldest first.
func all(t *testing.T, log *audit.Log, tenant string) []audit.Record {
	t.Helper()
	entries, err := log.List(t.Context(), audit.Query{Tenant: tenant, OldestFirst: true})
	require.NoError(t, err)
	var records []audit.Record
	for _, e := range entries {
		records = append(records, e.Record)
	}
	return records
}

func put(t *testing.T, log *audit.Log, r audit.Record) string {
	t.Helper()
	id, err := log.Record(t.Context(), r)
	require.NoError(t, err)
	return id
}

// ask sends a request and returns the status and the body.
func ask(t *testing.T, h http.Handler, method, path, token, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	text, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	return w.Code, string(text)
}

func newViewers(t *testing.T) *audit.Viewers {
	t.Helper()
	v, err := audit.NewViewers([]byte(strings.Repeat("s", 32)))
	require.NoError(t, err)
	return v
}

func token(t *testing.T, v *audit.Viewers, tenant string, lasts time.Duration) string {
	t.Helper()
	text, err := v.Issue(audit.Viewer{Tenant: tenant, Name: "auditor", Expires: time.Now().Add(lasts)})
	require.NoError(t, err)
	return text
}

func decode[T any](t *testing.T, text string) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &v), text)
	return v
}

var ann = tenon.Caller{Tenant: "acme", Actor: "ann", IP: "192.0.2.1", UserAgent: "curl", RequestID: "r-1"}
