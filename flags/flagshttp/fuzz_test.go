package flagshttp_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagshttp"
)

// FuzzAdmin sends what somebody who may do everything can send. A definition is refused, with the place of its fault, or
// it is stored and can be evaluated, explained and shown.
func FuzzAdmin(f *testing.F) {
	for _, seed := range []string{
		`{"type": "bool"}`, `{"type": "int", "variants": [{"name": "a", "value": 1e3}], "default": "a"}`,
		`{"type": "bool", "rules": [{"if": {"not": {"attr": "a", "op": "matches", "value": "^x"}}, "serve": "on"}]}`,
		`{"type": "bool", "rollout": {"percent": 0.1, "ramp": {"stages": [{"percent": 5, "at": "2026-01-01T00:00:00Z"}]}}}`, `[]`, `{`, `null`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, definition string) {
		set := flags.NewSet(flags.NewMemoryStore(nil), nil)
		if err := set.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		admin, front := flagshttp.Admin(set, authorize, nil), flagshttp.Handler(set, byHeader, nil)
		body := `{"reason": "fuzz", "flag": ` + definition + `}`
		w := serve(admin, request("PUT", "/flags/beta", body, "If-None-Match", "*"))
		if !slices.Contains([]int{http.StatusCreated, http.StatusBadRequest}, w.Code) {
			t.Fatalf("%s: %d %s", body, w.Code, w.Body)
		}
		if w.Code == http.StatusBadRequest {
			requireProblem(t, w, http.StatusBadRequest, "invalid")
			return
		}
		for _, r := range []*http.Request{
			request("GET", "/flags/beta", ""), request("POST", "/flags/beta/explain", `{"tenant": "acme", "attributes": {"a": "x"}}`),
		} {
			if w := serve(admin, r); w.Code != http.StatusOK {
				t.Fatalf("%s: %s: %d %s", body, r.URL, w.Code, w.Body)
			}
		}
		if w := serve(front, request("GET", "/flags", "", "Tenant", "acme")); w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", body, w.Code, w.Body)
		}
	})
}
