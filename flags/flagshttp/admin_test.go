package flagshttp_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagshttp"
)

func TestAdminListsAndShows(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	m := decode(t, g.do("GET", "/flags", ""))
	require.Len(t, m["flags"], 5)
	require.Equal(t, "READY", m["status"])
	require.Equal(t, 5.0, m["revision"])

	w := g.do("GET", "/flags/beta", "")
	require.Equal(t, `"1"`, w.Header().Get("Etag"))
	require.Equal(t, map[string]any{"version": 1.0, "flag": map[string]any{
		"key": "beta", "type": "bool", "tenants": map[string]any{"acme": "on", "secret-tenant": "on"},
	}}, decode(t, w))
	requireProblem(t, g.do("GET", "/flags/typo", ""), http.StatusNotFound, "unknown-flag")
	require.Equal(t, http.StatusOK, g.do("HEAD", "/flags/beta", "").Code)
}

func TestAdminPutsADefinitionThatItShowed(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	var shown struct {
		Flag json.RawMessage `json:"flag"`
	}
	got := g.do("GET", "/flags/colour", "")
	require.NoError(t, json.Unmarshal(got.Body.Bytes(), &shown))
	body := fmt.Sprintf(`{"flag": %s, "reason": "darker"}`, strings.Replace(string(shown.Flag), "#00f", "#008", 1))
	w := g.do("PUT", "/flags/colour", body, "If-Match", got.Header().Get("Etag"))
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Equal(t, `"2"`, w.Header().Get("Etag"))
	require.Equal(t, "#008", decode(t, g.ask("/flags/colour", "acme"))["value"])

	versions := decode(t, g.do("GET", "/flags/colour/versions", ""))["versions"].([]any)
	require.Len(t, versions, 2)
	require.Equal(t, "ann", versions[0].(map[string]any)["by"])
	require.Equal(t, "darker", versions[0].(map[string]any)["reason"])
	require.Len(t, decode(t, g.do("GET", "/flags/colour/versions?before=2&limit=1", ""))["versions"], 1)
	requireProblem(t, g.do("GET", "/flags/typo/versions", ""), http.StatusNotFound, "unknown-flag")
	requireProblem(t, g.do("GET", "/flags/colour/versions?limit=1000", ""), http.StatusBadRequest, "invalid")
}

const newFlag = `{"flag": {"type": "bool"}, "reason": "to come"}`

func TestAdminWritesOnlyOverWhatTheClientSaw(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	for _, kind := range []string{"/flags/beta", "/segments/early"} {
		requireProblem(t, g.do("PUT", kind, newFlag), http.StatusPreconditionRequired, "precondition-required")
		requireProblem(t, g.do("DELETE", kind+"?reason=done", ""), http.StatusPreconditionRequired, "precondition-required")
	}
	p := requireProblem(t, g.do("PUT", "/flags/beta", newFlag, "If-None-Match", "*"), http.StatusPreconditionFailed, "changed")
	require.EqualValues(t, 1, p.Version)
	p = requireProblem(t, g.do("PUT", "/flags/beta", newFlag, "If-Match", `"7"`), http.StatusPreconditionFailed, "changed")
	require.EqualValues(t, 1, p.Version)
	for _, match := range []string{"1", `W/"1"`, `"1", "2"`, "*", `"0"`, `"-1"`, `"x"`, `"`} {
		requireProblem(t, g.do("PUT", "/flags/beta", newFlag, "If-Match", match), http.StatusBadRequest, "invalid")
	}
	w := g.do("PUT", "/flags/fresh", newFlag, "If-None-Match", "*")
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	require.Equal(t, w.Body.String(), g.do("PUT", "/flags/fresh", newFlag, "If-None-Match", "*").Body.String(), "sent again it is the same")
	p = requireProblem(t, g.do("PUT", "/flags/unheard", newFlag, "If-Match", `"1"`), http.StatusPreconditionFailed, "changed")
	require.Zero(t, p.Version, "nothing is stored")
	otherFlag := strings.Replace(newFlag, "bool", `bool", "owner": "ann`, 1)
	requireProblem(t, g.do("PUT", "/flags/fresh", otherFlag, "If-None-Match", "*"), http.StatusPreconditionFailed, "changed")
	requireProblem(t, g.do("DELETE", "/flags/fresh?reason=done", "", "If-Match", `"2"`), http.StatusPreconditionFailed, "changed")
	require.Equal(t, http.StatusNoContent, g.do("DELETE", "/flags/fresh?reason=done", "", "If-Match", `"1"`).Code)
	requireProblem(t, g.do("DELETE", "/flags/fresh?reason=done", "", "If-Match", `"2"`), http.StatusNotFound, "unknown-flag")
	d, err := g.set.Flag("beta")
	require.NoError(t, err)
	require.EqualValues(t, 1, d.Version)
}

