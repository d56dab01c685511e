package kpihttp_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/httpjson"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpihttp"
)

type receipts struct {
	Receipts []struct{ Outcome, ID string }
}

func TestAnEventThatIsSentTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	h := site(t, clocked{kpi.NewMemoryStore(nil)}, nil)
	const body = `{"events": [{"event": "quote_sent", "id": "q1", "at": "2026-03-10T09:00:00+01:00", "properties": {"amount": 1}}]}`
	first := post(t, h, "wk_acme", body)
	require.Equal(t, http.StatusAccepted, first.Code, first.Body)
	require.Equal(t, "no-store", first.Header().Get("Cache-Control"))
	one := read[receipts](t, first).Receipts
	require.Equal(t, "accepted", one[0].Outcome)
	two := read[receipts](t, post(t, h, "wk_acme", body)).Receipts
	require.Equal(t, "duplicate", two[0].Outcome)
	require.Equal(t, one[0].ID, two[0].ID)
	require.Equal(t, "accepted", read[receipts](t, post(t, h, "wk_zenith", body)).Receipts[0].Outcome, "another tenant's key")
}

func TestBasicAuthenticationCarriesAWriteKeyToo(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/events", strings.NewReader(`{"events": [{"event": "a"}]}`))
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth("wk_acme", "")
	w := httptest.NewRecorder()
	site(t, clocked{kpi.NewMemoryStore(nil)}, nil).ServeHTTP(w, r)
	require.Equal(t, http.StatusAccepted, w.Code)
}

func TestWhoMayNotSendIsRefused(t *testing.T) {
	t.Parallel()
	h := site(t, clocked{kpi.NewMemoryStore(nil)}, nil)
	const body = `{"events": [{"event": "load_booked"}]}`
	for key, status := range map[string]int{"": 401, "wk_other": 401, "wk_nobody": 401, "wk_narrow": 403, "wk_acme": 202} {
		w := post(t, h, key, body)
		require.Equal(t, status, w.Code, key)
		if status == 401 {
			require.Equal(t, "Bearer", w.Header().Get("Www-Authenticate"))
		}
	}
}

func TestABodyThatCannotBeRightIsRefusedWhole(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 201)
	for name, c := range map[string]struct {
		event  string
		status int
	}{
		"a long name":               {`{"event": "` + long + `"}`, 400},
		"no name":                   {`{"id": "1"}`, 400},
		"a long key":                {`{"event": "a", "id": "` + long + `"}`, 400},
		"properties of a list":      {`{"event": "a", "properties": [1]}`, 400},
		"large properties":          {`{"event": "a", "properties": {"a": "` + strings.Repeat("x", 32<<10) + `"}}`, 400},
		"a tenant of its own":       {`{"event": "a", "tenant": "zenith"}`, 400},
		"the year 0":                {`{"event": "a", "at": "0000-01-01T00:00:00Z"}`, 400},
		"the day after tomorrow":    {`{"event": "a", "at": "2026-03-12T12:00:01Z"}`, 400},
		"half a time":               {`{"event": "a", "at": "2026-03"}`, 400},
		"a character that is none":  {`{"event": "a\u0000"}`, 400},
		"text after the end":        {`{"event": "a"}]} {"events": [{"event": "b"}`, 400},
		"what is good":              {`{"event": "a", "properties": null}`, 202},
		"more than a body may hold": {`{"event": "a", "properties": {"a": "` + strings.Repeat("x", 1<<20) + `"}}`, 413},
		"what is not UTF-8":         {"{\"event\": \"a\", \"properties\": {\"a\": \"\xff\"}}", 400},
	} {
		store := clocked{kpi.NewMemoryStore(nil)}
		w := post(t, site(t, store, nil), "wk_acme", `{"events": [{"event": "first"}, `+c.event+`]}`)
		require.Equal(t, c.status, w.Code, "%s: %s", name, w.Body)
		if c.status == 202 {
			continue
		}
		require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
		count, err := kpi.NewBoard(store, nil).Preview(t.Context(), kpi.KPI{Name: "all", Count: &kpi.Count{Of: kpi.On("first")}}, kpi.Query{})
		require.NoError(t, err)
		require.Zero(t, count.Freshness.Newest, "%s: nothing was stored", name)
	}
}

