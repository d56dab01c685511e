package directoryhttp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directoryhttp"
)

func ExampleHandler() {
	book := directory.NewBook(directory.NewMemoryStore(nil), nil) // directorypg.New(pool, nil) in a service
	api := directoryhttp.Handler(book, nil)
	w := httptest.NewRecorder()
	api.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/partners?q=refrigirated&service=reefer&facet=regions", nil))
	fmt.Println(w.Code, w.Body)
	// Output: 200 {"results":[],"facets":{"regions":[]}}
}

func ExampleOwn() {
	book := directory.NewBook(directory.NewMemoryStore(nil), nil)
	tenant := func(*http.Request) (string, error) { return "acme", nil } // by the host's authentication
	if _, err := book.Create(context.Background(), "acme", directory.Profile{Name: "Harbour Haulage"}); err != nil {
		panic(err)
	}
	w := httptest.NewRecorder()
	directoryhttp.Own(book, tenant, nil).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/directory.csv", nil))
	fmt.Println(w.Code, w.Header().Get("Content-Disposition"))
	// Output: 200 attachment; filename="directory.csv"
}

func ExampleStaff() {
	book := directory.NewBook(directory.NewMemoryStore(nil), nil)
	authorize := func(*http.Request, directoryhttp.Action, string) error { return nil } // the host's roles
	w := httptest.NewRecorder()
	directoryhttp.Staff(book, authorize, nil).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/stale", nil))
	fmt.Println(w.Code, w.Body)
	// Output: 200 {"papers":[]}
}
