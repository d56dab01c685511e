package entitlementshttp_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementshttp"
)

func limited(hard, soft int64, period entitlements.Period) entitlements.Allowance {
	return entitlements.Allowance{Limits: []entitlements.Limit{{Hard: hard, Soft: soft, Period: period}}}
}

var catalog = entitlements.Catalog{
	Features: []entitlements.Feature{
		{Key: "rates", Kind: entitlements.Metered},
		{Key: "bulk_rating", Kind: entitlements.Metered, Fallback: entitlements.Fallback{Policy: entitlements.FailOpen}},
		{Key: "setups", Kind: entitlements.Metered},
		{Key: "directory", Kind: entitlements.Gauge},
		{Key: "white_label", Kind: entitlements.Boolean},
		{Key: "retention", Kind: entitlements.Config},
	},
	Plans: []entitlements.Plan{
		{ID: "starter", Tier: 1, Features: map[string]entitlements.Allowance{
			"rates": limited(2, 1, entitlements.Monthly), "directory": limited(1, 0, entitlements.Period{}),
			"setups": limited(1, 0, entitlements.Period{}), "retention": {Value: "30"},
		}},
		{ID: "pro", Tier: 2, Features: map[string]entitlements.Allowance{
			"rates": limited(10, 5, entitlements.Monthly), "directory": limited(10, 0, entitlements.Period{}),
			"bulk_rating": limited(4, 0, entitlements.Monthly),
		}},
		{ID: "enterprise", Tier: 3, Features: map[string]entitlements.Allowance{
			"rates":       limited(entitlements.Unlimited, entitlements.Unlimited, entitlements.Monthly),
			"white_label": limited(1, 1, entitlements.Period{}),
		}},
	},
}

// faultyStore is a memory store whose operations may be made to fail, before or after they are carried out.
type faultyStore struct {
	*entitlements.MemoryStore
	before, after atomic.Pointer[func(entitlements.Op) error]
	away          atomic.Bool
}

func (s *faultyStore) failBefore(f func(entitlements.Op) error) { s.before.Store(&f) }
func (s *faultyStore) failAfter(f func(entitlements.Op) error)  { s.after.Store(&f) }

func (s *faultyStore) Load(ctx context.Context, tenants []string, now time.Time) ([]entitlements.Standing, error) {
	if s.away.Load() {
		return nil, tenon.ErrUnavailable
	}
	return s.MemoryStore.Load(ctx, tenants, now)
}

func (s *faultyStore) Versions(ctx context.Context) (*entitlements.Versions, error) {
	if s.away.Load() {
		return nil, tenon.ErrUnavailable
	}
	return s.MemoryStore.Versions(ctx)
}

func (s *faultyStore) Settle(ctx context.Context, ops []entitlements.Op) ([]entitlements.Outcome, error) {
	if s.away.Load() {
		return nil, tenon.ErrUnavailable
	}
	if f := s.before.Load(); f != nil {
		if err := (*f)(ops[0]); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	outcomes, err := s.MemoryStore.Settle(ctx, ops)
	if f := s.after.Load(); f != nil && err == nil {
		if err := (*f)(ops[0]); err != nil {
			return nil, err
		}
	}
	return outcomes, err
}

// on returns a fault of the operations of one kind.
func on(kind entitlements.OpKind, err error) func(entitlements.Op) error {
	return func(op entitlements.Op) error {
		if op.Kind == kind {
			return err
		}
		return nil
	}
}

// rig is a gate over a store with tenants that are named as their plans, and "nobody" that has none.
type rig struct {
	t     *testing.T
	store *faultyStore
	gate  *entitlements.Gate
}

func newRig(t *testing.T) *rig {
	t.Helper()
	store := &faultyStore{MemoryStore: entitlements.NewMemoryStore(nil)}
	g := &rig{t: t, store: store, gate: entitlements.NewGate(store, nil)}
	_, err := g.gate.ApplyCatalog(t.Context(), catalog)
	require.NoError(t, err)
	for _, plan := range []string{"starter", "pro", "enterprise"} {
		_, err := g.gate.Subscribe(t.Context(), entitlements.Subscription{Tenant: plan, Plan: plan})
		require.NoError(t, err)
	}
	return g
}

// standing returns what the tenant's decision about a feature is in the store, past every view in memory.
func (g *rig) standing(tenant, feature string) entitlements.Decision {
	g.t.Helper()
	x, err := g.gate.Explain(context.WithoutCancel(g.t.Context()), tenant, feature)
	require.NoError(g.t, err)
	return x.Decision
}

func (g *rig) requireUse(tenant, feature string, used, held int64) {
	g.t.Helper()
	d := g.standing(tenant, feature)
	require.Equal(g.t, [2]int64{used, held}, [2]int64{d.Used, d.Held}, "used and held")
}

// consume uses up units past all middleware.
func (g *rig) consume(tenant, feature string, quantity int64) {
	g.t.Helper()
	d, err := g.gate.Consume(g.t.Context(), entitlements.Use{Tenant: tenant, Feature: feature, Quantity: quantity})
	require.NoError(g.t, err)
	require.True(g.t, d.Allowed)
}

func byHeader(r *http.Request) (string, error) { return r.Header.Get("Tenant"), nil }

// meter wraps a handler in a Meter of rates.
func (g *rig) meter(opts *entitlementshttp.Options, f http.HandlerFunc) http.Handler {
	return entitlementshttp.Meter(g.gate, "rates", entitlementshttp.Units(1), byHeader, opts)(f)
}

func request(method, target, tenant string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.Header.Set("Tenant", tenant)
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// problem is what a client reads of a problem document.
type problem struct {
	Type, Title, Detail, Field, Feature, Reason, Plan, Upgrade string
	Status                                                     int
	Hard, Soft, Used, Held, Remaining                          *int64
	ResetsAt                                                   *time.Time `json:"resets_at"`
}

func requireProblem(t *testing.T, w *httptest.ResponseRecorder, status int, name string) problem {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body)
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	var p problem
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	require.Equal(t, "urn:tenon:problem:"+name, p.Type)
	require.Equal(t, status, p.Status)
	require.Equal(t, http.StatusText(status), p.Title)
	require.NotEmpty(t, p.Detail)
	return p
}

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("done")) }
