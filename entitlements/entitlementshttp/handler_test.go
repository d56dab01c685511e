package entitlementshttp_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementshttp"
)

func (g *rig) handler() http.Handler { return entitlementshttp.Handler(g.gate, byHeader, nil) }

func decode(t *testing.T, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	var m map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &m))
	return m
}

func TestHandlerAnswersAFeature(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.consume("starter", "rates", 1)

	m := decode(t, serve(g.handler(), request("GET", "/entitlements/rates", "starter")))
	reset, ok := m["resets_at"].(string)
	require.True(t, ok)
	_, err := time.Parse(time.RFC3339, reset)
	require.NoError(t, err)
	delete(m, "resets_at")
	require.Equal(t, map[string]any{
		"allowed": true, "answer": "yes", "reason": "over_soft", "source": "plan", "feature": "rates", "plan": "starter",
		"plan_version": 1.0, "hard": 2.0, "soft": 1.0, "used": 1.0, "held": 0.0, "remaining": 1.0, "overage": 0.0,
		"text": "Included in your plan. You have reached its soft limit.",
	}, m)

	m = decode(t, serve(g.handler(), request("GET", "/entitlements/retention", "starter")))
	require.Equal(t, "30", m["value"])

	m = decode(t, serve(g.handler(), request("GET", "/entitlements/bulk_rating", "starter")))
	require.Equal(t, false, m["allowed"])
	require.Equal(t, "not_in_plan", m["reason"])
	require.Equal(t, "pro", m["upgrade"])
}

func TestHandlerAnswersALimit(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.consume("pro", "rates", 3)
	g.consume("enterprise", "rates", 3)

	m := decode(t, serve(g.handler(), request("GET", "/limits/rates", "pro")))
	require.NotEmpty(t, m["resets_at"])
	delete(m, "resets_at")
	require.Equal(t, map[string]any{
		"feature": "rates", "plan": "pro", "allowed": true, "reason": "allowed", "hard": 10.0, "soft": 5.0, "used": 3.0,
		"held": 0.0, "remaining": 7.0, "unlimited": false, "text": "Included in your plan.",
	}, m)

	m = decode(t, serve(g.handler(), request("GET", "/limits/rates", "enterprise")))
	require.Equal(t, -1.0, m["hard"])
	require.Equal(t, -1.0, m["remaining"])
	require.Equal(t, 3.0, m["used"])
	require.Equal(t, true, m["unlimited"])

	m = decode(t, serve(g.handler(), request("GET", "/limits/directory", "pro")))
	require.NotContains(t, m, "resets_at")

	m = decode(t, serve(g.handler(), request("GET", "/limits/white_label", "pro")))
	require.Equal(t, false, m["allowed"])
	require.Equal(t, 0.0, m["hard"])
	require.Equal(t, false, m["unlimited"])
	require.Equal(t, "enterprise", m["upgrade"])
}

func TestHandlerAnswersEveryFeature(t *testing.T) {
	t.Parallel()
	m := decode(t, serve(newRig(t).handler(), request("GET", "/entitlements", "pro")))
	list, ok := m["entitlements"].([]any)
	require.True(t, ok)
	var keys []string
	for _, entry := range list {
		e, ok := entry.(map[string]any)
		require.True(t, ok)
		require.NotEmpty(t, e["text"])
		require.NotContains(t, e, "age")
		keys = append(keys, e["feature"].(string))
	}
	require.Equal(t, []string{"bulk_rating", "directory", "rates", "retention", "setups", "white_label"}, keys)
}

