package supporthttp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supporthttp"
)

func ExampleHandler() {
	desk := support.NewDesk(support.NewMemoryStore(nil)) // supportpg.New(pool, nil) in a service
	who := func(*http.Request) (support.Viewer, error) { return support.Viewer{Tenant: "acme", User: "ann"}, nil }
	api := httptest.NewServer(supporthttp.Handler(desk, nil, who, nil))
	defer api.Close()
	r, err := http.Post(api.URL+"/support/tickets", "application/json", strings.NewReader(`{"priority": "P2", "issue": "no quotes"}`))
	if err != nil {
		panic(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	fmt.Println(r.Status, strings.Contains(string(body), `"sla_hours":24`))
	// Output: 201 Created true
}

func ExampleStaff() {
	store := support.NewMemoryStore(nil)
	authorize := func(*http.Request, supporthttp.Action, string) error { return nil } // the host's roles
	api := supporthttp.Staff(support.NewDesk(store), support.NewFindings(store, nil), authorize, nil)
	w := httptest.NewRecorder()
	api.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/support/tickets?state=open", nil))
	fmt.Println(w.Code, w.Body)
	// Output: 200 {"tickets":[]}
}