func TestAdminWritesOverARowThatCannotBeRead(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	_, err := g.store.Write(t.Context(), flags.Write{Base: g.set.Revision(), Records: []flags.Record{
		{Kind: flags.KindFlag, Key: "beta", Version: 2, Body: json.RawMessage(`{"key": "beta", "type": "of tomorrow"}`)},
	}})
	require.NoError(t, err)
	require.NoError(t, g.set.Load(t.Context()))
	shown := g.do("GET", "/flags/beta", "")
	require.Contains(t, decode(t, shown)["fault"], "type: ")
	p := requireProblem(t, g.do("PUT", "/flags/beta", newFlag, "If-Match", shown.Header().Get("Etag")), http.StatusPreconditionFailed, "changed")
	require.EqualValues(t, 2, p.Version, "the stored one, not the last good one")
	require.Equal(t, http.StatusOK, g.do("PUT", "/flags/beta", newFlag, "If-Match", `"2"`).Code)
}

func TestAdminNamesThePathOfAFault(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	for body, field := range map[string]string{
		`{"flag": {"type": "bool", "rules": [{"if": {"attr": "a", "op": "like", "value": "x"}, "serve": "on"}]}, "reason": "r"}`: "rules[0].if.op",
		`{"flag": {"type": "bool", "rules": [{"if": {"attr": "a", "op": "exists"}, "serve": "maybe"}]}, "reason": "r"}`:          "rules[0].serve",
		`{"flag": {"type": "bool", "colour": 1}, "reason": "r"}`:                                                                 "colour",
		`{"flag": {"type": "bool", "key": "other"}, "reason": "r"}`:                                                              "key",
		`{"flag": {"type": "bool"}}`:                  "reason",
		`{"flag": {"type": "bool"}, "reason": "  "}`:  "reason",
		`{"reason": "r"}`:                             "definition",
		`{"flag": 7, "reason": "r"}`:                  "definition",
		`{"flag": {"type": "bool"}, "reason": "r"} x`: "body",
		`{"flag": {"type": "bool"}, "why": "r"}`:      "body",
		`{`:                                           "body",
	} {
		p := requireProblem(t, g.do("PUT", "/flags/fresh", body, "If-None-Match", "*"), http.StatusBadRequest, "invalid")
		require.Equal(t, field, p.Field, "%s: %s", body, p.Detail)
	}
	_, err := g.set.Flag("fresh")
	require.ErrorIs(t, err, flags.ErrUnknownFlag)
}

func TestAdminBoundsAndTypesBodies(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.admin = flagshttp.Admin(g.set, authorize, &flagshttp.Options{MaxBody: 100})
	large := `{"reason": "` + strings.Repeat("r", 200) + `"}`
	requireProblem(t, g.do("POST", "/flags/beta/switch", large), http.StatusRequestEntityTooLarge, "too-large")
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"} {
		w := g.do("POST", "/flags/beta/switch", `{"disabled": true, "reason": "r"}`, "Content-Type", kind)
		requireProblem(t, w, http.StatusUnsupportedMediaType, "media-type")
	}
	require.Equal(t, http.StatusOK, g.do("POST", "/flags/beta/switch", `{"disabled": true, "reason": "r"}`, "Content-Type", "application/json; charset=utf-8").Code)
}