func TestHandlerNeverShowsAnotherTenant(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.consume("pro", "rates", 7)
	h := g.handler()
	for _, target := range []string{
		"/entitlements", "/entitlements/rates", "/limits/rates", "/limits/rates?tenant=pro", "/entitlements?tenant_id=pro",
	} {
		mine, theirs := serve(h, request("GET", target, "starter")), serve(h, request("GET", target, "pro"))
		require.Equal(t, http.StatusOK, mine.Code)
		require.NotContains(t, mine.Body.String(), `"plan":"pro"`)
		require.NotContains(t, mine.Body.String(), `"used":7`)
		require.NotContains(t, theirs.Body.String(), `"plan":"starter"`)
		require.NotEqual(t, mine.Header().Get("Etag"), theirs.Header().Get("Etag"))

		r := request("GET", target, "starter")
		r.Header.Set("If-None-Match", theirs.Header().Get("Etag"))
		require.Equal(t, http.StatusOK, serve(h, r).Code, "another's tag proves nothing")
	}
	for _, target := range []string{"/entitlements/pro/rates", "/limits/pro/rates", "/pro/entitlements", "/limits/pro"} {
		require.Equal(t, http.StatusNotFound, serve(h, request("GET", target, "starter")).Code)
	}
}

func TestHandlerCaching(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		h := g.handler()
		first := serve(h, request("GET", "/limits/rates", "pro"))
		tag := first.Header().Get("Etag")
		require.Regexp(t, `^"[0-9a-f]{32}"$`, tag)
		require.Equal(t, "private, no-cache", first.Header().Get("Cache-Control"))
		require.Equal(t, "Authorization, Cookie", first.Header().Get("Vary"))
		require.Equal(t, "0", first.Header().Get("Age"))

		time.Sleep(3 * time.Second) // the view grows older; its content does not change
		for match, status := range map[string]int{
			tag: 304, "W/" + tag: 304, `"other", ` + tag: 304, "*": 304, `"other"`: 200, "": 200, "garbage": 200,
		} {
			r := request("GET", "/limits/rates", "pro")
			r.Header.Set("If-None-Match", match)
			w := serve(h, r)
			require.Equal(t, status, w.Code, match)
			require.Equal(t, tag, w.Header().Get("Etag"))
			require.Equal(t, "3", w.Header().Get("Age"))
			require.Equal(t, "private, no-cache", w.Header().Get("Cache-Control"))
			require.Equal(t, "Authorization, Cookie", w.Header().Get("Vary"))
			if status == 304 {
				require.Empty(t, w.Body.String())
			}
		}

		g.consume("pro", "rates", 1)
		r := request("GET", "/limits/rates", "pro")
		r.Header.Set("If-None-Match", tag)
		require.Equal(t, http.StatusOK, serve(h, r).Code, "one unit is another content")
	})
}

func TestHandlerCacheOptions(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	h := entitlementshttp.Handler(g.gate, byHeader, &entitlementshttp.Options{MaxAge: 90 * time.Second, Vary: []string{"Tenant"}})
	w := serve(h, request("GET", "/entitlements", "pro"))
	require.Equal(t, "private, max-age=90", w.Header().Get("Cache-Control"))
	require.Equal(t, "Tenant", w.Header().Get("Vary"))
	require.Equal(t, "no-store", serve(h, request("GET", "/entitlements/typo", "pro")).Header().Get("Cache-Control"))
}

func TestHandlerMethods(t *testing.T) {
	t.Parallel()
	h := newRig(t).handler()

	t.Run("head_is_get_without_a_body", func(t *testing.T) {
		t.Parallel()
		for _, target := range []string{"/entitlements", "/entitlements/rates", "/limits/rates", "/limits/typo"} {
			get, head := serve(h, request("GET", target, "pro")), serve(h, request("HEAD", target, "pro"))
			require.Equal(t, get.Code, head.Code)
			require.Empty(t, head.Body.String())
			require.Equal(t, get.Header().Get("Etag"), head.Header().Get("Etag"))
			require.Equal(t, get.Header().Get("Content-Length"), head.Header().Get("Content-Length"))
		}
	})

	t.Run("others_are_405_before_anybody_is_asked_who_they_are", func(t *testing.T) {
		t.Parallel()
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "G'ET"} {
			r := request("GET", "/limits/rates", "")
			r.Method = method
			w := serve(h, r)
			requireProblem(t, w, http.StatusMethodNotAllowed, "method-not-allowed")
			require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
		}
	})

	t.Run("an_unknown_page_is_404_whatever_the_method", func(t *testing.T) {
		t.Parallel()
		for _, method := range []string{"GET", "POST"} {
			for _, target := range []string{"/", "/limits", "/entitlement", "//entitlements", "/plans/pro"} {
				requireProblem(t, serve(h, request(method, target, "")), http.StatusNotFound, "not-found")
			}
		}
	})

	t.Run("an_unknown_feature_is_told_to_those_who_signed_in_alone", func(t *testing.T) {
		t.Parallel()
		requireProblem(t, serve(h, request("GET", "/limits/typo", "")), http.StatusUnauthorized, "unauthenticated")
		requireProblem(t, serve(h, request("GET", "/limits/typo", "pro")), http.StatusNotFound, "unknown-feature")
	})
}

