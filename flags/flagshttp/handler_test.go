package flagshttp_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagshttp"
)

func TestHandlerEvaluatesEveryFlag(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	m := decode(t, g.ask("/flags", "acme"))
	version := map[string]any{"version": 1.0}
	require.Equal(t, map[string]any{"flags": []any{
		map[string]any{"key": "beta", "value": true, "variant": "on", "reason": "TARGETING_MATCH", "metadata": version},
		map[string]any{"key": "broken", "reason": "DISABLED", "metadata": version},
		map[string]any{"key": "colour", "value": "#00f", "variant": "blue", "reason": "DEFAULT", "metadata": version},
		map[string]any{"key": "limit", "value": 0.0, "variant": "zero", "reason": "STATIC", "metadata": version},
		map[string]any{"key": "theme", "value": map[string]any{"a": []any{1.0}}, "variant": "dark", "reason": "STATIC", "metadata": version},
	}}, m)
	require.Equal(t, false, decode(t, g.ask("/flags/beta", "zenith"))["value"], "false is a value")
}

func TestHandlerNeverTellsOfRulesAndOtherTenants(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	for _, target := range []string{"/flags", "/flags/beta", "/flags/colour", "/flags?tenant=secret-tenant", "/flags/beta?tenant=secret-tenant"} {
		for _, tenant := range []string{"acme", "zenith"} {
			w := g.ask(target, tenant)
			require.Equal(t, http.StatusOK, w.Code)
			require.NotContains(t, w.Body.String(), "secret")
			require.NotContains(t, w.Body.String(), "rule")
			require.NotContains(t, w.Body.String(), map[string]string{"acme": "zenith", "zenith": "acme"}[tenant])
		}
	}
	require.Equal(t, false, decode(t, g.ask("/flags/beta?tenant=acme", "zenith"))["value"], "who asks is not in the address")
}

func TestHandlerCaching(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	first := g.ask("/flags", "acme")
	tag := first.Header().Get("Etag")
	require.Regexp(t, `^"[0-9a-f]{32}"$`, tag)
	require.Equal(t, "private, no-cache", first.Header().Get("Cache-Control"))
	require.Equal(t, "Authorization, Cookie", first.Header().Get("Vary"))
	for match, status := range map[string]int{tag: 304, "W/" + tag: 304, "*": 304, `"other", ` + tag: 304, `"other"`: 200, "": 200, "garbage": 200} {
		w := g.ask("/flags", "acme", "If-None-Match", match)
		require.Equal(t, status, w.Code, match)
		require.Equal(t, tag, w.Header().Get("Etag"))
		if status == http.StatusNotModified {
			require.Empty(t, w.Body.String())
		}
	}
	require.Equal(t, http.StatusOK, g.ask("/flags", "zenith", "If-None-Match", tag).Code, "another's tag proves nothing")
	_, err := g.set.SetDisabled(t.Context(), "limit", true, "")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, g.ask("/flags", "acme", "If-None-Match", tag).Code, "a change is another content")

	opts := &flagshttp.Options{MaxAge: 90 * time.Second, Vary: []string{"Tenant"}}
	w := serve(flagshttp.Handler(g.set, byHeader, opts), request("GET", "/flags", "", "Tenant", "acme"))
	require.Equal(t, "private, max-age=90", w.Header().Get("Cache-Control"))
	require.Equal(t, "Tenant", w.Header().Get("Vary"))
}

func TestHandlerMethods(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	for _, target := range []string{"/flags", "/flags/beta", "/flags/typo"} {
		get, head := g.ask(target, "acme"), serve(g.front, request("HEAD", target, "", "Tenant", "acme"))
		require.Equal(t, get.Code, head.Code)
		require.Empty(t, head.Body.String())
		require.Equal(t, get.Header().Get("Etag"), head.Header().Get("Etag"))
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		w := serve(g.front, request(method, "/flags", ""))
		requireProblem(t, w, http.StatusMethodNotAllowed, "method-not-allowed")
		require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
	}
	for _, target := range []string{"/", "/flag", "//flags", "/segments"} {
		requireProblem(t, g.ask(target, "acme"), http.StatusNotFound, "not-found")
	}
}

func TestHandlerAsksWhoItIs(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	for _, tenant := range []string{"", "error"} {
		w := g.ask("/flags", tenant)
		requireProblem(t, w, http.StatusUnauthorized, "unauthenticated")
		require.Equal(t, "Bearer", w.Header().Get("WWW-Authenticate"))
	}
	w := g.ask("/flags", "away")
	requireProblem(t, w, http.StatusServiceUnavailable, "unavailable")
	require.Equal(t, "5", w.Header().Get("Retry-After"))
	anonymous := func(*http.Request) (flags.Who, error) {
		return flags.Who{Attrs: []flags.Attr{flags.Text("visitor", "v1")}}, nil
	}
	require.Equal(t, http.StatusOK, serve(flagshttp.Handler(g.set, anonymous, nil), request("GET", "/flags", "")).Code)
}

