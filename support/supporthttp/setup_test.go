package supporthttp_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supporthttp"
)

// office is a desk and its two entrances. Requests say who sends them: "acme/ann", and "staff/sue" or "staff/reader".
type office struct {
	t         *testing.T
	store     *support.MemoryStore
	desk      *support.Desk
	customers http.Handler
	staff     http.Handler
}

var welcome = support.Tour{
	Key: "rates", Feature: "rates", Title: "Welcome to Rates!",
	Steps: []support.TourStep{{Anchor: "#lanes", Title: "Lanes", Text: "Where to."}, {Title: "Prices", Text: "What it costs."}},
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, store: support.NewMemoryStore(nil)}
	o.desk = support.NewDesk(o.store)
	tours, err := support.NewTours(o.store, []support.Tour{welcome}, nil)
	require.NoError(t, err)
	o.customers = supporthttp.Handler(o.desk, tours, who, nil)
	o.staff = supporthttp.Staff(o.desk, support.NewFindings(o.store, nil), authorize, nil)
	return o
}

func who(r *http.Request) (support.Viewer, error) {
	tenant, user, ok := strings.Cut(r.Header.Get("Authorization"), "/")
	switch {
	case tenant == "broken":
		return support.Viewer{}, tenon.ErrUnavailable
	case !ok:
		return support.Viewer{}, errors.New("nobody")
	}
	return support.Viewer{Tenant: tenant, User: user}, nil
}

func authorize(r *http.Request, action supporthttp.Action, _ string) error {
	v, err := who(r)
	switch {
	case err != nil:
		return err
	case v.Tenant != "staff" || v.User == "reader" && action != supporthttp.Read:
		return tenon.ErrDenied
	}
	return nil
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

// send sends a request; a body is sent as JSON.
func send(t *testing.T, h http.Handler, from, method, path, body string) answer {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", from)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Header(), text: w.Body.String()}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &a.body), a.text)
	return a
}

// customer sends a request of acme's.
func (o *office) customer(method, path, body string) answer {
	o.t.Helper()
	return send(o.t, o.customers, "acme/ann", method, path, body)
}

// sue sends a request of the staff's.
func (o *office) sue(method, path, body string) answer {
	o.t.Helper()
	return send(o.t, o.staff, "staff/sue", method, path, body)
}

// opened opens a ticket of acme's and returns its id.
func (o *office) opened() string {
	o.t.Helper()
	a := o.customer("POST", "/support/tickets", `{"priority": "P1", "issue": "quotes fail"}`)
	require.Equal(o.t, http.StatusCreated, a.status, a.text)
	return a.body["id"].(string)
}
