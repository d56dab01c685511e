package slohttp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slohttp"
)

// the customer's objectives, and one of a tenant and one that allows nothing.
var objectives = []slo.Objective{
	{Key: slo.Key{Name: "uptime"}, Kind: slo.Ratio, Target: 999_000, Window: slo.Window{Length: 24 * time.Hour}},
	{
		Key: slo.Key{Name: "quote_p95_latency_ms"}, Kind: slo.Latency, Target: 950_000, Threshold: 500 * time.Millisecond,
		Window: slo.Window{Length: time.Hour},
	},
	{Key: slo.Key{Name: "agent_success_rate"}, Kind: slo.Ratio, Target: 980_000, Window: slo.Window{Length: time.Hour}},
	{Key: slo.Key{Name: "flawless"}, Kind: slo.Ratio, Target: slo.Whole, Window: slo.Window{Length: time.Hour}},
	{Key: slo.Key{Tenant: "acme", Name: "uptime"}, Kind: slo.Ratio, Target: 990_000, Window: slo.Window{Length: time.Hour}},
}

var names = map[string]string{
	"uptime": "uptime", "quoteLatency": "quote_p95_latency_ms", "agentSuccess": "agent_success_rate",
}

// newBoard defines the objectives and counts good and bad events of the system's, each of 100 ms.
func newBoard(t *testing.T, good, bad int) *slo.Board {
	t.Helper()
	store := slo.NewMemoryStore(nil)
	board := slo.NewBoard(store, nil)
	_, err := board.Define(t.Context(), objectives...)
	require.NoError(t, err)
	rec, err := slo.NewRecorder(store, objectives[:4], nil)
	require.NoError(t, err)
	rec.Tick(time.Now())
	for range good {
		rec.Observe(slo.Good, 100*time.Millisecond)
	}
	for range bad {
		rec.Observe(slo.Bad, 100*time.Millisecond)
	}
	require.NoError(t, rec.Flush(t.Context()))
	return board
}

func get(t *testing.T, h http.Handler) (status int, header http.Header, body map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body), w.Body.String())
	return w.Code, w.Header(), body
}

// at returns a value of a JSON body by its path.
func at(t *testing.T, v any, path ...string) any {
	t.Helper()
	for _, name := range path {
		object, ok := v.(map[string]any)
		require.True(t, ok, "%s", name)
		v, ok = object[name]
		require.True(t, ok, "there is no %s", name)
	}
	return v
}

func TestNamedAnswersInTheCustomersShape(t *testing.T) {
	t.Parallel()
	code, header, body := get(t, slohttp.Named(newBoard(t, 3996, 4), names, nil))
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, "application/json", header.Get("Content-Type"))
	require.Equal(t, "no-store", header.Get("Cache-Control"))
	require.Len(t, body, 3)
	require.Equal(t, 0.999, at(t, body, "uptime", "target"))
	require.Equal(t, 0.999, at(t, body, "uptime", "current"))
	require.Equal(t, 1.0, at(t, body, "uptime", "budget", "consumed"))
	require.Equal(t, "exhausted", at(t, body, "uptime", "status"))
	require.Equal(t, 86400.0, at(t, body, "uptime", "window"))
	require.Equal(t, 0.95, at(t, body, "quoteLatency", "target"))
	require.Equal(t, 1.0, at(t, body, "quoteLatency", "current"))
	require.Equal(t, 500.0, at(t, body, "quoteLatency", "threshold_ms"))
	require.InEpsilon(t, 100, at(t, body, "quoteLatency", "latency_ms", "p95"), 0.01)
	require.Equal(t, 0.98, at(t, body, "agentSuccess", "target"))
}

func TestWithoutDataTheCurrentIsNull(t *testing.T) {
	t.Parallel()
	_, _, body := get(t, slohttp.Named(newBoard(t, 0, 0), names, nil))
	require.Nil(t, at(t, body, "uptime", "current"))
	require.Equal(t, "no_data", at(t, body, "uptime", "status"))
}

