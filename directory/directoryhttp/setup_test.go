package directoryhttp_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directoryhttp"
)

// site is a directory and its three entrances.
type site struct {
	t                  *testing.T
	book               *directory.Book
	public, own, staff http.Handler
}

// limit is what every plan lets a tenant list.
const limit = 2

type limits struct{}

func (limits) Limit(context.Context, string) (int64, error) { return limit, nil }

func newSite(t *testing.T) *site {
	t.Helper()
	book := directory.NewBook(directory.NewMemoryStore(nil), &directory.Options{
		Limits: limits{}, Key: tenon.NewSecret("0123456789abcdef0123456789abcdef"),
		Policy: directory.Policy{Required: map[string][]string{"hazmat": {"insurance"}}, HideExpired: true},
	})
	opts := &directoryhttp.Options{MaxFile: 4 << 10}
	return &site{
		t: t, book: book, public: directoryhttp.Handler(book, opts), own: directoryhttp.Own(book, tenant, opts),
		staff: directoryhttp.Staff(book, authorize, opts),
	}
}

// tenant believes the header; "broken" cannot be looked up.
func tenant(r *http.Request) (string, error) {
	switch name := r.Header.Get("Authorization"); name {
	case "":
		return "", errors.New("nobody")
	case "broken":
		return "", tenon.ErrUnavailable
	default:
		return name, nil
	}
}

func authorize(r *http.Request, action directoryhttp.Action, _ string) error {
	name, err := tenant(r)
	switch {
	case err != nil:
		return err
	case name == "staff", name == "reader" && action == directoryhttp.Read:
		return nil
	}
	return tenon.ErrDenied
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
	kind := ""
	if body != "" {
		kind = "application/json"
	}
	a := sendAs(h, from, method, path, kind, body)
	if a.text != "" {
		require.NoError(t, json.Unmarshal([]byte(a.text), &a.body), a.text)
	}
	return a
}

func sendAs(h http.Handler, from, method, path, kind, body string) answer {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", from)
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{status: w.Code, header: w.Header(), text: w.Body.String()}
}

func (s *site) acme(method, path, body string) answer {
	s.t.Helper()
	return send(s.t, s.own, "acme", method, path, body)
}

func (s *site) desk(method, path, body string) answer {
	s.t.Helper()
	return send(s.t, s.staff, "staff", method, path, body)
}

func (s *site) anybody(path string) answer {
	s.t.Helper()
	return send(s.t, s.public, "", "GET", path, "")
}

const harbour = `{"company_name": "Harbour Haulage", "description": "Reefer trucks", "services": ["reefer"],
	"regions": ["de"], "contact_email": "ops@harbour.test", "website": "https://harbour.test", "is_public": true}`

// created makes a draft of acme's and returns its id.
func (s *site) created(profile string) string {
	s.t.Helper()
	a := s.acme("POST", "/directory", profile)
	require.Equal(s.t, http.StatusCreated, a.status, a.text)
	return a.body["id"].(string)
}

// published makes a partner of acme's that the public sees.
func (s *site) published(profile string) string {
	s.t.Helper()
	id := s.created(profile)
	require.Equal(s.t, 200, s.acme("POST", "/directory/"+id+"/submit", `{"version": 1}`).status)
	a := s.desk("POST", "/directory/"+id+"/publish?tenant=acme", `{"version": 1}`)
	require.Equal(s.t, 200, a.status, a.text)
	return id
}