func TestAdminSwitchesAndReverts(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	w := g.do("POST", "/flags/beta/switch", `{"disabled": true, "reason": "it burns"}`)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.NotContains(t, decode(t, g.ask("/flags/beta", "acme")), "value")
	requireProblem(t, g.do("POST", "/flags/beta/switch", `{"reason": "it burns"}`), http.StatusBadRequest, "invalid")

	w = g.do("POST", "/flags/beta/revert", `{"version": 1, "reason": "mended"}`)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Equal(t, `"3"`, w.Header().Get("Etag"))
	require.Equal(t, true, decode(t, g.ask("/flags/beta", "acme"))["value"])
	requireProblem(t, g.do("POST", "/flags/beta/revert", `{"version": 9, "reason": "r"}`), http.StatusNotFound, "not-found")
}

func TestAdminMovesRamps(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	requireProblem(t, g.do("POST", "/flags/fresh/ramp", `{"ramp": {"stages": [{"percent": 5}]}, "reason": "r"}`), http.StatusNotFound, "unknown-flag")
	require.Equal(t, http.StatusCreated, g.do("PUT", "/flags/fresh", newFlag, "If-None-Match", "*").Code)
	requireProblem(t, g.do("POST", "/flags/fresh/advance", `{"reason": "r"}`), http.StatusConflict, "no-ramp")
	requireProblem(t, g.do("POST", "/flags/fresh/ramp", `{"reason": "r"}`), http.StatusBadRequest, "invalid")
	p := requireProblem(t, g.do("POST", "/flags/fresh/ramp", `{"ramp": {"stages": [{"percent": 500}]}, "reason": "r"}`), http.StatusBadRequest, "invalid")
	require.Contains(t, p.Field, "stages[0].percent")

	steps := []struct{ path, body, state string }{
		{"ramp", `{"ramp": {"stages": [{"percent": 5}, {"percent": 100}]}, "reason": "go"}`, "running"},
		{"advance", `{"reason": "first"}`, "running"},
		{"pause", `{"reason": "lunch"}`, "paused"},
		{"resume", `{"reason": "back"}`, "running"},
		{"advance", `{"reason": "second"}`, "running"},
		{"rollback", `{"reason": "too fast"}`, "rolled_back"},
		{"resume", `{"reason": "mended"}`, "running"},
	}
	for i, step := range steps {
		w := g.do("POST", "/flags/fresh/"+step.path, step.body)
		require.Equal(t, http.StatusOK, w.Code, "%s: %s", step.path, w.Body)
		require.Equal(t, fmt.Sprintf(`"%d"`, i+2), w.Header().Get("Etag"))
		d, err := g.set.Flag("fresh")
		require.NoError(t, err)
		require.Equal(t, step.state, string(d.Rollout.Ramp.State), step.path)
	}
}

func TestAdminExplains(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	m := decode(t, g.do("POST", "/flags/colour/explain", `{"tenant": "acme", "attributes": {"plan": "secret-plan", "n": 1, "b": true, "none": null}}`))
	require.Equal(t, "none", m["variant"])
	require.Equal(t, "", m["value"])
	require.Equal(t, "rule", m["cause"])
	require.Contains(t, m["text"], "secret-rule")
	require.NotEmpty(t, m["steps"])
	m = decode(t, g.do("POST", "/flags/colour/explain", `{}`))
	require.Equal(t, "blue", m["variant"])
	requireProblem(t, g.do("POST", "/flags/colour/explain", `{"attributes": {"plan": []}}`), http.StatusBadRequest, "invalid")
	requireProblem(t, g.do("POST", "/flags/typo/explain", `{}`), http.StatusNotFound, "unknown-flag")
}

func TestAdminTellsWhomAChangeWouldFlip(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	diff := func(key, flag string) any {
		return decode(t, g.do("POST", "/flags/"+key+"/diff", `{"flag": `+flag+`}`))["flips"]
	}
	require.Equal(t, []any{
		map[string]any{"tenant": "acme", "before": "on", "after": "off"}, map[string]any{"tenant": "zenith", "before": "off", "after": "on"},
	}, diff("beta", `{"type": "bool", "tenants": {"zenith": "on"}}`))
	nobody := diff("beta", `{"type": "bool", "tenants": {"acme": "on", "secret-tenant": "on"}}`)
	require.Equal(t, []any{}, nobody, "a list without elements is a list")
	require.Len(t, diff("new", `{"type": "bool", "default": "on"}`), 2)
	requireProblem(t, g.do("POST", "/flags/beta/diff", `{"flag": {"type": "boolean"}}`), http.StatusBadRequest, "invalid")
	bare := flags.NewSet(g.store, nil)
	require.NoError(t, bare.Load(t.Context()))
	w := serve(flagshttp.Admin(bare, authorize, nil), request("POST", "/flags/beta/diff", `{"flag": {"type": "bool"}}`))
	requireProblem(t, w, http.StatusNotImplemented, "no-population")
}