func TestCurrentAnswersWithEverything(t *testing.T) {
	t.Parallel()
	board := newBoard(t, 300, 100)
	_, err := board.Evaluate(t.Context())
	require.NoError(t, err)
	_, _, body := get(t, slohttp.Current(board, nil))
	list, ok := body["objectives"].([]any)
	require.True(t, ok)
	require.Len(t, list, 4, "the tenant's is not shown")
	byName := map[string]any{}
	for _, o := range list {
		byName[at(t, o, "name").(string)] = o
	}
	require.Nil(t, at(t, byName, "flawless", "budget", "consumed"), "there is no share of nothing")
	require.Equal(t, "breached", at(t, byName, "flawless", "status"))
	require.Equal(t, 100.0, at(t, byName, "uptime", "count", "bad"))
	require.NotEmpty(t, at(t, byName, "uptime", "alerts"))
	require.NotEmpty(t, at(t, byName, "uptime", "burn"))
	require.Equal(t, true, at(t, body, "release", "frozen"))
	require.Contains(t, at(t, body, "release", "because"), "uptime")
}

func TestATenantIsShownItsOwn(t *testing.T) {
	t.Parallel()
	board := newBoard(t, 100, 0)
	as := func(tenant string, err error) *slohttp.Options {
		return &slohttp.Options{Tenant: func(*http.Request) (string, error) { return tenant, err }}
	}
	_, _, body := get(t, slohttp.Current(board, as("acme", nil)))
	require.Len(t, body["objectives"], 1)
	_, _, body = get(t, slohttp.Current(board, as("globex", nil)))
	require.Empty(t, body["objectives"])
	code, header, body := get(t, slohttp.Current(board, as("", tenon.ErrDenied)))
	require.Equal(t, http.StatusUnauthorized, code)
	require.Equal(t, "application/problem+json", header.Get("Content-Type"))
	require.Equal(t, "Bearer", header.Get("WWW-Authenticate"))
	require.Equal(t, "urn:tenon:problem:unauthenticated", body["type"])
	code, header, _ = get(t, slohttp.Current(board, as("", fmt.Errorf("lost: %w", tenon.ErrUnavailable))))
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Equal(t, "5", header.Get("Retry-After"))
	code, _, _ = get(t, slohttp.Named(board, map[string]string{"x": "unheard_of"}, nil))
	require.Equal(t, http.StatusNotFound, code)
}

func TestATenantIsNotToldWhatFrozeReleasesAndWhoOverrodeIt(t *testing.T) {
	t.Parallel()
	board := newBoard(t, 900, 100)
	policy := slo.NewReleasePolicy(board)
	ctx := tenon.WithCaller(t.Context(), tenon.Caller{Actor: "ines"})
	_, err := policy.Override(ctx, time.Now().Add(time.Hour), "a repair")
	require.NoError(t, err)
	_, err = policy.Guard(t.Context())
	require.NoError(t, err)
	for tenant, want := range map[string][]string{"": {"frozen", "since", "because", "override"}, "acme": {"frozen", "since"}} {
		_, _, body := get(t, slohttp.Current(board, &slohttp.Options{
			Tenant: func(*http.Request) (string, error) { return tenant, nil },
		}))
		release, ok := body["release"].(map[string]any)
		require.True(t, ok)
		require.ElementsMatch(t, want, slices.Collect(maps.Keys(release)), tenant)
	}
}

func TestOnlyReading(t *testing.T) {
	t.Parallel()
	h := slohttp.Current(newBoard(t, 1, 0), nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil))
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
	require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodHead, "/", nil))
	require.Equal(t, http.StatusOK, w.Code)
	require.Zero(t, w.Body.Len())
}

// away is a store that is away.
type away struct{ *slo.MemoryStore }

func (away) Load(context.Context) (*slo.State, error) { return nil, tenon.ErrUnavailable }

func TestAStoreThatIsAwayIs503(t *testing.T) {
	t.Parallel()
	code, header, body := get(t, slohttp.Current(slo.NewBoard(away{slo.NewMemoryStore(nil)}, nil), nil))
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Equal(t, "5", header.Get("Retry-After"))
	require.Equal(t, "urn:tenon:problem:unavailable", body["type"])
}
