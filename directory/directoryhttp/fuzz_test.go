package directoryhttp_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directoryhttp"
)

// FuzzSearch looks for a query that is answered by anything but a page or a problem that says whose fault it is.
func FuzzSearch(f *testing.F) {
	for _, query := range []string{"q=%25", "q=a&service=b&limit=3", "after=x", "facet=services&sort=name", "q=\xff", "limit=-1"} {
		f.Add(query)
	}
	h := directoryhttp.Handler(directory.NewBook(directory.NewMemoryStore(nil), nil), nil)
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, "/partners", nil)
		r.URL = &url.URL{Path: "/partners", RawQuery: query}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Contains(t, []int{http.StatusOK, http.StatusBadRequest}, w.Code, query)
	})
}