func TestAdminKeepsSegments(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	body := `{"segment": {"if": {"attr": "tenant", "op": "in", "values": ["acme"]}}, "reason": "first ones"}`
	w := g.do("PUT", "/segments/early", body, "If-None-Match", "*")
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	require.Equal(t, `"1"`, g.do("GET", "/segments/early", "").Header().Get("Etag"))
	require.Len(t, decode(t, g.do("GET", "/segments", ""))["segments"], 1)
	p := requireProblem(t, g.do("PUT", "/segments/early", strings.Replace(body, "acme", "zenith", 1), "If-Match", `"4"`), http.StatusPreconditionFailed, "changed")
	require.EqualValues(t, 1, p.Version)
	bad := `{"segment": {"if": {"attr": "tenant", "op": "matches", "value": "("}}, "reason": "r"}`
	p = requireProblem(t, g.do("PUT", "/segments/early", bad, "If-Match", `"1"`), http.StatusBadRequest, "invalid")
	require.Equal(t, "if.value", p.Field)
	other := `{"segment": {"key": "x", "if": {"attr": "a", "op": "exists"}}, "reason": "r"}`
	requireProblem(t, g.do("PUT", "/segments/early", other, "If-Match", `"1"`), http.StatusBadRequest, "invalid")

	used := `{"flag": {"type": "bool", "rules": [{"if": {"segment": "early"}, "serve": "on"}]}, "reason": "r"}`
	require.Equal(t, http.StatusCreated, g.do("PUT", "/flags/used", used, "If-None-Match", "*").Code)
	requireProblem(t, g.do("DELETE", "/segments/early?reason=r", "", "If-Match", `"1"`), http.StatusConflict, "in-use")
	require.Equal(t, http.StatusNoContent, g.do("DELETE", "/flags/used?reason=r", "", "If-Match", `"1"`).Code)
	requireProblem(t, g.do("DELETE", "/segments/early?reason=", "", "If-Match", `"1"`), http.StatusBadRequest, "invalid")
	p = requireProblem(t, g.do("DELETE", "/segments/early?reason=r", "", "If-Match", `"2"`), http.StatusPreconditionFailed, "changed")
	require.EqualValues(t, 1, p.Version)
	require.Equal(t, http.StatusNoContent, g.do("DELETE", "/segments/early?reason=r", "", "If-Match", `"1"`).Code)
	requireProblem(t, g.do("GET", "/segments/early", ""), http.StatusNotFound, "not-found")
}

func TestAdminListsStaleFlags(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	require.Empty(t, decode(t, g.do("GET", "/stale", ""))["stale"])
	past := `{"flag": {"type": "bool", "owner": "quotes", "expires": "2020-01-01T00:00:00Z"}, "reason": "r"}`
	require.Equal(t, http.StatusCreated, g.do("PUT", "/flags/past", past, "If-None-Match", "*").Code)
	stale := decode(t, g.do("GET", "/stale", ""))["stale"].([]any)
	require.Len(t, stale, 1)
	require.Equal(t, "quotes", stale[0].(map[string]any)["owner"])
	require.Equal(t, true, stale[0].(map[string]any)["expired"])
}

