package directoryhttp_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directoryhttp"
)

// leaving is a store that has so many partners to list and is away from then on.
type leaving struct {
	directory.Store
	partners int
}

func (s leaving) List(_ context.Context, q directory.ListQuery) ([]*directory.Dossier, error) {
	if q.After != "" || s.partners == 0 {
		return nil, tenon.ErrUnavailable
	}
	one := &directory.Dossier{}
	one.Tenant, one.ID, one.Draft.Name = q.Tenant, tenon.NewID(time.Now()), strings.Repeat("x", 100)
	all := make([]*directory.Dossier, min(q.Limit, s.partners))
	for i := range all {
		all[i] = one
	}
	return all, nil
}

func TestHalfAFileIsBrokenOffAndNoneIsAProblem(t *testing.T) {
	t.Parallel()
	export := func(partners int) answer {
		book := directory.NewBook(leaving{directory.NewMemoryStore(nil), partners}, nil)
		return sendAs(directoryhttp.Own(book, tenant, nil), "acme", "GET", "/directory.csv", "", "")
	}
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { export(500) }, "half a file must not look like a whole one")
	a := export(0)
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	require.Empty(t, a.header.Get("Content-Disposition"))
}

func TestNothingIsKeptOfAFileThatIsTooLargeOrBrokenOff(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	post := func(body io.Reader) int {
		r := httptest.NewRequest(http.MethodPost, "/directory.csv", struct{ io.Reader }{body}) // of unknown length
		r.Header.Set("Authorization", "acme")
		r.Header.Set("Content-Type", "text/csv")
		w := httptest.NewRecorder()
		s.own.ServeHTTP(w, r)
		return w.Code
	}
	large := "company_name\n" + strings.Repeat("x\n", 4<<10)
	require.Equal(t, http.StatusRequestEntityTooLarge, post(strings.NewReader(large)))
	require.Equal(t, http.StatusBadRequest, post(io.MultiReader(strings.NewReader("company_name\nOne\n"), broken{})))
	require.Empty(t, s.acme("GET", "/directory", "").body["partners"])
}

// broken is a body whose sender has gone.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
