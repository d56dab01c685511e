package audithttp_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/audithttp"
)

// bent is a store whose sealed records somebody bends, or that goes away while they are read.
type bent struct {
	*audit.MemoryStore
	bend func(found []audit.Sealed, span audit.Span) error
}

func (b *bent) Sealed(ctx context.Context, q audit.Query, span audit.Span, limit int) ([]audit.Sealed, error) {
	found, err := b.MemoryStore.Sealed(ctx, q, span, limit)
	if err != nil {
		return nil, err
	}
	return found, b.bend(found, span)
}

// bentSite returns a handler over a bent store of n records of acme's, and a token to read them.
func bentSite(t *testing.T, n int, opts *audithttp.Options, bend func([]audit.Sealed, audit.Span) error) (http.Handler, string) {
	t.Helper()
	log := audit.NewLog(&bent{audit.NewMemoryStore(), bend}, &audit.Options{Signer: newSigner(t)})
	for range n {
		put(t, log, audit.Record{Tenant: "acme", Action: "x", Actor: "ann"})
	}
	viewers := newViewers(t)
	return audithttp.Handler(log, audithttp.Tokens(viewers), opts), token(t, viewers, "acme", time.Hour)
}

func TestAnExportOfARecordThatWasTamperedWithIsRefused(t *testing.T) {
	t.Parallel()
	h, token := bentSite(t, 3, nil, func(found []audit.Sealed, _ audit.Span) error {
		found[1].Entry.Actor = "mallory"
		return nil
	})
	status, text := ask(t, h, http.MethodGet, "/export", token, "")
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, text, "tampered")
	require.NotContains(t, text, "mallory")
}

func TestAnExportThatCannotBeginIsAProblemAndNoFile(t *testing.T) {
	t.Parallel()
	h, token := bentSite(t, 3, nil, func([]audit.Sealed, audit.Span) error { return tenon.ErrUnavailable })
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/export?format=csv", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Empty(t, w.Header().Get("Content-Disposition"))
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
}

func TestAnExportThatBreaksOffEndsWithoutItsEnd(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	opts := &audithttp.Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))}
	h, token := bentSite(t, 700, opts, func(_ []audit.Sealed, span audit.Span) error {
		if span.From > 0 {
			return tenon.ErrUnavailable
		}
		return nil
	})
	server := httptest.NewServer(h)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/export", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := server.Client().Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	part, err := io.ReadAll(answer.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "nobody takes a part for the whole")
	_, err = audit.VerifyExport(bytes.NewReader(part), newSigner(t).Verifier())
	require.ErrorIs(t, err, audit.ErrTampered)
	resume, _, err := audit.ReadExport(bytes.NewReader(part))
	require.NoError(t, err)
	require.EqualValues(t, 500, resume.Records, "what was sent is whole")
	server.Close()
	require.Contains(t, logged.String(), "audit export broken off")
}
