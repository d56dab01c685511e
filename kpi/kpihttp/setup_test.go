package kpihttp_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpihttp"
)

// noon is the present of every test.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// clocked gives a store a time of its own.
type clocked struct{ *kpi.MemoryStore }

func (clocked) Clock(context.Context) (time.Time, error) { return noon, nil }

// away is a store that cannot be reached.
type away struct{ *kpi.MemoryStore }

func (away) Track(context.Context, []kpi.Entry) ([]kpi.Receipt, error) {
	return nil, tenon.ErrUnavailable
}

func (away) Load(context.Context) (*kpi.State, error) { return nil, tenon.ErrUnavailable }

// keys are the write keys of the tests.
var keys = kpihttp.Keys(map[string]kpihttp.Source{
	"wk_acme":   {Tenant: "acme", User: "site"},
	"wk_zenith": {Tenant: "zenith"},
	"wk_narrow": {Tenant: "acme", Names: []string{"quote_sent"}},
	"wk_nobody": {},
})

// reader takes the tenant from a header, as a host's authentication would put it there.
func reader(r *http.Request) (kpihttp.Reader, error) {
	switch who := r.Header.Get("X-Who"); who {
	case "":
		return kpihttp.Reader{}, tenon.ErrDenied
	case "staff":
		return kpihttp.Reader{All: true}, nil
	default:
		return kpihttp.Reader{Tenant: who}, nil
	}
}

// site is both handlers over one store.
func site(t *testing.T, store kpi.Store, opts *kpihttp.Options) http.Handler {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/events", kpihttp.Events(kpi.NewTracker(store, nil), keys, opts))
	mux.Handle("/kpi/", http.StripPrefix("/kpi", kpihttp.Figures(kpi.NewBoard(store, nil), reader, opts)))
	return mux
}

// filled returns a store with a KPI and an event of each of two tenants.
func filled(t *testing.T) clocked {
	t.Helper()
	store := clocked{kpi.NewMemoryStore(nil)}
	sum := kpi.KPI{Name: "amount", Sum: &kpi.Sum{Of: kpi.On("quote_sent"), Property: "amount", Breakdown: "lane"}}
	require.NoError(t, kpi.NewBoard(store, nil).Define(t.Context(), sum))
	_, err := kpi.NewTracker(store, nil).Track(t.Context(),
		kpi.Event{Tenant: "acme", Name: "quote_sent", Properties: map[string]any{"amount": 12.5, "lane": "=cmd()"}},
		kpi.Event{Tenant: "zenith", Name: "quote_sent", Properties: map[string]any{"amount": 1000}})
	require.NoError(t, err)
	return store
}

func post(t *testing.T, h http.Handler, key, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/events", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func get(t *testing.T, h http.Handler, who, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
	r.Header.Set("X-Who", who)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func read[T any](t *testing.T, w *httptest.ResponseRecorder) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v), w.Body.String())
	return v
}
