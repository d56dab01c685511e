package entitlementshttp_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementshttp"
)

// FuzzHandler sends what a client may choose. Whatever it is, the handler answers with one of the documented statuses,
// redirects nobody, and says to all who are refused the same.
func FuzzHandler(f *testing.F) {
	f.Add("GET", "/entitlements/rates", "*")
	f.Add("HEAD", "/limits/../rates", `W/"`)
	f.Add("POST", "limits//", "\x00")
	gate := entitlements.NewGate(entitlements.NewMemoryStore(nil), nil)
	if _, err := gate.ApplyCatalog(f.Context(), catalog); err != nil {
		f.Fatal(err)
	}
	h := entitlementshttp.Handler(gate, byHeader, nil)
	refusals := []string{""} // of a HEAD
	for _, r := range []*http.Request{request("GET", "/x", "acme"), request("GET", "/limits/x", "acme"), request("PUT", "/entitlements", "acme")} {
		refusals = append(refusals, serve(h, r).Body.String())
	}
	f.Fuzz(func(t *testing.T, method, path, match string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Method, r.URL.Path = method, path
		r.Header.Set("Tenant", "acme")
		r.Header.Set("If-None-Match", match)
		w := serve(h, r)
		if !slices.Contains([]int{200, 304, 404, 405}, w.Code) || w.Header().Get("Location") != "" {
			t.Fatalf("%q %q: %d %v", method, path, w.Code, w.Header())
		}
		if w.Code >= http.StatusBadRequest && !slices.Contains(refusals, w.Body.String()) {
			t.Fatalf("%q %q is reflected: %s", method, path, w.Body)
		}
	})
}
