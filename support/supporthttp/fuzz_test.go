package supporthttp_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supporthttp"
)

// FuzzOpen looks for a body that is answered by anything but a ticket or a problem that says whose fault it is.
func FuzzOpen(f *testing.F) {
	for _, body := range []string{`{"priority":"P1","issue":"x"}`, `{"priority":"P9"}`, `{}`, `[]`, "{\"issue\":\"\xff\"}", `{"id":{}}`} {
		f.Add(body)
	}
	h := supporthttp.Handler(support.NewDesk(support.NewMemoryStore(nil)), nil, who, nil)
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, "/support/tickets", strings.NewReader(body))
		r.Header.Set("Authorization", "acme/ann")
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Contains(t, []int{http.StatusCreated, http.StatusBadRequest, http.StatusRequestEntityTooLarge}, w.Code, body)
	})
}
