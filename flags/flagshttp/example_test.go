package flagshttp_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagshttp"
)

// signedIn stands for the host's authentication.
func signedIn(r *http.Request) (flags.Who, error) {
	return flags.Who{Tenant: r.Header.Get("Tenant")}, nil
}

// demoSet has one flag that one tenant has.
func demoSet() *flags.Set {
	set := flags.NewSet(flags.NewMemoryStore(nil), nil)
	err := set.Declare(context.Background(), flags.Definition{
		Key: "bulk_rating", Type: flags.TypeBool, Tenants: map[string]string{"transbotai-demo": "on"},
	})
	if err != nil {
		log.Fatal(err)
	}
	return set
}

func get(h http.Handler, path, tenant string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("Tenant", tenant)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func ExampleHandler() {
	h := flagshttp.Handler(demoSet(), signedIn, nil)
	fmt.Println(get(h, "/flags", "transbotai-demo").Body)
	fmt.Println(get(h, "/flags/bulk_rating", "acme").Body)
	// Output:
	// {"flags":[{"key":"bulk_rating","value":true,"variant":"on","reason":"TARGETING_MATCH","metadata":{"version":1}}]}
	// {"key":"bulk_rating","value":false,"variant":"off","reason":"DEFAULT","metadata":{"version":1}}
}

func ExampleRequire() {
	bulkRating := flags.Bool("bulk_rating", false)
	h := flagshttp.Require(demoSet(), bulkRating, signedIn, nil)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "rated")
	}))
	for _, tenant := range []string{"transbotai-demo", "acme"} {
		w := get(h, "/", tenant)
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// 200 rated
	// 403 {"type":"urn:tenon:problem:not-switched-on","title":"Forbidden","status":403,"detail":"This is not switched on for your company yet.","flag":"bulk_rating"}
}

func ExampleAdmin() {
	staff := func(r *http.Request, _ flagshttp.Action, _ string) error {
		if r.Header.Get("Role") != "staff" {
			return tenon.ErrDenied
		}
		return nil
	}
	h := flagshttp.Admin(demoSet(), staff, nil)
	r := httptest.NewRequest("POST", "/flags/bulk_rating/switch", strings.NewReader(`{"disabled": true, "reason": "it burns"}`))
	r.Header.Set("Role", "staff")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output:
	// 200 {"flag":{"key":"bulk_rating","type":"bool","disabled":true,"tenants":{"transbotai-demo":"on"}},"version":2}
}
