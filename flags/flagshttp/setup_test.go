package flagshttp_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagshttp"
)

// definitions has a flag of each way to an answer, and names of tenants and rules that nobody else should read.
const definitions = `[
  {"key": "beta", "type": "bool", "tenants": {"acme": "on", "secret-tenant": "on"}},
  {"key": "broken", "type": "bool", "disabled": true, "tenants": {"acme": "on"}},
  {"key": "colour", "type": "string", "default": "blue", "by": "user",
   "variants": [{"name": "blue", "value": "#00f"}, {"name": "none", "value": ""}],
   "rules": [{"id": "secret-rule", "if": {"attr": "plan", "op": "equal", "value": "secret-plan"}, "serve": "none"}]},
  {"key": "limit", "type": "int", "default": "zero", "variants": [{"name": "zero", "value": 0}]},
  {"key": "theme", "type": "json", "default": "dark", "variants": [{"name": "dark", "value": {"a": [1]}}]}
]`

// awayStore is a memory store that may be away.
type awayStore struct {
	*flags.MemoryStore
	mu   sync.Mutex
	away bool
}

func (s *awayStore) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = true
}

func (s *awayStore) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return tenon.ErrUnavailable
	}
	return nil
}

func (s *awayStore) Load(ctx context.Context, since int64) (flags.Update, error) {
	if err := s.err(); err != nil {
		return flags.Update{}, err
	}
	return s.MemoryStore.Load(ctx, since)
}

// rig is a set with the definitions, and the handlers over it.
type rig struct {
	t     *testing.T
	store *awayStore
	set   *flags.Set
	front http.Handler
	admin http.Handler
}

func newRig(t *testing.T) *rig {
	t.Helper()
	g := &rig{t: t, store: &awayStore{MemoryStore: flags.NewMemoryStore(nil)}}
	g.set = flags.NewSet(g.store, &flags.Options{
		Population: func(context.Context) ([]flags.Who, error) {
			return []flags.Who{{Tenant: "acme"}, {Tenant: "zenith"}}, nil
		},
	})
	var raw []json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(definitions), &raw))
	for _, one := range raw {
		d, err := flags.ParseDefinition(strings.NewReader(string(one)))
		require.NoError(t, err)
		require.NoError(t, g.set.Declare(t.Context(), d))
	}
	g.front = flagshttp.Handler(g.set, byHeader, nil)
	g.admin = flagshttp.Admin(g.set, authorize, nil)
	return g
}

var errNobody = errors.New("nobody")

// byHeader takes the tenant from a header, as no host should.
func byHeader(r *http.Request) (flags.Who, error) {
	switch tenant := r.Header.Get("Tenant"); tenant {
	case "away":
		return flags.Who{}, tenon.ErrUnavailable
	case "error":
		return flags.Who{Tenant: "acme"}, errNobody
	default:
		return flags.Who{Tenant: tenant}, nil
	}
}

// authorize lets everything pass that the header Roles names.
func authorize(r *http.Request, action flagshttp.Action, _ string) error {
	roles := r.Header.Get("Roles")
	switch {
	case roles == "":
		return errNobody
	case !strings.Contains(roles, string(action)):
		return tenon.ErrDenied
	}
	return nil
}

func request(method, target, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Roles", "read write move")
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r.WithContext(tenon.WithCaller(r.Context(), tenon.Caller{Actor: "ann"}))
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// ask asks the front end's handler for a tenant.
func (g *rig) ask(target, tenant string, headers ...string) *httptest.ResponseRecorder {
	return serve(g.front, request("GET", target, "", append(headers, "Tenant", tenant)...))
}

// do asks the admin's handler.
func (g *rig) do(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	return serve(g.admin, request(method, target, body, headers...))
}

func decode(t *testing.T, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	require.Equal(t, "application/json", w.Header().Get("Content-Type"), w.Body)
	var m map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &m), w.Body)
	return m
}

// problem is what a client reads of a problem document.
type problem struct {
	Type, Title, Detail, Field, Flag string
	Status                           int
	Version                          int64
}

func requireProblem(t *testing.T, w *httptest.ResponseRecorder, status int, name string) problem {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body)
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	var p problem
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	require.Equal(t, "urn:tenon:problem:"+name, p.Type, w.Body)
	require.Equal(t, status, p.Status)
	require.Equal(t, http.StatusText(status), p.Title)
	require.NotEmpty(t, p.Detail)
	return p
}