// everything is each route of Admin with what it is called when one asks whether one may.
var everything = map[string]flagshttp.Action{
	"GET /flags": flagshttp.Read, "GET /flags/beta": flagshttp.Read, "GET /flags/beta/versions": flagshttp.Read,
	"POST /flags/beta/explain": flagshttp.Read, "POST /flags/beta/diff": flagshttp.Read, "GET /segments": flagshttp.Read,
	"GET /segments/early": flagshttp.Read, "GET /stale": flagshttp.Read,
	"PUT /flags/beta": flagshttp.Write, "DELETE /flags/beta": flagshttp.Write, "POST /flags/beta/switch": flagshttp.Write,
	"POST /flags/beta/revert": flagshttp.Write, "PUT /segments/early": flagshttp.Write, "DELETE /segments/early": flagshttp.Write,
	"POST /flags/beta/ramp": flagshttp.Move, "POST /flags/beta/advance": flagshttp.Move, "POST /flags/beta/pause": flagshttp.Move,
	"POST /flags/beta/resume": flagshttp.Move, "POST /flags/beta/rollback": flagshttp.Move,
}

func TestAdminAsksWhetherOneMayBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	before := g.set.Revision()
	for route, action := range everything {
		method, target, _ := strings.Cut(route, " ")
		requireProblem(t, g.do(method, target, "{", "Roles", ""), http.StatusUnauthorized, "unauthenticated")
		for _, role := range []flagshttp.Action{flagshttp.Read, flagshttp.Write, flagshttp.Move} {
			w := g.do(method, target, "{", "Roles", string(role))
			if role == action {
				require.NotContains(t, []int{http.StatusForbidden, http.StatusUnauthorized}, w.Code, route)
			} else {
				requireProblem(t, w, http.StatusForbidden, "denied")
			}
		}
	}
	require.Equal(t, before, g.set.Revision())
}

func TestAdminMethodsAndPages(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	for target, allow := range map[string]string{
		"/flags": "GET, HEAD", "/flags/beta": "GET, HEAD, PUT, DELETE", "/flags/beta/ramp": "POST", "/segments/early": "GET, HEAD, PUT, DELETE",
	} {
		w := g.do("PATCH", target, "")
		requireProblem(t, w, http.StatusMethodNotAllowed, "method-not-allowed")
		require.Equal(t, allow, w.Header().Get("Allow"))
	}
	for _, target := range []string{"/", "/flag", "/flags/beta/typo", "/flags/beta/ramp/x", "/stale/x"} {
		requireProblem(t, g.do("GET", target, ""), http.StatusNotFound, "not-found")
	}
	requireProblem(t, g.do("GET", "/flags/%3Cscript%3E", ""), http.StatusNotFound, "unknown-flag")
}

func TestAdminWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.store.leave()
	require.Equal(t, http.StatusOK, g.do("GET", "/flags", "").Code)
	require.Equal(t, http.StatusOK, g.do("POST", "/flags/beta/explain", `{"tenant": "acme"}`).Code)
	w := g.do("POST", "/flags/beta/switch", `{"disabled": true, "reason": "r"}`)
	requireProblem(t, w, http.StatusServiceUnavailable, "unavailable")
	require.Equal(t, "5", w.Header().Get("Retry-After"))
	requireProblem(t, g.do("GET", "/stale", ""), http.StatusServiceUnavailable, "unavailable")
	cold := flagshttp.Admin(flags.NewSet(flags.NewMemoryStore(nil), nil), authorize, nil)
	requireProblem(t, serve(cold, request("GET", "/flags", "")), http.StatusServiceUnavailable, "unavailable")
}

func TestAdminMovesNoRampOfARowThatCannotBeRead(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	require.Equal(t, http.StatusOK, g.do("POST", "/flags/beta/ramp", `{"ramp": {"stages": [{"percent": 5}, {"percent": 50}]}, "reason": "r"}`).Code)
	_, err := g.store.Write(t.Context(), flags.Write{Base: g.set.Revision(), Records: []flags.Record{
		{Kind: flags.KindFlag, Key: "beta", Version: 3, Body: json.RawMessage(`{"key": "beta", "type": "of tomorrow"}`)},
	}})
	require.NoError(t, err)
	requireProblem(t, g.do("POST", "/flags/beta/advance", `{"reason": "r"}`), http.StatusConflict, "conflict")
	versions, err := g.set.Versions(t.Context(), "beta", 0, 1)
	require.NoError(t, err)
	require.EqualValues(t, 3, versions[0].Version)
}
