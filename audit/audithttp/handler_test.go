package audithttp_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/audithttp"
)

// site is a handler, and a token for each of two tenants.
type site struct {
	log        *audit.Log
	handler    http.Handler
	acme, bolt string
	viewers    *audit.Viewers
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{log: newLog(t), viewers: newViewers(t)}
	s.acme, s.bolt = token(t, s.viewers, "acme", time.Hour), token(t, s.viewers, "bolt", time.Hour)
	s.handler = audithttp.Handler(s.log, audithttp.Tokens(s.viewers), &audithttp.Options{Verifier: newSigner(t).Verifier(), MaxExport: 1 << 20})
	return s
}

func (s *site) get(t *testing.T, path, token string) (int, string) {
	t.Helper()
	return ask(t, s.handler, http.MethodGet, path, token, "")
}

type page struct {
	Records []audit.Record `json:"records"`
	Next    string         `json:"next"`
}

func TestSearchIsByPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range 25 {
		put(t, s.log, audit.Record{
			Tenant: "acme", At: at.Add(time.Duration(i) * time.Minute), Actor: fmt.Sprint("a", i%2), Action: "quote.sent",
			Targets: []audit.Target{{Type: "quote", ID: fmt.Sprint(i)}},
		})
	}
	put(t, s.log, audit.Record{Tenant: "bolt", Action: "quote.sent"})
	seen, after := 0, ""
	for {
		status, text := s.get(t, "/records?limit=10&action=quote.*&after="+after, s.acme)
		require.Equal(t, http.StatusOK, status, text)
		p := decode[page](t, text)
		for _, r := range p.Records {
			require.Equal(t, "acme", r.Tenant)
			require.Equal(t, fmt.Sprint(24-seen), r.Targets[0].ID, "newest first")
			seen++
		}
		if after = p.Next; after == "" {
			break
		}
	}
	require.Equal(t, 25, seen)
	for query, want := range map[string]int{
		"actor=a1": 12, "target_type=quote&target_id=7": 1, "from=2026-03-01T12:20:00Z": 5, "to=2026-03-01T12:02:00Z": 2,
		"text=a0": 13, "order=oldest&limit=3": 3, "actor=nobody": 0,
	} {
		_, text := s.get(t, "/records?"+query, s.acme)
		require.Len(t, decode[page](t, text).Records, want, query)
	}
	_, text := s.get(t, "/records?limit=1", s.acme)
	require.NotContains(t, text, "seed", "whoever has it can guess what was redacted")
}

func TestAnotherTenantsRecordIsNotThere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := put(t, s.log, audit.Record{Tenant: "acme", Action: "x"})
	_, err := s.log.Checkpoint(t.Context())
	require.NoError(t, err)
	for _, path := range []string{"/records/" + id, "/records/" + id + "/proof"} {
		status, _ := s.get(t, path, s.acme)
		require.Equal(t, http.StatusOK, status)
		status, theirs := s.get(t, path, s.bolt)
		require.Equal(t, http.StatusNotFound, status)
		_, none := s.get(t, strings.Replace(path, id, "01900000-0000-7000-8000-000000000000", 1), s.bolt)
		require.Equal(t, none, theirs, "nobody can tell the two apart")
	}
	for _, path := range []string{"/records?tenant=acme", "/export?tenant=acme"} {
		status, _ := s.get(t, path, s.bolt)
		require.Equal(t, http.StatusNotFound, status)
	}
	_, text := s.get(t, "/records", s.bolt)
	require.Empty(t, decode[page](t, text).Records)
}

func TestWhoMayNotReadIsTurnedAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	other, err := audit.NewViewers([]byte(strings.Repeat("o", 32)))
	require.NoError(t, err)
	for name, tok := range map[string]string{
		"nobody": "", "nonsense": "nonsense", "another_secret": token(t, other, "acme", time.Hour), "expired": token(t, s.viewers, "acme", -time.Second),
	} {
		for _, path := range []string{"/records", "/export", "/records/x/proof"} {
			status, _ := s.get(t, path, tok)
			require.Equal(t, http.StatusUnauthorized, status, name)
		}
		status, _ := ask(t, s.handler, http.MethodPost, "/verify", tok, "")
		require.Equal(t, http.StatusUnauthorized, status, name)
	}
}

func TestBadQuestionsAreNamed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for query, field := range map[string]string{
		"limit=0": "limit", "limit=x": "limit", "from=yesterday": "from", "to=1": "to", "after=x": "after", "order=up": "order",
		"target_id=1": "target", "actor=%ff": "actor",
	} {
		status, text := s.get(t, "/records?"+query, s.acme)
		require.Equal(t, http.StatusBadRequest, status, query)
		require.Equal(t, field, decode[map[string]any](t, text)["field"], query)
	}
	for path, want := range map[string]int{"/records/nonsense": 404, "/nowhere": 404, "/export?format=xml": 400} {
		status, _ := s.get(t, path, s.acme)
		require.Equal(t, want, status, path)
	}
	status, _ := ask(t, s.handler, http.MethodDelete, "/records/x", s.acme, "")
	require.Equal(t, http.StatusMethodNotAllowed, status)
}

func TestAProofIsCheckedWithoutTheService(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := put(t, s.log, audit.Record{Tenant: "acme", Action: "x", Payload: json.RawMessage(`{"a": 1}`)})
	status, _ := s.get(t, "/records/"+id+"/proof", s.acme)
	require.Equal(t, http.StatusConflict, status, "no checkpoint yet")
	_, err := s.log.Checkpoint(t.Context())
	require.NoError(t, err)
	_, text := s.get(t, "/records/"+id+"/proof", s.acme)
	got := decode[struct {
		Record audit.Entry
		Proof  audit.Proof
	}](t, text)
	_, key := s.get(t, "/key", "")
	verifier, err := audit.ParseVerifier(strings.TrimSpace(key))
	require.NoError(t, err)
	require.NoError(t, got.Proof.Check(&got.Record, verifier))
	got.Record.Action = "y"
	require.ErrorIs(t, got.Proof.Check(&got.Record, verifier), audit.ErrTampered)
}

func TestAnExportProvesItself(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"jsonl", "csv"} {
		s := newSite(t)
		for i := range 5 {
			put(t, s.log, audit.Record{Tenant: "acme", Action: "x", Actor: fmt.Sprint("=a", i)})
			put(t, s.log, audit.Record{Tenant: "bolt", Action: "secret"})
		}
		status, file := s.get(t, "/export?format="+format, s.acme)
		require.Equal(t, http.StatusOK, status)
		require.NotContains(t, file, "secret")
		summary, err := audit.VerifyExport(strings.NewReader(file), newSigner(t).Verifier())
		require.NoError(t, err)
		require.EqualValues(t, 6, summary.Records, "five, and the one that tells of the export")
		require.Equal(t, "viewer:auditor", summary.By)

		check := func(body string) map[string]any {
			status, text := ask(t, s.handler, http.MethodPost, "/verify", s.acme, body)
			require.Equal(t, http.StatusOK, status, text)
			return decode[map[string]any](t, text)
		}
		require.Equal(t, true, check(file)["ok"])
		for _, bad := range []string{strings.Replace(file, "=a3", "=a9", 1), file[:len(file)/2], "", "nonsense"} {
			v := check(bad)
			require.Equal(t, false, v["ok"])
			require.NotEmpty(t, v["detail"])
		}
		status, _ = ask(t, s.handler, http.MethodPost, "/verify", s.acme, file+strings.Repeat("\n", 1<<20))
		require.Contains(t, []int{http.StatusRequestEntityTooLarge, http.StatusOK}, status)
	}
}