func TestHandlerHidesWhatIsNotVisible(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.front = flagshttp.Handler(g.set, byHeader, &flagshttp.Options{Visible: func(key string) bool { return key == "beta" }})
	require.Len(t, decode(t, g.ask("/flags", "acme"))["flags"], 1)
	hidden, unknown := g.ask("/flags/limit", "acme"), g.ask("/flags/typo", "acme")
	requireProblem(t, hidden, http.StatusNotFound, "unknown-flag")
	require.Equal(t, unknown.Body.String(), hidden.Body.String(), "nobody can tell one from the other")
}

func TestHandlerBeforeAndAfterTheStoreIsAway(t *testing.T) {
	t.Parallel()
	cold := flagshttp.Handler(flags.NewSet(flags.NewMemoryStore(nil), nil), byHeader, nil)
	requireProblem(t, serve(cold, request("GET", "/flags", "", "Tenant", "acme")), http.StatusServiceUnavailable, "unavailable")
	g := newRig(t)
	g.store.leave()
	require.Equal(t, true, decode(t, g.ask("/flags/beta", "acme"))["value"])
}

func TestHandlerHostileNames(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	for _, name := range []string{
		strings.Repeat("a", 1<<16), "..", "../../etc/passwd", "", "beta/", "beta/x", "beta\x00", "beta\r\nX: y", "<script>",
		"räte", "\xff\xfe", "beta ", "%62eta", "beta'--",
	} {
		r := request("GET", "/", "", "Tenant", "acme")
		r.URL.Path = "/flags/" + name
		w := serve(g.front, r)
		requireProblem(t, w, http.StatusNotFound, "unknown-flag")
		require.NotContains(t, w.Body.String(), "script")
		require.Empty(t, w.Header().Get("Location"))
	}
}

func TestRequire(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	behind := func(key string, def bool) http.Handler {
		return flagshttp.Require(g.set, flags.Bool(key, def), byHeader, nil)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
		}))
	}
	call := func(h http.Handler, tenant string) *httptest.ResponseRecorder {
		return serve(h, request("POST", "/x", "", "Tenant", tenant))
	}
	require.Equal(t, http.StatusAccepted, call(behind("beta", false), "acme").Code)
	p := requireProblem(t, call(behind("beta", false), "zenith"), http.StatusForbidden, "not-switched-on")
	require.Equal(t, "This is not switched on for your company yet.", p.Detail)
	require.Equal(t, "beta", p.Flag)
	p = requireProblem(t, call(behind("broken", false), "acme"), http.StatusForbidden, "switched-off")
	require.Equal(t, "This is switched off for everybody at the moment.", p.Detail)
	require.Equal(t, http.StatusAccepted, call(behind("not_stored", true), "acme").Code, "the default in code counts")
	requireProblem(t, call(behind("not_stored", false), "acme"), http.StatusForbidden, "not-switched-on")
	requireProblem(t, call(behind("beta", false), ""), http.StatusUnauthorized, "unauthenticated")
}

func TestWhatIsMissingInTheWiringPanicsAtTheStart(t *testing.T) {
	t.Parallel()
	set := flags.NewSet(flags.NewMemoryStore(nil), nil)
	require.Panics(t, func() { flagshttp.Handler(nil, byHeader, nil) })
	require.Panics(t, func() { flagshttp.Handler(set, nil, nil) })
	require.Panics(t, func() { flagshttp.Require(set, nil, byHeader, nil) })
	require.Panics(t, func() { flagshttp.Require(set, flags.Bool("beta", false), nil, nil) })
	require.Panics(t, func() { flagshttp.Admin(set, nil, nil) })
}

// FuzzHandler sends what a client may choose. Whatever it is, the handler answers with one of the documented statuses and
// redirects nobody.
func FuzzHandler(f *testing.F) {
	f.Add("GET", "/flags/beta", "*")
	f.Add("HEAD", "/flags/../beta", `W/"`)
	f.Add("POST", "flags//", "\x00")
	set := flags.NewSet(flags.NewMemoryStore(nil), nil)
	if err := set.Declare(f.Context(), flags.Definition{Key: "beta", Type: flags.TypeBool}); err != nil {
		f.Fatal(err)
	}
	h := flagshttp.Handler(set, byHeader, nil)
	f.Fuzz(func(t *testing.T, method, path, match string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Method, r.URL.Path = method, path
		r.Header.Set("Tenant", "acme")
		r.Header.Set("If-None-Match", match)
		w := serve(h, r)
		if !slices.Contains([]int{200, 304, 404, 405}, w.Code) || w.Header().Get("Location") != "" {
			t.Fatalf("%q %q: %d %v", method, path, w.Code, w.Header())
		}
	})
}