func TestHowManyEventsABodyHoldsIsBounded(t *testing.T) {
	t.Parallel()
	h := site(t, clocked{kpi.NewMemoryStore(nil)}, &kpihttp.Options{MaxEvents: 3})
	for n, status := range map[int]int{0: 400, 1: 202, 3: 202, 4: 400} {
		events := strings.TrimSuffix(strings.Repeat(`{"event": "a"},`, n), ",")
		require.Equal(t, status, post(t, h, "wk_acme", `{"events": [`+events+`]}`).Code, n)
	}
}

func TestALimitRefusesBeforeTheBodyIsRead(t *testing.T) {
	t.Parallel()
	slow := httpjson.New(http.StatusTooManyRequests, "rate-limited", "Slower, please.")
	h := site(t, clocked{kpi.NewMemoryStore(nil)}, &kpihttp.Options{Limit: func(_ *http.Request, s kpihttp.Source) error {
		if s.Tenant == "acme" {
			return slow
		}
		return nil
	}})
	require.Equal(t, 429, post(t, h, "wk_acme", `not JSON`).Code)
	require.Equal(t, 202, post(t, h, "wk_zenith", `{"events": [{"event": "a"}]}`).Code)
}

func TestPagesOfOtherOriginsMaySendWhereAllowed(t *testing.T) {
	t.Parallel()
	h := site(t, clocked{kpi.NewMemoryStore(nil)}, &kpihttp.Options{Origins: []string{"https://acme.test"}})
	for origin, allowed := range map[string]bool{"https://acme.test": true, "https://other.test": false} {
		r := httptest.NewRequestWithContext(t.Context(), "OPTIONS", "/events", nil)
		r.Header.Set("Origin", origin)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, allowed, w.Header().Get("Access-Control-Allow-Origin") == origin, origin)
		require.Equal(t, allowed, w.Code == http.StatusNoContent)
		require.Equal(t, "Origin", w.Header().Get("Vary"))
	}
}

func TestAPageOfAnotherOriginReadsItsReceipts(t *testing.T) {
	t.Parallel()
	h := site(t, clocked{kpi.NewMemoryStore(nil)}, &kpihttp.Options{Origins: []string{"https://acme.test"}})
	for origin, allowed := range map[string]string{"https://acme.test": "https://acme.test", "https://other.test": ""} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/events", strings.NewReader(`{"events": [{"event": "a"}]}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer wk_acme")
		r.Header.Set("Origin", origin)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, http.StatusAccepted, w.Code, w.Body)
		require.Equal(t, allowed, w.Header().Get("Access-Control-Allow-Origin"))
		require.Equal(t, "Origin", w.Header().Get("Vary"))
	}
}

func TestAStoreThatIsAwayAsksToComeBack(t *testing.T) {
	t.Parallel()
	h := site(t, away{kpi.NewMemoryStore(nil)}, nil)
	w := post(t, h, "wk_acme", `{"events": [{"event": "a", "id": "1"}]}`)
	require.Equal(t, 503, w.Code)
	require.Equal(t, "5", w.Header().Get("Retry-After"))
	require.Equal(t, 503, get(t, h, "acme", "/kpi/amount").Code)
	away := kpihttp.Events(kpi.NewTracker(clocked{kpi.NewMemoryStore(nil)}, nil), func(*http.Request) (kpihttp.Source, error) {
		return kpihttp.Source{}, fmt.Errorf("keys: %w", tenon.ErrUnavailable)
	}, nil)
	require.Equal(t, 503, post(t, away, "wk_acme", "").Code)
}

func FuzzEvents(f *testing.F) {
	f.Add(`{"events": [{"event": "a", "id": "1", "at": "2026-03-10T09:00:00Z", "properties": {"a": [1, {"b": null}]}}]}`)
	f.Add(`{"events": [{"event": "a", "properties": {"a": 1e400}}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		store := clocked{kpi.NewMemoryStore(nil)}
		w := post(t, site(t, store, nil), "wk_acme", body)
		if w.Code != 202 && w.Code != 400 && w.Code != 413 {
			t.Fatalf("%d: %s", w.Code, w.Body)
		}
	})
}