func TestHandlerHostileNames(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	h := g.handler()
	g.store.away.Store(true) // a name that cannot be is not looked up
	for name, path := range map[string]string{
		"huge": "/" + strings.Repeat("a", 1<<20), "parent": "/..", "traversal": "/../../etc/passwd", "dot": "/.", "slash": "/rates/",
		"inner slash": "/rates/x", "empty": "/", "nul": "/rates\x00", "newline": "/rates\r\nX: y", "markup": "/<script>alert(1)</script>",
		"case": "/RATES", "utf8": "/räte", "invalid": "/\xff\xfe", "space": "/rates ", "percent": "/%72ates", "sql": "/rates'--",
	} {
		for _, page := range []string{"/entitlements", "/limits"} {
			r := request("GET", "/", "pro")
			r.URL.Path = page + path
			w := serve(h, r)
			requireProblem(t, w, http.StatusNotFound, "unknown-feature")
			require.NotContains(t, w.Body.String(), "script", name)
			require.Empty(t, w.Header().Get("Location"), name)
		}
	}
}

func TestHandlerUnderAPrefix(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	mux := http.NewServeMux()
	answers := http.StripPrefix("/api", g.handler())
	mux.Handle("/api/entitlements", answers)
	mux.Handle("/api/entitlements/", answers)
	mux.Handle("/api/limits/", answers)
	for target, status := range map[string]int{
		"/api/entitlements": 200, "/api/entitlements/rates": 200, "/api/limits/rates": 200, "/api/limits/": 404, "/limits/rates": 404,
	} {
		require.Equal(t, status, serve(mux, request("GET", target, "pro")).Code, target)
	}
	whole := http.StripPrefix("/api/", g.handler())
	require.Equal(t, 200, serve(whole, request("GET", "/api/limits/rates", "pro")).Code, "a prefix with its slash")
}

func TestHandlerWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.store.away.Store(true)

	w := serve(g.handler(), request("GET", "/entitlements/bulk_rating", "pro"))
	m := decode(t, w)
	require.Equal(t, "unknown", m["answer"])
	require.Equal(t, true, m["allowed"], "fails open")
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))

	w = serve(g.handler(), request("GET", "/entitlements", "pro"))
	decode(t, w)
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))

	w = serve(g.handler(), request("GET", "/limits/bulk_rating", "pro"))
	requireProblem(t, w, http.StatusServiceUnavailable, "unavailable")
	require.Equal(t, "5", w.Header().Get("Retry-After"))

	cold := entitlementshttp.Handler(entitlements.NewGate(g.store, nil), byHeader, nil)
	for _, page := range []string{"/entitlements/rates", "/entitlements", "/limits/rates"} {
		requireProblem(t, serve(cold, request("GET", page, "pro")), http.StatusServiceUnavailable, "unavailable")
	}
}

func TestHandlerSpeaksToAClientWithoutAPlan(t *testing.T) {
	t.Parallel()
	m := decode(t, serve(newRig(t).handler(), request("GET", "/limits/rates", "nobody")))
	require.Equal(t, false, m["allowed"])
	require.Equal(t, "no_plan", m["reason"])
}
